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
    {"C-342", "debug lines go to the given function till it is reset", debug_settings, 0},
    {"C-342", "unknown requests give EINVAL", unknown_requests, 0},
    {"C-343", "EVFILT_AIO, EVFILT_LIO and EVFILT_NETDEV give EINVAL", filters_never_provided, 0},
    {"C-344", "filters from -16 down give EINVAL", filters_from_minus_16, 0},
    {"C-345", "EV_UDATA_SPECIFIC gives EINVAL and changes nothing", udata_specific, 0},
    {NULL, NULL, NULL, 0},
};
