/*
 * EVFILT_LIBKQUEUE, and the filters and flags that are not to be had.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "contract.h"

static const struct timespec no_wait = {0, 0};

/* The entry that an EV_ADD writes, there being room for more. */
static struct kevent ask(int kq, unsigned request, intptr_t data, void *udata) {
    struct kevent entry, events[4];
    EV_SET(&entry, 0, EVFILT_LIBKQUEUE, EV_ADD, request, data, udata);
    memset(events, 0, sizeof events);
    REQUIRE_EQ(kevent(kq, &entry, 1, events, 4, &no_wait), 1);
    REQUIRE_EQ(events[0].ident, 0);
    REQUIRE_EQ(events[0].filter, EVFILT_LIBKQUEUE);
    REQUIRE_EQ(events[0].fflags, request);
    return events[0];
}

static void version_number(void) {
    struct kevent entry = ask(new_kqueue(), NOTE_VERSION, 0, NULL);
    REQUIRE(entry.data != 0);
    REQUIRE_EQ(entry.data, LIBKQUEUE_VERSION);
}

static void version_takes_one_slot_of_one(void) {
    struct kevent entry;
    int kq = new_kqueue();
    EV_SET(&entry, 0, EVFILT_LIBKQUEUE, EV_ADD, NOTE_VERSION, 0, NULL);
    REQUIRE_EQ(kevent(kq, &entry, 1, &entry, 1, NULL), 1);
    REQUIRE(entry.data != 0);
}

static void version_string(void) {
    char expected[64];
    struct kevent entry = ask(new_kqueue(), NOTE_VERSION_STR, 0, NULL);
    const char *text = entry.udata;
    REQUIRE(text != NULL);
    REQUIRE(text[0] != 0);
    snprintf(expected, sizeof expected, "%d.%d.%d", LIBKQUEUE_VERSION_MAJOR, LIBKQUEUE_VERSION_MINOR,
             LIBKQUEUE_VERSION_PATCH);
    REQUIRE(strncmp(text, expected, strlen(expected)) == 0);
}

static void file_poll_interval(void) {
#if defined __linux__ && !defined CONTRACT_PORTABLE
    posix_lacks("files are sampled, as the interval says");
    int kq = new_kqueue();
    struct kevent entry, events[2];
    EV_SET(&entry, 0, EVFILT_LIBKQUEUE, EV_ADD, NOTE_FILE_POLL_INTERVAL, 1000000, NULL);
    REQUIRE_ERRNO(kevent(kq, &entry, 1, NULL, 0, NULL), ENOSYS);
    REQUIRE_EQ(kevent(kq, &entry, 1, events, 2, NULL), 1);
    REQUIRE_EQ(events[0].flags, EV_ADD | EV_ERROR);
    REQUIRE_EQ(events[0].data, ENOSYS);
#else
    contract_skip("files are sampled here");
#endif
}

static void no_knote_results(void) {
    int kq = new_kqueue();
    static const unsigned requests[] = {NOTE_VERSION, NOTE_VERSION_STR};
    for (int i = 0; i < 2; i++) {
        ask(kq, requests[i], 0, NULL);
        require_silent(kq);
        REQUIRE_EQ(change_errno(kq, 0, EVFILT_LIBKQUEUE, EV_DELETE, requests[i], 0, NULL), ENOENT);
        REQUIRE_EQ(change_errno(kq, 0, EVFILT_LIBKQUEUE, EV_ENABLE, requests[i], 0, NULL), ENOENT);
    }
}

/* data sets, the entry tells what was before. */
static void settings_tell_the_value_before(void) {
    static const unsigned requests[] = {NOTE_FORK_CLEANUP, NOTE_THREAD_SAFE};
    int kq = new_kqueue();
    for (int i = 0; i < 2; i++) {
        intptr_t before = ask(kq, requests[i], 1, NULL).data;
        REQUIRE(before == 0 || before == 1);
        REQUIRE_EQ(ask(kq, requests[i], 0, NULL).data, 1);
        REQUIRE_EQ(ask(kq, requests[i], before, NULL).data, 0);
        REQUIRE_EQ(ask(kq, requests[i], before, NULL).data, before);
    }
    add_triggered(kq, 1, 0);
    REQUIRE_EQ(next_event(kq).ident, 1);
}

static atomic_int lines;

static void count_line(const char *line) {
    lines += line != NULL;
}

