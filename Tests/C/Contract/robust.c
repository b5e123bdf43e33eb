/*
 * Whole tables of the calls: every mixture of good and bad entries with every
 * length of eventlist, every bad entry with its errno, and what is left of a
 * kqueue when descriptors or memory run out.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "contract.h"

static const struct timespec no_wait = {0, 0};

/* What an entry of a mixture does. */
enum kind { PLAIN, RECEIPT, FAILURE, FAILURE_RECEIPT, KINDS };
enum { LENGTH = 4, BYSTANDER = 99 };

static void set_kind(struct kevent *entry, int index, enum kind kind) {
    static const int flags[] = {EV_ADD, EV_ADD | EV_RECEIPT, EV_DELETE, EV_DELETE | EV_RECEIPT};
    EV_SET(entry, index, EVFILT_USER, flags[kind], 0, index, entry);
}

/* One call with these kinds, checked against the order of work in section 1.2. */
static void require_mixture(int kq, const enum kind kinds[LENGTH], int nevents, bool one_array) {
    struct kevent changes[LENGTH + 2], given[LENGTH], apart[LENGTH + 2], want[LENGTH + 2];
    struct kevent *events = one_array ? changes : apart;
    bool applied[LENGTH] = {false};
    int written = 0, result = 0, code = 0;
    memset(changes, 0xa5, sizeof changes);
    memset(apart, 0xa5, sizeof apart);
    for (int i = 0; i < LENGTH; i++)
        set_kind(&changes[i], i, kinds[i]);
    memcpy(given, changes, sizeof given);
    bool stopped = false;
    for (int i = 0; i < LENGTH && !stopped; i++) {
        bool failure = kinds[i] == FAILURE || kinds[i] == FAILURE_RECEIPT;
        applied[i] = !failure;
        if (kinds[i] == PLAIN)
            continue;
        if (written == nevents) {
            stopped = true;
            code = failure ? ENOENT : 0;
            continue;
        }
        want[written] = given[i];
        want[written].flags |= EV_ERROR;
        want[written++].data = failure ? ENOENT : 0;
    }
    result = code != 0 ? -1 : written;
    bool collects = !stopped && written == 0 && nevents > 0;
    errno = 0;
    int got = kevent(kq, changes, LENGTH, events, nevents, &no_wait);
    int got_code = got == -1 ? errno : 0;
    if (got != (collects ? 1 : result) || got_code != code)
        contract_fail(__FILE__, __LINE__, "kinds %d %d %d %d, room %d: got %d, errno %d; wanted %d, errno %d",
                      kinds[0], kinds[1], kinds[2], kinds[3], nevents, got, got_code, collects ? 1 : result, code);
    for (int i = 0; i < written; i++) {
        REQUIRE_EQ(events[i].ident, want[i].ident);
        REQUIRE_EQ(events[i].filter, want[i].filter);
        REQUIRE_EQ(events[i].flags, want[i].flags);
        REQUIRE_EQ(events[i].fflags, want[i].fflags);
        REQUIRE_EQ(events[i].data, want[i].data);
        REQUIRE(events[i].udata == want[i].udata);
    }
    if (collects)
        REQUIRE_EQ(events[0].ident, BYSTANDER);
    for (int i = nevents; i < LENGTH + 2; i++) /* beyond the room */
        REQUIRE_EQ(apart[i].ident, UINTPTR_MAX / 255 * 0xa5);
    for (int i = 0; i < LENGTH; i++)
        REQUIRE_EQ(delete_knote(kq, (uintptr_t)i, EVFILT_USER), applied[i]);
}

static void run_mixtures(bool one_array) {
    int kq = new_kqueue();
    add_triggered(kq, BYSTANDER, 0); /* ready throughout, level */
    for (int number = 0; number < KINDS * KINDS * KINDS * KINDS; number++) {
        enum kind kinds[LENGTH];
        for (int i = 0, rest = number; i < LENGTH; i++, rest /= KINDS)
            kinds[i] = (enum kind)(rest % KINDS);
        for (int nevents = 0; nevents <= LENGTH + 1; nevents++)
            require_mixture(kq, kinds, nevents, one_array);
    }
}

