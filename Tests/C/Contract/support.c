/*
 * What the cases share: one change, one event, connected pairs.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "contract.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <sys/syscall.h>
#ifdef __linux__
#include <sys/inotify.h>
#endif

int new_kqueue(void) {
    int kq = kqueue();
    REQUIRE(kq >= 0);
    return kq;
}

int change_errno(int kq, uintptr_t ident, int filter, int flags, unsigned fflags, intptr_t data, void *udata) {
    struct kevent entry;
    EV_SET(&entry, ident, filter, flags, fflags, data, udata);
    return kevent(kq, &entry, 1, NULL, 0, NULL) == -1 ? errno : 0;
}

void need_proc(const char *why) {
    if (!on_posix() && access("/proc/self/fd", F_OK) != 0)
        contract_skip("no /proc: %s", why);
}

const char *seen_proc(const char *name) {
    static _Thread_local char path[64];
    bool is_apart = access("/proc/contract/self", F_OK) == 0;
    snprintf(path, sizeof path, "/proc/%s%s", is_apart ? "contract/" : "", name);
    return path;
}

void need_seen_proc(void) {
    if (!on_posix() && access(seen_proc("self/fd"), F_OK) != 0)
        contract_skip("no /proc: the case looks into it");
}

/* Whether nothing tells of files here: a limit of the surroundings, where VNODE is ENOTSUP. */
static bool lacks_inotify(void) {
#ifdef __linux__
    int inotify = inotify_init1(IN_CLOEXEC);
    bool is_there = inotify >= 0 && access("/proc/self/fd", F_OK) == 0;
    if (inotify >= 0)
        close(inotify);
    return !is_there && !on_posix();
#else
    return false;
#endif
}

void need_inotify(void) {
    if (lacks_inotify())
        contract_skip("VNODE needs inotify, and /proc to name a file by");
}

int test_slowness(void) {
    const char *setting = getenv("KQUEUE_TEST_SLOWNESS");
    int slowness = setting == NULL ? USUAL_SLOWNESS : atoi(setting);
    return slowness > 1 ? slowness : 1;
}

double processor_slowness(void) {
    int slowness = test_slowness();
    return slowness <= USUAL_SLOWNESS ? 1 : slowness < 40 ? slowness : 40;
}

double allowed_cpu(double milliseconds) {
    return milliseconds * processor_slowness();
}

void need_descriptors(rlim_t count) {
    struct rlimit limit;
    REQUIRE_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < count)
        contract_skip("no more than %ju descriptors", (uintmax_t)limit.rlim_max);
    if (limit.rlim_cur < count)
        limit.rlim_cur = count;
    REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

void need_terminals(void) {
    char name[64];
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), terminal = -1;
    if (master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0 && ptsname_r(master, name, sizeof name) == 0)
        terminal = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0)
        contract_skip("no pseudo-terminals");
    close(terminal);
    close(master);
}

void change(int kq, uintptr_t ident, int filter, int flags, unsigned fflags, intptr_t data, void *udata) {
    int code = change_errno(kq, ident, filter, flags, fflags, data, udata);
    if (code == ENOTSUP && filter == EVFILT_VNODE)
        need_inotify();
    if (code != 0)
        contract_fail(__FILE__, __LINE__, "change of ident %ju, filter %d, flags 0x%x failed: %s",
                      (uintmax_t)ident, filter, (unsigned)flags, strerror(code));
}

void add_user(int kq, uintptr_t ident, int flags) {
    change(kq, ident, EVFILT_USER, EV_ADD | flags, 0, 0, NULL);
}