static void debug_settings(void) {
    int kq = new_kqueue();
    char prefix[] = "prefix";
    void (*function)(const char *) = count_line;
    void *pointer;
    memcpy(&pointer, &function, sizeof pointer);
    REQUIRE_EQ(ask(kq, NOTE_DEBUG, 0, NULL).data, 0);
    ask(kq, NOTE_DEBUG_PREFIX, 0, prefix);
    ask(kq, NOTE_DEBUG_FUNC, 0, pointer);
    REQUIRE_EQ(ask(kq, NOTE_DEBUG, 1, NULL).data, 0);
    add_triggered(kq, 1, EV_CLEAR);
    REQUIRE_EQ(next_event(kq).ident, 1);
    REQUIRE_EQ(ask(kq, NOTE_DEBUG, 0, NULL).data, 1);
    ask(kq, NOTE_DEBUG_FUNC, 0, NULL);
    ask(kq, NOTE_DEBUG_PREFIX, 0, NULL);
    int traced = lines;
    REQUIRE(traced > 0);
    memset(prefix, 0, sizeof prefix);
    trigger(kq, 1);
    REQUIRE_EQ(next_event(kq).ident, 1);
    REQUIRE_EQ(lines, traced);
}

#ifdef NOTE_DECLINE_DATA
/* A kqueue that does without the number of bytes, which readable descriptors have. */
static int declining(void) {
    int kq = new_kqueue();
    REQUIRE_EQ(ask(kq, NOTE_DECLINE_DATA, 1, NULL).data, 0);
    return kq;
}

static void require_data(int kq, int descriptor, intptr_t data) {
    struct kevent event = next_event(kq);
    REQUIRE_EQ(event.ident, descriptor);
    REQUIRE_EQ(event.data, data);
    REQUIRE_EQ(event.fflags, 0);
    REQUIRE_EQ(event.flags & EV_EOF, 0);
}

static void declined_on(int reader, int writer) {
    static const int flags[] = {0, EV_CLEAR, EV_DISPATCH, EV_ONESHOT};
    int kq = declining(), other = new_kqueue();
    for (int i = 0; i < 4; i++) {
        char byte[8];
        change(kq, (uintptr_t)reader, EVFILT_READ, EV_ADD | flags[i], 0, 0, NULL);
        change(other, (uintptr_t)reader, EVFILT_READ, EV_ADD, 0, 0, NULL);
        for (int round = 0; round < 2; round++) {
            put(writer, "12345");
            require_data(other, reader, 5);
            struct kevent event = next_event(kq);
            REQUIRE_EQ(event.ident, reader);
            REQUIRE(event.data == 1 || event.data == 5); /* what need not be asked may be told */
            REQUIRE_EQ(read(reader, byte, sizeof byte), 5);
            require_silent(kq);
            if (flags[i] == EV_DISPATCH)
                change(kq, (uintptr_t)reader, EVFILT_READ, EV_ENABLE, 0, 0, NULL);
            if (flags[i] == EV_ONESHOT)
                change(kq, (uintptr_t)reader, EVFILT_READ, EV_ADD | EV_ONESHOT, 0, 0, NULL);
        }
        change(kq, (uintptr_t)reader, EVFILT_READ, EV_DELETE, 0, 0, NULL);
    }
    close(kq);
    close(other);
}

static void data_is_declined(void) {
    int ends[2];
    unix_pair(ends);
    declined_on(ends[0], ends[1]);
    REQUIRE_EQ(pipe(ends), 0);
    declined_on(ends[0], ends[1]);
    REQUIRE_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    declined_on(ends[0], ends[1]);
}

/* Ends, low-water marks and other kqueues are told as ever. */
static void declining_hides_nothing(void) {
    int kq = declining(), pair[2], pipes[2];
    unix_pair(pair);
    REQUIRE_EQ(pipe(pipes), 0);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, NOTE_LOWAT, 3, NULL);
    put(pair[1], "12");
    require_silent(kq);
    put(pair[1], "345");
    require_data(kq, pair[0], 5);
    close(pair[1]);
    struct kevent event = next_event(kq);
    REQUIRE_EQ(event.data, 5);
    REQUIRE_EQ(event.flags & EV_EOF, EV_EOF);
    close(pair[0]);
    change(kq, (uintptr_t)pipes[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
    put(pipes[1], "12");
    close(pipes[1]);
    event = next_event(kq);
    REQUIRE_EQ(event.data, 2);
    REQUIRE_EQ(event.flags & EV_EOF, EV_EOF);
}

static void declining_is_a_kqueues_own(void) {
    int kq = declining(), pair[2];
    REQUIRE_EQ(ask(new_kqueue(), NOTE_DECLINE_DATA, 0, NULL).data, 0);
    REQUIRE_EQ(ask(kq, NOTE_DECLINE_DATA, 0, NULL).data, 1);
    REQUIRE_EQ(ask(kq, NOTE_DECLINE_DATA, -1, NULL).data, 0);
    unix_pair(pair);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
    put(pair[1], "12345");
    for (int i = 0; i < 3; i++)
        require_data(kq, pair[0], 5);
}

static void declining_goes_along_with_a_copy(void) {
    int kq = kqueuex(KQUEUE_CPONFORK);
    REQUIRE(kq != -1);
    REQUIRE_EQ(ask(kq, NOTE_DECLINE_DATA, 1, NULL).data, 0);
    pid_t child = fork();
    REQUIRE(child != -1);
    if (child == 0)
        _exit(ask(kq, NOTE_DECLINE_DATA, 0, NULL).data == 1 ? 0 : 1);
    int status;
    REQUIRE_EQ(waitpid(child, &status, 0), child);
    REQUIRE_EQ(status, 0);
}
#endif

static void unknown_requests(void) {
    static const unsigned requests[] = {0, 9, 10, 9999, UINT_MAX};
    int kq = new_kqueue();
    for (int i = 0; i < 5; i++)
        REQUIRE_EQ(change_errno(kq, 0, EVFILT_LIBKQUEUE, EV_ADD, requests[i], 0, NULL), EINVAL);
    require_silent(kq);
}

static void require_einval(int filter) {
    static const int actions[] = {EV_ADD, EV_ADD | EV_DISABLE, EV_DELETE, EV_ENABLE, 0};
    int kq = new_kqueue(), pair[2];
    struct kevent entry, event;
    unix_pair(pair);
    for (int i = 0; i < 5; i++) {
        REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[0], filter, actions[i], 0, 0, NULL), EINVAL);
        EV_SET(&entry, pair[0], filter, actions[i], 0, 0, NULL);
        REQUIRE_EQ(kevent(kq, &entry, 1, &event, 1, NULL), 1);
        REQUIRE_EQ(event.flags, actions[i] | EV_ERROR);
        REQUIRE_EQ(event.data, EINVAL);
    }
    require_silent(kq);
    close(kq);
    close(pair[0]);
    close(pair[1]);
}