static void every_mixture_in_two_arrays(void) {
    run_mixtures(false);
}

static void every_mixture_in_one_array(void) {
    run_mixtures(true);
}

static void ten_thousand_changes(void) {
    enum { COUNT = 10000 };
    int kq = new_kqueue();
    struct kevent *list = calloc(COUNT, sizeof *list);
    bool *seen = calloc(COUNT, sizeof *seen);
    for (int i = 0; i < COUNT; i++)
        EV_SET(&list[i], i, EVFILT_USER, EV_ADD | EV_RECEIPT, 0, 0, NULL);
    REQUIRE_EQ(kevent(kq, list, COUNT, list, COUNT, NULL), COUNT);
    for (int i = 0; i < COUNT; i++) {
        REQUIRE_EQ(list[i].ident, i);
        REQUIRE_EQ(list[i].data, 0);
        EV_SET(&list[i], i, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
    }
    REQUIRE_EQ(kevent(kq, list, COUNT, NULL, 0, NULL), 0);
    for (int total = 0; total < COUNT;) {
        int got = collect(kq, list, COUNT, 0);
        REQUIRE(got > 0);
        total += got;
        for (int i = 0; i < got; i++) {
            REQUIRE(!seen[list[i].ident]);
            seen[list[i].ident] = true;
            change(kq, list[i].ident, EVFILT_USER, EV_DELETE, 0, 0, NULL);
        }
    }
    free(list);
    free(seen);
}

/* An entry that must fail. */
struct bad_entry {
    const char *what;
    uintptr_t ident;
    int filter, flags;
    unsigned fflags;
    intptr_t data;
    int code;
};

/* Each fails with its errno, by itself and as an entry, and leaves all else as it was. */
static void require_bad_entries(int kq, const struct bad_entry *entries, int count) {
    int mark, alone = new_kqueue(), pair[2];
    struct kevent events[2], entry;
    new_pipe(pair);
    put(pair[1], "xyz");
    change(alone, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, &mark);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, &mark);
    int before = open_descriptors();
    for (const struct bad_entry *bad = entries; bad < entries + count; bad++) {
        EV_SET(&entry, bad->ident, bad->filter, bad->flags, bad->fflags, bad->data, &entry);
        errno = 0;
        int got = kevent(kq, &entry, 1, NULL, 0, NULL);
        if (got != -1 || errno != bad->code)
            contract_fail(__FILE__, __LINE__, "%s: got %d, errno %d; wanted errno %d", bad->what, got, errno,
                          bad->code);
        got = kevent(kq, &entry, 1, events, 2, NULL);
        if (got != 1 || events[0].flags != ((bad->flags & ~EV_SYSFLAGS) | EV_ERROR) || events[0].data != bad->code)
            contract_fail(__FILE__, __LINE__, "%s: got %d entries, flags 0x%x, data %jd; wanted errno %d", bad->what,
                          got, events[0].flags, (intmax_t)events[0].data, bad->code);
        REQUIRE_EQ(collect(kq, events, 2, 0), 1); /* the bystander, and nothing new */
        REQUIRE_EQ(events[0].ident, pair[0]);
        REQUIRE_EQ(events[0].flags, EV_ADD);
        REQUIRE_EQ(events[0].data, 3);
        REQUIRE(events[0].udata == &mark);
        REQUIRE_EQ(collect(alone, events, 2, 0), 1);
        if ((bad->flags & (EV_ADD | EV_DELETE)) == EV_ADD && bad->ident != (uintptr_t)pair[0]) {
            int code = change_errno(kq, bad->ident, bad->filter, EV_DELETE, 0, 0, NULL);
            if (code != ENOENT && code != EBADF && code != EINVAL)
                contract_fail(__FILE__, __LINE__, "%s: EV_DELETE gave errno %d, so there was a knote", bad->what, code);
        }
    }
    REQUIRE_EQ(open_descriptors(), before);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_DELETE, 0, 0, NULL);
}