void trigger(int kq, uintptr_t ident) {
    change(kq, ident, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
}

void add_triggered(int kq, uintptr_t ident, int flags) {
    add_user(kq, ident, flags);
    trigger(kq, ident);
}

bool delete_knote(int kq, uintptr_t ident, int filter) {
    int code = change_errno(kq, ident, filter, EV_DELETE, 0, 0, NULL);
    if (code != 0 && code != ENOENT)
        contract_fail(__FILE__, __LINE__, "EV_DELETE of ident %ju, filter %d failed: %s", (uintmax_t)ident,
                      filter, strerror(code));
    return code == 0;
}

/* What this thread was told last, and when it asked for it. */
static _Thread_local struct telling {
    int kq;
    struct kevent event;
    double asked;
} tellings[64];
static _Thread_local unsigned told;

static void note_telling(int kq, const struct kevent *event, double asked) {
    tellings[told++ % 64] = (struct telling){kq, *event, asked};
}

/* The last that was told of this knote, or NULL. */
static const struct telling *last_telling(int kq, const struct kevent *event) {
    for (unsigned back = 1; back <= told && back <= 64; back++) {
        const struct telling *last = &tellings[(told - back) % 64];
        if (last->kq == kq && last->event.ident == event->ident && last->event.filter == event->filter)
            return last;
    }
    return NULL;
}

/* When that was asked for; where it is not known, when anything was last. */
static double asked_before(int kq, const struct kevent *event) {
    const struct telling *last = last_telling(kq, event);
    if (last != NULL)
        return last->asked;
    return told > 0 ? tellings[(told - 1) % 64].asked : 0;
}

static int collect_unnoted(int kq, struct kevent *events, int count, long milliseconds) {
    struct timespec timeout = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
    int got = kevent(kq, NULL, 0, events, count, &timeout);
    REQUIRE(got >= 0);
    return got;
}

int collect(int kq, struct kevent *events, int count, long milliseconds) {
    double asked = now_ms();
    int got = collect_unnoted(kq, events, count, milliseconds);
    for (int i = 0; i < got; i++)
        note_telling(kq, &events[i], asked);
    return got;
}

/*
 * Whether an event may be one that is told a second time: what looks as it was told under EV_CLEAR is told again after
 * a second where the system does not show that nobody took it (on POSIX, of items such as datagrams, after a fifth of
 * one), and a busy machine may make that of any time.  The library counts from when it told, which is after the call
 * began and may be long before it returned.
 */
static bool may_be_told_again(int kq, const struct kevent *event) {
    double waited = now_ms() - asked_before(kq, event);
    double patience = event->filter == EVFILT_READ && on_posix() ? 200 : 1000;
    bool is_condition = event->filter == EVFILT_READ || event->filter == EVFILT_WRITE || event->filter == EVFILT_EXCEPT;
    return is_condition && (event->flags & EV_CLEAR) && waited >= patience * 0.7;
}

/* Whether an event is no more than what this thread was told of the knote before. */
static bool is_told_again(int kq, const struct kevent *event) {
    const struct telling *last = last_telling(kq, event);
    return last != NULL && last->event.data == event->data && may_be_told_again(kq, event);
}

/* The one event that comes, and whether that is told again; of several, the one that is not. */
static struct kevent take_next(int kq, bool *is_again) {
    struct kevent events[8], next = {0};
    double asked = now_ms();
    int got = collect_unnoted(kq, events, 8, PATIENCE), news = 0;
    *is_again = got == 1 && is_told_again(kq, &events[0]);
    for (int i = 0; i < got; i++) {
        if (got > 1 && is_told_again(kq, &events[i]))
            continue;
        next = events[i];
        news++;
    }
    for (int i = 0; i < got; i++)
        note_telling(kq, &events[i], asked);
    for (int i = 0; news > 1 && i < got; i++)
        printf("    ident %ju filter %d flags 0x%x fflags 0x%x data %jd\n", (uintmax_t)events[i].ident,
               events[i].filter, events[i].flags, events[i].fflags, (intmax_t)events[i].data);
    REQUIRE_EQ(news, 1);
    return next;
}

struct kevent next_event(int kq) {
    bool is_again;
    return take_next(kq, &is_again);
}

struct kevent next_event_like(int kq, uintptr_t ident, int filter, int flags) {
    for (;;) {
        bool is_again;
        struct kevent event = take_next(kq, &is_again);
        if (!is_again || (event.ident == ident && event.filter == filter && event.flags == flags))
            return event;
    }
}

void require_silent_for(int kq, long milliseconds) {
    struct kevent event;
    double asked = now_ms();
    if (collect_unnoted(kq, &event, 1, milliseconds) == 0)
        return;
    if (!may_be_told_again(kq, &event))
        contract_fail(__FILE__, __LINE__, "unexpected event: ident %ju filter %d flags 0x%x fflags 0x%x data %jd",
                      (uintmax_t)event.ident, event.filter, event.flags, event.fflags, (intmax_t)event.data);
    note_telling(kq, &event, asked);
}

void require_silent(int kq) { require_silent_for(kq, 100); }

double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

void sleep_ms(long milliseconds) {
    struct timespec left = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
    while (nanosleep(&left, &left) == -1 && errno == EINTR)
        continue;
}

/* Where there is no /proc: of the numbers that the cases and the library use. */
static int count_by_asking(void) {
    int count = 0;
    for (int fd = 0; fd < 20000; fd++)
        count += fcntl(fd, F_GETFD) != -1;
    return count;
}

int open_descriptors(void) {
    libkqueue_drain_pending_close(); /* where closes go unseen, what closed kqueues had */
    DIR *directory = opendir(seen_proc("self/fd"));
    if (directory == NULL)
        return count_by_asking();
    int count = -1; /* the directory's own */
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

extern void __asan_init(void) __attribute__((weak));
extern void __tsan_init(void) __attribute__((weak));

bool sanitized(void) {
    return __asan_init != NULL || __tsan_init != NULL;
}

bool on_valgrind(void) {
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

#ifdef __linux__
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#endif

int open_pidfd(pid_t pid) {
#ifdef SYS_pidfd_open
    if (!on_valgrind())
        return (int)syscall(SYS_pidfd_open, pid, 0);
#endif
    (void)pid;
    errno = ENOSYS;
    return -1;
}

bool swaps_no_actions(void) {
    return __tsan_init != NULL;
}

void unix_pair(int pair[2]) {
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
}

void new_pipe(int pair[2]) {
    REQUIRE(pipe2(pair, O_CLOEXEC) == 0);
}

int tcp_listener(uint16_t *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(listener >= 0);
    REQUIRE(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    REQUIRE(listen(listener, 128) == 0);
    REQUIRE(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
    *port = ntohs(address.sin_port);
    return listener;
}

int tcp_client(uint16_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(client >= 0);
    REQUIRE(connect(client, (struct sockaddr *)&address, sizeof address) == 0);
    return client;
}

void tcp_pair(int pair[2]) {
    uint16_t port;
    int listener = tcp_listener(&port);
    pair[0] = tcp_client(port);
    pair[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    REQUIRE(pair[1] >= 0);
    close(listener);
}

void set_nonblocking(int fd) {
    REQUIRE(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
}

void put(int fd, const char *bytes) {
    size_t length = strlen(bytes);
    REQUIRE_EQ(write(fd, bytes, length), length);
}

void take(int fd, size_t count) {
    char bytes[4096];
    while (count > 0) {
        ssize_t got = read(fd, bytes, count < sizeof bytes ? count : sizeof bytes);
        REQUIRE(got > 0);
        count -= (size_t)got;
    }
}

pid_t thread_number(void) {
    return (pid_t)syscall(SYS_gettid);
}

void read_of_thread(pid_t thread, const char *name, char *text, size_t size) {
    char path[96];
    snprintf(path, sizeof path, "%s/%d/%s", seen_proc("self/task"), (int)thread, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && access(seen_proc("self/task"), F_OK) != 0)
        contract_skip("no /proc to see a thread in");
    REQUIRE(fd >= 0);
    ssize_t length = read(fd, text, size - 1);
    REQUIRE(length > 0);
    close(fd);
    text[length] = 0;
}

/* The state letter of a thread, as the kernel tells it. */
static char thread_state(pid_t thread) {
    char text[512];
    read_of_thread(thread, "stat", text, sizeof text);
    char *end = strrchr(text, ')');
    REQUIRE(end != NULL && end[1] == ' ');
    return end[2];
}

/* Seen asleep several times over, so that a short wait for a lock does not count. */
void await_sleep(pid_t thread) {
    for (int seen = 0; seen < 4; sleep_ms(3))
        seen = thread_state(thread) == 'S' ? seen + 1 : 0;
}

/* With a stack that leaves room for others where the address space is limited. */
pthread_t start_thread(void *(*run)(void *), void *argument) {
    pthread_t thread;
    pthread_attr_t attributes;
    REQUIRE_EQ(pthread_attr_init(&attributes), 0);
    REQUIRE_EQ(pthread_attr_setstacksize(&attributes, sanitized() ? 8 << 20 : 512 << 10), 0);
    REQUIRE_EQ(pthread_create(&thread, &attributes, run, argument), 0);
    pthread_attr_destroy(&attributes);
    return thread;
}

void join_thread(pthread_t thread) {
    REQUIRE_EQ(pthread_join(thread, NULL), 0);
}

static void *run_waiter(void *argument) {
    struct waiter *waiter = argument;
    struct timespec timeout = {.tv_sec = waiter->milliseconds / 1000,
                               .tv_nsec = waiter->milliseconds % 1000 * 1000000};
    waiter->started = now_ms();
    waiter->tid = thread_number();
    waiter->result = kevent(waiter->kq, NULL, 0, waiter->events, waiter->room,
                            waiter->milliseconds < 0 ? NULL : &timeout);
    waiter->code = waiter->result == -1 ? errno : 0;
    waiter->ended = now_ms();
    waiter->has_ended = true;
    return NULL;
}

void start_waiter(struct waiter *waiter, int kq, int room, long milliseconds) {
    memset(waiter, 0, sizeof *waiter);
    waiter->kq = kq;
    waiter->room = room;
    waiter->milliseconds = milliseconds;
    waiter->thread = start_thread(run_waiter, waiter);
}

void park_waiter(struct waiter *waiter) {
    while (waiter->tid == 0)
        sleep_ms(1);
    await_sleep(waiter->tid);
}

void join_waiter(struct waiter *waiter) {
    join_thread(waiter->thread);
}

int count_ended(const struct waiter *waiters, int count) {
    int ended = 0;
    for (int i = 0; i < count; i++)
        ended += waiters[i].has_ended;
    return ended;
}

/* Once so many have ended; the limit of the case ends it where they never do. */
static void await_ended(const struct waiter *waiters, int count, int wanted) {
    while (count_ended(waiters, count) < wanted)
        sleep_ms(1);
}

struct kevent only_woken(struct waiter *waiters, int count) {
    const uintptr_t over = 255; /* an ident that no case has */
    struct kevent event = {0};
    await_ended(waiters, count, 1);
    sleep_ms(200); /* in which another that was woken comes back, too */
    add_user(waiters[0].kq, over, EV_CLEAR);
    for (int ended = 1; ended < count; ended++) {
        trigger(waiters[0].kq, over);
        await_ended(waiters, count, ended + 1);
    }
    int others = 0;
    for (int i = 0; i < count; i++) {
        join_waiter(&waiters[i]);
        REQUIRE_EQ(waiters[i].result, 1);
        if (waiters[i].events[0].filter == EVFILT_USER && waiters[i].events[0].ident == over)
            others++;
        else
            event = waiters[i].events[0];
    }
    REQUIRE_EQ(others, count - 1);
    return event;
}

bool on_posix(void) {
    struct kevent entry;
    int kq = new_kqueue();
    EV_SET(&entry, 0, EVFILT_LIBKQUEUE, EV_ADD, NOTE_FILE_POLL_INTERVAL, 250000000, NULL);
    int got = kevent(kq, &entry, 1, &entry, 1, NULL);
    close(kq);
    return got == 1 && !(entry.flags & EV_ERROR);
}

void posix_lacks(const char *what) {
    if (on_posix())
        contract_skip("POSIX: %s", what);
}