static void filters_never_provided(void) {
    require_einval(EVFILT_AIO);
    require_einval(-10); /* EVFILT_LIO */
    int kq = new_kqueue(), pair[2];
    unix_pair(pair); /* -8 is no device; where it is a process descriptor, a socket is none */
    REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[0], -8, EV_ADD, 0, 0, NULL), EINVAL);
}

static void filters_from_minus_16(void) {
    static const int filters[] = {-16, -17, -18, -31, -32, -127, -128, -129, -256, -267, SHRT_MIN};
    for (int i = 0; i < 11; i++)
        require_einval(filters[i]);
}

static void udata_specific(void) {
    static const int flags[] = {EV_ADD | EV_UDATA_SPECIFIC, EV_ADD | EV_DISPATCH2, EV_UDATA_SPECIFIC,
                                EV_ENABLE | EV_UDATA_SPECIFIC, EV_DELETE | EV_UDATA_SPECIFIC};
    int kq = new_kqueue(), pair[2], mark;
    unix_pair(pair);
    put(pair[1], "x");
    for (int i = 0; i < 2; i++) {
        REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[0], EVFILT_READ, flags[i], 0, 0, NULL), EINVAL);
        REQUIRE_EQ(change_errno(kq, 1, EVFILT_USER, flags[i], 0, 0, NULL), EINVAL);
        REQUIRE_EQ(change_errno(kq, 1, EVFILT_TIMER, flags[i], 0, 1, NULL), EINVAL);
    }
    require_silent(kq);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, &mark);
    for (int i = 0; i < 5; i++) {
        REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[0], EVFILT_READ, flags[i], 0, 0, NULL), EINVAL);
        REQUIRE(next_event(kq).udata == &mark); /* the knote is as it was */
    }
}

const struct contract_case libkqueue_cases[] = {
    {"C-339", "NOTE_VERSION returns one entry with the version", version_number, 0},
    {"C-339", "NOTE_VERSION with room for one and no timeout", version_takes_one_slot_of_one, 0},
    {"C-340", "NOTE_VERSION_STR returns the version as text", version_string, 0},
    {"C-341", "NOTE_FILE_POLL_INTERVAL gives ENOSYS", file_poll_interval, 0},
    {"C-342", "EVFILT_LIBKQUEUE makes no knote", no_knote_results, 0},
    {"C-342", "settings return the value before", settings_tell_the_value_before, 0},
#ifdef NOTE_DECLINE_DATA
    {"C-342", "under NOTE_DECLINE_DATA READ need not say how much there is", data_is_declined, 30},
    {"C-342", "NOTE_DECLINE_DATA hides no end and no low-water mark", declining_hides_nothing, 0},
    {"C-342", "NOTE_DECLINE_DATA is a kqueue's own, and returns the value before", declining_is_a_kqueues_own, 0},
    {"C-342", "NOTE_DECLINE_DATA goes along with a copy in a child", declining_goes_along_with_a_copy, 0},
#endif
    {"C-342", "debug lines go to the given function till it is reset", debug_settings, 0},
    {"C-342", "unknown requests give EINVAL", unknown_requests, 0},
    {"C-343", "EVFILT_AIO, EVFILT_LIO and EVFILT_NETDEV give EINVAL", filters_never_provided, 0},
    {"C-344", "filters from -16 down give EINVAL", filters_from_minus_16, 0},
    {"C-345", "EV_UDATA_SPECIFIC gives EINVAL and changes nothing", udata_specific, 0},
    {NULL, NULL, NULL, 0},
};