static void rows_of_flag_rules(void) {
    int kq = new_kqueue(), pair[2];
    unix_pair(pair);
    const uintptr_t fd = (uintptr_t)pair[0];
    const struct bad_entry rows[] = {
        {"filter above 0", 1, 1, EV_ADD, 0, 0, EINVAL},
        {"filter below the lowest", 1, -100, EV_ADD, 0, 0, EINVAL},
        {"EVFILT_AIO", fd, EVFILT_AIO, EV_ADD, 0, 0, EINVAL},
        {"EVFILT_LIO", fd, -10, EV_ADD, 0, 0, EINVAL},
        {"bare modify of a missing USER knote", 1, EVFILT_USER, 0, 0, 0, ENOENT},
        {"EV_ENABLE of a missing TIMER knote", 1, EVFILT_TIMER, EV_ENABLE, 0, 1, ENOENT},
        {"EV_DISABLE of a missing READ knote", fd, EVFILT_READ, EV_DISABLE, 0, 0, ENOENT},
        {"EV_DELETE of a missing WRITE knote", fd, EVFILT_WRITE, EV_DELETE, 0, 0, ENOENT},
        {"NOTE_TRIGGER of a missing USER knote", 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, ENOENT},
        {"EV_ENABLE|EV_DISABLE USER", 1, EVFILT_USER, EV_ADD | EV_ENABLE | EV_DISABLE, 0, 0, EINVAL},
        {"EV_ENABLE|EV_DISABLE TIMER", 1, EVFILT_TIMER, EV_ADD | EV_ENABLE | EV_DISABLE, 0, 1, EINVAL},
        {"EV_ENABLE|EV_DISABLE READ", fd, EVFILT_READ, EV_ADD | EV_ENABLE | EV_DISABLE, 0, 0, EINVAL},
        {"EV_ADD|EV_KEEPUDATA USER", 1, EVFILT_USER, EV_ADD | EV_KEEPUDATA, 0, 0, EINVAL},
        {"EV_ADD|EV_KEEPUDATA TIMER", 1, EVFILT_TIMER, EV_ADD | EV_KEEPUDATA, 0, 1, EINVAL},
        {"EV_ADD|EV_KEEPUDATA WRITE", fd, EVFILT_WRITE, EV_ADD | EV_KEEPUDATA, 0, 0, EINVAL},
        {"READ of no descriptor", 800, EVFILT_READ, EV_ADD, 0, 0, EBADF},
        {"WRITE of no descriptor", 800, EVFILT_WRITE, EV_ADD, 0, 0, EBADF},
        {"READ of -1", (uintptr_t)-1, EVFILT_READ, EV_ADD, 0, 0, EBADF},
        {"EV_DELETE WRITE of no descriptor", 800, EVFILT_WRITE, EV_DELETE, 0, 0, EBADF},
        {"EV_ENABLE READ above INT_MAX", (uintptr_t)INT_MAX + 1, EVFILT_READ, EV_ENABLE, 0, 0, EBADF},
        {"EV_UDATA_SPECIFIC", 1, EVFILT_USER, EV_ADD | EV_UDATA_SPECIFIC, 0, 0, EINVAL},
    };
    require_bad_entries(kq, rows, sizeof rows / sizeof *rows);
}

static void rows_of_errnos(void) {
    int kq = new_kqueue(), other = new_kqueue(), pair[2];
    new_pipe(pair);
    close(pair[0]);
    change(other, (uintptr_t)kq, EVFILT_READ, EV_ADD, 0, 0, NULL);
    const struct bad_entry rows[] = {
        {"two units of time", 1, EVFILT_TIMER, EV_ADD, NOTE_SECONDS | NOTE_NSECONDS, 1, EINVAL},
        {"unknown bit of a timer", 1, EVFILT_TIMER, EV_ADD, 0x100, 1, EINVAL},
        {"negative interval", 1, EVFILT_TIMER, EV_ADD, 0, -1, EINVAL},
        {"WRITE of a pipe without reader", (uintptr_t)pair[1], EVFILT_WRITE, EV_ADD, 0, 0, EPIPE},
        {"WRITE of a kqueue", (uintptr_t)other, EVFILT_WRITE, EV_ADD, 0, 0, EINVAL},
        {"a kqueue in itself", (uintptr_t)kq, EVFILT_READ, EV_ADD, 0, 0, EINVAL},
        {"a cycle of kqueues", (uintptr_t)other, EVFILT_READ, EV_ADD, 0, 0, ELOOP},
        {"unknown EVFILT_LIBKQUEUE request", 0, EVFILT_LIBKQUEUE, EV_ADD, 9999, 0, EINVAL},
#ifdef EVFILT_PROC
        {"no such process", INT_MAX, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, ESRCH},
#endif
#ifdef EVFILT_SIGNAL
        {"no such signal", 9999, EVFILT_SIGNAL, EV_ADD, 0, 0, EINVAL},
#endif
#ifdef EVFILT_VNODE
        {"VNODE of a pipe", (uintptr_t)pair[1], EVFILT_VNODE, EV_ADD, NOTE_WRITE, 0, EINVAL},
#endif
    };
    require_bad_entries(kq, rows, sizeof rows / sizeof *rows);
}

/* Bits without a meaning are no reason to fail. */
static void unknown_flag_bits(void) {
    int kq = new_kqueue();
    change(kq, 1, EVFILT_USER, EV_ADD | EV_VANISHED | EV_POLL, 0, 0, NULL);
    trigger(kq, 1);
    REQUIRE_EQ(next_event(kq).flags, EV_ADD);
}

static bool is_shortage(int code) {
    return code == EMFILE || code == ENFILE || code == ENOMEM;
}

enum { SPARE = INT_MAX }; /* an ident that no case uses otherwise */

/* What a kqueue must be able to do: one event of each filter there is. */
static void require_working(int kq) {
    int pair[2];
    struct kevent event;
    unix_pair(pair);
    put(pair[1], "x");
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_ONESHOT, 0, 0, NULL);
    event = next_event(kq);
    REQUIRE_EQ(event.ident, pair[0]);
    REQUIRE_EQ(event.filter, EVFILT_READ);
    change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_ADD | EV_ONESHOT, 0, 0, NULL);
    event = next_event(kq);
    REQUIRE_EQ(event.ident, pair[0]);
    REQUIRE_EQ(event.filter, EVFILT_WRITE);
    change(kq, SPARE, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 1, NULL);
    event = next_event(kq);
    REQUIRE_EQ(event.ident, SPARE);
    REQUIRE_EQ(event.filter, EVFILT_TIMER);
    add_triggered(kq, SPARE, EV_ONESHOT);
    event = next_event(kq);
    REQUIRE_EQ(event.ident, SPARE);
    REQUIRE_EQ(event.filter, EVFILT_USER);
    require_silent(kq);
    close(pair[0]);
    close(pair[1]);
}

static struct rlimit descriptors_before;

static void limit_descriptors(rlim_t count) {
    REQUIRE(getrlimit(RLIMIT_NOFILE, &descriptors_before) == 0);
    struct rlimit limit = {.rlim_cur = count, .rlim_max = descriptors_before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static void unlimit_descriptors(void) {
    REQUIRE(setrlimit(RLIMIT_NOFILE, &descriptors_before) == 0);
}

/* Takes all numbers up to the limit but this many; the count, numbers in fds[]. */
static int leave_descriptors(int fds[128], int spare) {
    int count = 0;
    while (count < 128 && (fds[count] = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0)
        count++;
    REQUIRE_EQ(errno, EMFILE);
    REQUIRE(count > spare);
    for (int i = 0; i < spare; i++)
        close(fds[--count]);
    return count;
}

static void close_all(const int *fds, int count) {
    for (int i = 0; i < count; i++)
        REQUIRE_EQ(close(fds[i]), 0);
}

/* One change of each filter, when descriptors are short: done, or refused and not there. */
static void try_each_filter(int kq, int fd) {
    static const int filters[] = {EVFILT_READ, EVFILT_WRITE, EVFILT_TIMER, EVFILT_USER};
    for (int i = 0; i < 4; i++) {
        uintptr_t ident = i < 2 ? (uintptr_t)fd : 1;
        int code = change_errno(kq, ident, filters[i], EV_ADD, 0, 1000, NULL);
        if (code != 0 && !is_shortage(code))
            contract_fail(__FILE__, __LINE__, "filter %d: %s", filters[i], strerror(code));
        REQUIRE_EQ(delete_knote(kq, ident, filters[i]), code == 0);
    }
}

/* From none to more than a kqueue may need of its own. */
static void few_descriptors_left(void) {
    int fds[128], pair[2], made = 0;
    unix_pair(pair);
    int before = open_descriptors();
    for (int spare = 0; spare <= 16; spare++) {
        limit_descriptors(64);
        int count = leave_descriptors(fds, spare);
        int kq = kqueue();
        if (kq == -1) {
            REQUIRE(is_shortage(errno));
        } else {
            made++;
            try_each_filter(kq, pair[0]);
        }
        unlimit_descriptors();
        close_all(fds, count);
        if (kq != -1) {
            require_working(kq);
            close(kq);
        }
        REQUIRE_EQ(open_descriptors(), before);
    }
    REQUIRE(made > 0);
}

/* A kqueue made in time, and none left for what its knotes may need. */
static void no_descriptor_left_for_changes(void) {
    int fds[128], pair[2], before = open_descriptors();
    unix_pair(pair);
    for (int round = 0; round < 2; round++) {
        int kq = new_kqueue();
        if (round == 1) {
            require_working(kq);
            add_user(kq, 9, EV_CLEAR);
        }
        limit_descriptors(64);
        int count = leave_descriptors(fds, 0);
        try_each_filter(kq, pair[0]);
        try_each_filter(kq, fds[0]);
        if (round == 1) { /* what is there goes on, without a descriptor to spare */
            trigger(kq, 9);
            REQUIRE_EQ(next_event(kq).ident, 9);
        }
        unlimit_descriptors();
        close_all(fds, count);
        require_working(kq);
        REQUIRE_EQ(close(kq), 0);
    }
    close_all(pair, 2);
    REQUIRE_EQ(open_descriptors(), before);
}

/* As many kqueues as there are numbers for; the last may be had without its knote. */
static void kqueues_until_emfile(void) {
    need_descriptors(256);
    int kqs[256], count = 0, code = 0, before = open_descriptors();
    limit_descriptors(256);
    while (code == 0 && count < 256) {
        int kq = kqueue();
        code = kq == -1 ? errno : change_errno(kq, (uintptr_t)count, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, NULL);
        if (code == 0) {
            trigger(kq, (uintptr_t)count);
            kqs[count++] = kq;
        } else if (kq != -1) {
            close(kq);
        }
    }
    REQUIRE(is_shortage(code));
    REQUIRE(count > 20);
    for (int i = 0; i < count; i++)
        REQUIRE_EQ(next_event(kqs[i]).ident, i);
    close_all(kqs, count);
    unlimit_descriptors();
    REQUIRE_EQ(open_descriptors(), before);
    require_working(new_kqueue());
}

/* Lowers the limit of address space to this much beyond what is in use. */
static void limit_memory(size_t spare) {
    if (sanitized())
        contract_skip("a sanitizer takes address space of its own");
    char text[64];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    ssize_t length = read(fd, text, sizeof text - 1);
    REQUIRE(length > 0);
    close(fd);
    text[length] = 0;
    struct rlimit limit;
    REQUIRE(getrlimit(RLIMIT_AS, &limit) == 0);
    limit.rlim_cur = strtoul(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE) + spare;
    REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void unlimit_memory(void) {
    struct rlimit limit;
    REQUIRE(getrlimit(RLIMIT_AS, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0);
}

/* Adds knotes of a filter till the memory is used up. */
static void knotes_until_enomem(int filter) {
    int before = open_descriptors(), kq = new_kqueue();
    require_working(kq);
    uintptr_t count = 0;
    int code;
    limit_memory(8 << 20);
    while ((code = change_errno(kq, count, filter, EV_ADD, 0, 1000000, NULL)) == 0 && count < 4000000)
        count++;
    if (code == 0) {
        unlimit_memory();
        contract_fail(__FILE__, __LINE__, "4000000 knotes fit in 8 MiB");
    }
    struct kevent event;
    int ready = kevent(kq, NULL, 0, &event, 1, &no_wait); /* nothing is, and no memory to say so */
    int ready_code = ready == -1 ? errno : 0;
    int gone = change_errno(kq, 0, filter, EV_DELETE, 0, 0, NULL);
    unlimit_memory();
    REQUIRE(is_shortage(code));
    REQUIRE(count > 1000);
    REQUIRE(ready == 0 || ready_code == ENOMEM);
    REQUIRE(gone == 0 || gone == ENOMEM);
    REQUIRE_EQ(delete_knote(kq, 0, filter), gone != 0);
    REQUIRE(!delete_knote(kq, count, filter)); /* the one that failed */
    for (uintptr_t i = 2; i < count; i += 2)
        REQUIRE(delete_knote(kq, i, filter));
    if (filter == EVFILT_USER) {
        trigger(kq, 1);
        REQUIRE_EQ(next_event(kq).ident, 1);
        change(kq, 1, filter, EV_DELETE, 0, 0, NULL);
    }
    require_working(kq);
    change(kq, count, filter, EV_ADD, 0, 1000000, NULL);
    REQUIRE(delete_knote(kq, count, filter));
    REQUIRE_EQ(close(kq), 0);
    REQUIRE_EQ(open_descriptors(), before);
    require_working(new_kqueue());
}

static void user_knotes_until_enomem(void) {
    need_proc("the case looks into it");
    knotes_until_enomem(EVFILT_USER);
}

static void timer_knotes_until_enomem(void) {
    need_proc("the case looks into it");
    knotes_until_enomem(EVFILT_TIMER);
}

static void kqueues_until_enomem(void) {
    need_proc("the case looks into it");
    enum { MOST = 20000 };
    static int kqs[MOST];
    int count = 0, code, before = open_descriptors();
    struct rlimit limit;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    limit_memory(2 << 20);
    while (count < MOST && (kqs[count] = kqueue()) >= 0)
        count++;
    code = errno;
    unlimit_memory();
    REQUIRE(count < MOST);
    REQUIRE(is_shortage(code));
    close_all(kqs, count);
    REQUIRE_EQ(open_descriptors(), before);
    require_working(new_kqueue());
}

const struct contract_case robust_cases[] = {
    {"C-030", "every mixture of entries with every length of eventlist", every_mixture_in_two_arrays, 30},
    {"C-039", "every mixture of entries in one array", every_mixture_in_one_array, 30},
    {"C-039", "10000 changes and receipts in one call", ten_thousand_changes, 30},
    {"C-044", "each bad entry of the flag rules gives its errno alone", rows_of_flag_rules, 0},
    {"C-032", "each bad entry of the filters gives its errno alone", rows_of_errnos, 0},
    {"C-050", "unknown flag bits are ignored", unknown_flag_bits, 0},
    {"C-003", "with few descriptors left all works or is refused", few_descriptors_left, 60},
    {"C-003", "with no descriptor left changes work or are refused", no_descriptor_left_for_changes, 30},
    {"C-003", "kqueues till EMFILE all work", kqueues_until_emfile, 30},
    {"C-003", "USER knotes till ENOMEM", user_knotes_until_enomem, 120},
    {"C-003", "TIMER knotes till ENOMEM", timer_knotes_until_enomem, 120},
    {"C-003", "kqueues till ENOMEM", kqueues_until_enomem, 60},
    {NULL, NULL, NULL, 0},
};
