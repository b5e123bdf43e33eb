/*
 * A kqueue that poll(2) calls readable has something to deliver (C-351): every
 * order of a few steps, with a knote of each filter.
 *
 * A sequence is a word of the letters below, after EV_ADD.  At its end the kqueue
 * may be readable once without anything to get, and never twice in a row; where
 * something is to be had, it is readable.  What nobody tells of is looked at by a
 * clock, so there it may be readable once each time that the clock goes off.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "files.h"
#include "process.h"

enum { ADD = 'a', NEWS = 'n', UNDO = 'u', COLLECT = 'k', DISABLE = 'd', ENABLE = 'e', DELETE = 'x', CLOSE = 'c' };
enum { HANG_UP = 'h' };
static const char letters[] = {NEWS, UNDO, COLLECT, DISABLE, ENABLE, DELETE, ADD, CLOSE, HANG_UP};
enum { LETTERS = sizeof letters, LONGEST = 4, USUAL = 3, SIZE = 64 };

static const struct timespec no_wait = {0, 0};

/* One knote, and what it is about. */
struct subject {
    int kq;
    uintptr_t ident;
    int fd;   /* the descriptor that is watched, -1 where there is none or it was closed */
    int peer; /* the other end, -1 alike */
    int copy; /* a duplicate of what is watched, which outlives its close */
    unsigned fflags;
    intptr_t data;
    pid_t child;
};

struct source {
    const char *name;
    int filter;
    int length; /* of the longest words */
    void (*open)(struct subject *subject);
    void (*news)(struct subject *subject); /* makes the condition hold, or something happen */
    void (*undo)(struct subject *subject); /* has it hold no more; NULL where that cannot be */
    void (*end)(struct subject *subject);  /* what closing the descriptors does not give back */
    bool wakes_late; /* the kernel changes its state first and wakes those who poll it afterwards, in its own time */
    double look_ms;  /* how often a clock has it looked at, since nobody tells of it */
};

/* ---- Descriptors ---- */

static void close_one(int *fd) {
    if (*fd != -1)
        REQUIRE_EQ(close(*fd), 0);
    *fd = -1;
}

static void watch_end(struct subject *subject, int fd, int peer) {
    set_nonblocking(fd);
    set_nonblocking(peer);
    subject->fd = fd;
    subject->peer = peer;
    subject->ident = (uintptr_t)fd;
}

static void await_readable(int fd) {
    if (fd != -1)
        await_poll(fd, POLLIN);
}

/* The steps ask for what an end that is closed or full refuses; that is no matter. */
static void fill(int fd) {
    char bytes[4096] = "";
    while (fd != -1 && write(fd, bytes, sizeof bytes) > 0)
        continue;
    while (fd != -1 && write(fd, bytes, 1) > 0)
        continue;
}

static void drain(int fd) {
    char bytes[4096];
    while (fd != -1 && read(fd, bytes, sizeof bytes) > 0)
        continue;
}

static void peer_writes(struct subject *subject) {
    if (subject->peer != -1 && write(subject->peer, "x", 1) == 1)
        await_readable(subject->fd);
}

static void is_drained(struct subject *subject) { drain(subject->fd); }
static void is_filled(struct subject *subject) { fill(subject->fd); }
static void peer_drains(struct subject *subject) { drain(subject->peer); }

static void open_pipe(struct subject *subject) {
    int pair[2];
    new_pipe(pair);
    watch_end(subject, pair[0], pair[1]);
}

static void open_unix(struct subject *subject) {
    int pair[2];
    unix_pair(pair);
    watch_end(subject, pair[0], pair[1]);
}

static void open_tcp(struct subject *subject) {
    int pair[2];
    tcp_pair(pair);
    watch_end(subject, pair[0], pair[1]);
}

static void open_datagrams(struct subject *subject) {
    int pair[2];
    REQUIRE_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
    watch_end(subject, pair[0], pair[1]);
}

/* Knotes of both filters share what the kernel is told of a descriptor. */
static void open_beside_write(struct subject *subject) {
    open_unix(subject);
    add_write(subject->kq, subject->fd, EV_CLEAR);
    REQUIRE_EQ(next_event(subject->kq).filter, EVFILT_WRITE);
}

static void open_beside_disabled_write(struct subject *subject) {
    open_unix(subject);
    add_write(subject->kq, subject->fd, EV_DISABLE);
}

static void open_full_pipe(struct subject *subject) {
    int pair[2];
    new_pipe(pair);
    (void)fcntl(pair[1], F_SETPIPE_SZ, 4096);
    watch_end(subject, pair[1], pair[0]);
    fill(subject->fd);
}

static void open_full_unix(struct subject *subject) {
    open_unix(subject);
    REQUIRE_EQ(setsockopt(subject->fd, SOL_SOCKET, SO_SNDBUF, &(int){4096}, sizeof(int)), 0);
    fill(subject->fd);
}

static void open_eventfd(struct subject *subject) {
    int fd = eventfd(0, EFD_CLOEXEC);
    REQUIRE(fd >= 0);
    watch_end(subject, fd, duplicate(fd));
}

static void add_to_eventfd(struct subject *subject) {
    if (subject->peer != -1)
        REQUIRE_EQ(write(subject->peer, &(uint64_t){1}, 8), 8);
}

static void open_listener(struct subject *subject) {
    uint16_t port;
    subject->fd = tcp_listener(&port);
    set_nonblocking(subject->fd);
    subject->ident = (uintptr_t)subject->fd;
    subject->data = 0;
}

static void client_connects(struct subject *subject) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    if (subject->fd == -1)
        return;
    REQUIRE_EQ(getsockname(subject->fd, (struct sockaddr *)&address, &length), 0);
    close_one(&subject->peer);
    subject->peer = tcp_client(ntohs(address.sin_port));
    await_readable(subject->fd);
}

static void is_accepted(struct subject *subject) {
    int fd;
    while (subject->fd != -1 && (fd = accept(subject->fd, NULL, NULL)) >= 0)
        close(fd);
}

/* ---- Out-of-band bytes ---- */

#ifdef EVFILT_EXCEPT
static void open_urgent(struct subject *subject) {
    open_tcp(subject);
    subject->fflags = NOTE_OOB;
}

static void peer_is_urgent(struct subject *subject) {
    if (subject->peer != -1 && send(subject->peer, "!", 1, MSG_OOB) == 1 && subject->fd != -1)
        await_poll(subject->fd, POLLPRI);
}

static void urgency_is_taken(struct subject *subject) {
    char byte;
    if (subject->fd != -1)
        (void)recv(subject->fd, &byte, 1, MSG_OOB);
    drain(subject->fd);
}
#endif

#ifdef EVFILT_EMPTY
static void send_buffer_empties(struct subject *subject) { drain(subject->peer); }
#endif

/* ---- Files ---- */

static void open_file(struct subject *subject) {
    int fd = new_file("");
    watch_end(subject, fd, open_again(fd, O_RDWR | O_APPEND));
}

static void is_appended(struct subject *subject) {
    if (subject->peer != -1)
        put(subject->peer, "x");
}

static void is_at_its_end(struct subject *subject) {
    if (subject->fd != -1)
        REQUIRE(lseek(subject->fd, 0, SEEK_END) >= 0);
}

static void open_vnode(struct subject *subject) {
    open_file(subject);
    subject->fflags = NOTE_WRITE | NOTE_EXTEND | NOTE_ATTRIB;
}

/* ---- Kqueues ---- */

static void open_inner(struct subject *subject) {
    subject->fd = new_kqueue();
    subject->ident = (uintptr_t)subject->fd;
    add_user(subject->fd, 1, EV_CLEAR);
}

static void inner_is_triggered(struct subject *subject) {
    if (subject->fd != -1)
        trigger(subject->fd, 1);
}

static void inner_is_collected(struct subject *subject) {
    struct kevent event;
    if (subject->fd != -1)
        REQUIRE(kevent(subject->fd, NULL, 0, &event, 1, &no_wait) >= 0);
}

/* ---- Processes and signals ---- */

static void start_child(struct subject *subject) {
    subject->child = fork_waiting();
    REQUIRE(subject->child > 0);
    subject->fflags = NOTE_EXIT;
}

static void open_process(struct subject *subject) {
    start_child(subject);
    subject->ident = (uintptr_t)subject->child;
}

static void child_ends(struct subject *subject) {
    REQUIRE_EQ(kill(subject->child, SIGKILL), 0);
    await_exit(subject->child);
}

static void reap_child(struct subject *subject) {
    child_ends(subject);
    reap(subject->child);
}

#ifdef EVFILT_PROCDESC
static void open_procdesc(struct subject *subject) {
    start_child(subject);
    subject->fd = open_pidfd(subject->child);
    if (subject->fd == -1)
        subject->fd = open("/dev/null", O_RDONLY | O_CLOEXEC); /* and the filter has nothing to watch */
    subject->ident = (uintptr_t)subject->fd;
}
#endif

static void open_signal(struct subject *subject) {
    REQUIRE(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
    subject->ident = SIGUSR1;
}

static void signal_is_sent(struct subject *subject) {
    (void)subject;
    REQUIRE_EQ(kill(getpid(), SIGUSR1), 0);
}

/* ---- Timers and triggers ---- */

enum { AN_HOUR = 3600 * 1000 };

static void open_timer(struct subject *subject) {
    subject->ident = 1;
    subject->data = AN_HOUR;
}

/* At a time that is past, once. */
static void timer_is_due(struct subject *subject) {
    (void)change_errno(subject->kq, 1, EVFILT_TIMER, EV_ADD, NOTE_ABSOLUTE | NOTE_SECONDS, 1, NULL);
}

static void timer_is_put_off(struct subject *subject) {
    (void)change_errno(subject->kq, 1, EVFILT_TIMER, EV_ADD, 0, AN_HOUR, NULL);
}

/* At a time that passes while nobody is inside kevent. */
static void timer_expires(struct subject *subject) {
    struct timespec now;
    REQUIRE_EQ(clock_gettime(CLOCK_REALTIME, &now), 0);
    intptr_t due = (intptr_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 + 300;
    if (sizeof due < 8)
        return timer_is_due(subject);
    (void)change_errno(subject->kq, 1, EVFILT_TIMER, EV_ADD, NOTE_ABSOLUTE | NOTE_USECONDS, due, NULL);
    sleep_ms(1);
}

static void open_user(struct subject *subject) { subject->ident = 1; }

static void is_triggered(struct subject *subject) {
    (void)change_errno(subject->kq, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
}

/* The modify with EV_CLEAR that takes a trigger back (C-327). */
static void trigger_is_taken_back(struct subject *subject) {
    (void)change_errno(subject->kq, 1, EVFILT_USER, EV_CLEAR, 0, 0, NULL);
}

/* ---- A word ---- */

/* Where it failed. */
static const struct source *current;
static int current_flags;
static const char *current_word;
static bool was_late;
static double began; /* the word, in ms */

static _Noreturn void fail_word(const char *what) {
    contract_fail(__FILE__, __LINE__, "%s, flags 0x%x, word a%s: %s", current->name, (unsigned)current_flags,
                  current_word, what);
}

static bool is_readable(int kq) {
    struct pollfd item = {.fd = kq, .events = POLLIN};
    int got;
    while ((got = poll(&item, 1, 0)) == -1)
        REQUIRE_EQ(errno, EINTR);
    return got == 1;
}

static int collect_now(int kq) {
    struct kevent events[2];
    int got = kevent(kq, NULL, 0, events, 2, &no_wait);
    REQUIRE(got >= 0);
    return got;
}

/* The first time it may be that the kernel had not woken the kqueue's set yet; a clock may go off between the calls. */
static void note_late(void) {
    if (current->look_ms != 0 && now_ms() - began >= current->look_ms)
        return;
    if (!current->wakes_late || was_late)
        fail_word("not readable, and there is something to get");
    was_late = true;
}

/* The second time in a row that it was readable with nothing to get: by the clock alone, which the last look set. */
static void require_clock(double last_look, double seen) {
    if (current->look_ms == 0 || seen - last_look < current->look_ms)
        fail_word("readable twice in a row with nothing to get");
}

/* Contract 6.14: for the others a thread has to be inside kevent(). */
static bool shows_to_pollers(const struct source *source) {
    return !on_posix() || source->filter == EVFILT_USER || source->filter == EVFILT_SIGNAL ||
           source->filter == EVFILT_PROC;
}

/* A level knote is told for ever, and a clock goes on; a few times are enough. */
static void require_honest(int kq) {
    int idle = 0;
    double last_look = 0;
    for (int told = 0; told < 3 && idle < 3;) {
        bool readable = is_readable(kq);
        double seen = now_ms();
        int got = collect_now(kq);
        if (readable && got == 0 && ++idle > 1)
            require_clock(last_look, seen);
        last_look = seen;
        if (!readable && got > 0 && shows_to_pollers(current))
            note_late();
        if (!readable && got == 0)
            return;
        if (got > 0)
            idle = 0, told++;
    }
}

static int apply(const struct subject *subject, int flags) {
    bool adds = (flags & EV_ADD) != 0;
    return change_errno(subject->kq, subject->ident, current->filter, flags, adds ? subject->fflags : 0,
                        adds ? subject->data : 0, NULL);
}

static void step(struct subject *subject, char letter) {
    switch (letter) {
    case ADD: apply(subject, EV_ADD | current_flags); break;
    case DISABLE: apply(subject, EV_DISABLE); break;
    case ENABLE: apply(subject, EV_ENABLE); break;
    case DELETE: apply(subject, EV_DELETE); break;
    case NEWS: current->news(subject); break;
    case UNDO: current->undo(subject); break;
    case COLLECT: (void)collect_now(subject->kq); break;
    case CLOSE: close_one(&subject->fd); break;
    case HANG_UP: close_one(&subject->peer); break;
    }
}

/* Of what it has no use for, a word would only repeat shorter ones. */
static bool has_use(const struct source *source, const struct subject *subject, const char *word) {
    return (source->undo != NULL || strchr(word, UNDO) == NULL) &&
           (subject->fd != -1 || strchr(word, CLOSE) == NULL) && (subject->peer != -1 || strchr(word, HANG_UP) == NULL);
}

static void end_subject(struct subject *subject) {
    close_one(&subject->kq);
    close_one(&subject->fd);
    close_one(&subject->peer);
    close_one(&subject->copy);
    if (current->end != NULL)
        current->end(subject);
}

/* Whether the source is there to be watched. */
static bool run_word(const char *word, bool keeps_copy) {
    struct subject subject = {.kq = new_kqueue(), .fd = -1, .peer = -1, .copy = -1};
    current_word = word;
    began = now_ms();
    current->open(&subject);
    int code = apply(&subject, EV_ADD | current_flags);
    if (code == 0 && has_use(current, &subject, word)) {
        if (keeps_copy && subject.fd != -1)
            subject.copy = duplicate(subject.fd);
        for (const char *letter = word; *letter; letter++)
            step(&subject, *letter);
        require_honest(subject.kq);
    }
    end_subject(&subject);
    if (code != 0 && code != EINVAL && code != ENOTSUP && code != ENOSYS)
        contract_fail(__FILE__, __LINE__, "%s: EV_ADD failed: %s", current->name, strerror(code));
    return code == 0;
}

/* The word of this number, of all words of a length. */
static void spell(char *word, int length, long number) {
    for (int i = 0; i < length; i++, number /= LETTERS)
        word[i] = letters[number % LETTERS];
    word[length] = 0;
}

static void run_words(const struct source *source, int flags, bool keeps_copy) {
    char word[LONGEST + 1];
    long words = 1;
    current = source;
    current_flags = flags;
    for (int length = 0; length <= source->length; length++, words *= LETTERS)
        for (long number = 0; number < words; number++) {
            spell(word, length, number);
            was_late = false;
            if (!run_word(word, keeps_copy))
                return;
            if (was_late)
                (void)run_word(word, keeps_copy);
        }
}

static void run_sources(const struct source *sources, bool keeps_copy) {
    static const int all_flags[] = {0, EV_CLEAR, EV_ONESHOT, EV_DISPATCH, EV_CLEAR | EV_DISPATCH};
    REQUIRE(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    for (const struct source *source = sources; source->name != NULL; source++)
        for (size_t i = 0; i < sizeof all_flags / sizeof *all_flags; i++)
            run_words(source, all_flags[i], keeps_copy);
}

/* ---- The sources ---- */

static const struct source pipes[] = {
    {"READ, a pipe", EVFILT_READ, USUAL, open_pipe, peer_writes, is_drained, NULL},
    {"WRITE, a pipe", EVFILT_WRITE, USUAL, open_full_pipe, peer_drains, is_filled, NULL},
    {"READ, an eventfd", EVFILT_READ, USUAL, open_eventfd, add_to_eventfd, is_drained, NULL},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static const struct source sockets[] = {
    {"READ, a socket", EVFILT_READ, USUAL, open_unix, peer_writes, is_drained, NULL},
    {"READ, a socket beside WRITE", EVFILT_READ, USUAL, open_beside_write, peer_writes, is_drained, NULL},
    {"READ, a socket beside disabled WRITE", EVFILT_READ, USUAL, open_beside_disabled_write, peer_writes, is_drained,
     NULL},
    {"READ, datagrams", EVFILT_READ, USUAL, open_datagrams, peer_writes, is_drained, NULL},
    {"WRITE, a socket", EVFILT_WRITE, USUAL, open_full_unix, peer_drains, is_filled, NULL},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static const struct source tcp_sockets[] = {
    {"READ, TCP", EVFILT_READ, USUAL, open_tcp, peer_writes, is_drained, .wakes_late = true},
    {"READ, a listener", EVFILT_READ, USUAL, open_listener, client_connects, is_accepted, .wakes_late = true},
#ifdef EVFILT_EXCEPT
    {"EXCEPT, TCP", EVFILT_EXCEPT, USUAL, open_urgent, peer_is_urgent, urgency_is_taken, .wakes_late = true},
#endif
#ifdef EVFILT_EMPTY
    {"EMPTY, a socket", EVFILT_EMPTY, USUAL, open_full_unix, send_buffer_empties, is_filled, .look_ms = 25},
#endif
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static const struct source files[] = {
    {"READ, a file", EVFILT_READ, 2, open_file, is_appended, is_at_its_end, NULL},
    {"VNODE", EVFILT_VNODE, 2, open_vnode, is_appended, NULL, NULL},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static const struct source kqueues[] = {
    {"READ, a kqueue", EVFILT_READ, USUAL, open_inner, inner_is_triggered, inner_is_collected, NULL},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static const struct source processes[] = {
    {"PROC", EVFILT_PROC, USUAL, open_process, child_ends, NULL, reap_child},
#ifdef EVFILT_PROCDESC
    {"PROCDESC", EVFILT_PROCDESC, USUAL, open_procdesc, child_ends, NULL, reap_child},
#endif
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static const struct source signals[] = {
    {"SIGNAL", EVFILT_SIGNAL, USUAL, open_signal, signal_is_sent, NULL, NULL},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static const struct source timers[] = {
    {"TIMER, due at once", EVFILT_TIMER, LONGEST, open_timer, timer_is_due, timer_is_put_off, NULL},
    {"TIMER, due soon", EVFILT_TIMER, USUAL, open_timer, timer_expires, timer_is_put_off, NULL},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static const struct source triggers[] = {
    {"USER", EVFILT_USER, LONGEST, open_user, is_triggered, trigger_is_taken_back, NULL},
    {NULL, 0, 0, NULL, NULL, NULL, NULL},
};

static void with_pipes(void) { run_sources(pipes, false); }
static void with_sockets(void) { run_sources(sockets, false); }
static void with_tcp(void) { run_sources(tcp_sockets, false); }
static void with_files(void) {
    need_seen_proc();
    run_sources(files, false);
}
static void with_kqueues(void) { run_sources(kqueues, false); }
static void with_processes(void) { run_sources(processes, false); }
static void with_signals(void) { run_sources(signals, false); }
static void with_timers(void) { run_sources(timers, false); }
static void with_triggers(void) { run_sources(triggers, false); }

/* The file outlives the close of the number. */
static void with_duplicates(void) {
    run_sources(pipes, true);
    run_sources(sockets, true);
    run_sources(kqueues, true);
}

/* ---- Another thread takes it ---- */

static void deliver_elsewhere(const struct source *source, int flags) {
    struct subject subject = {.kq = new_kqueue(), .fd = -1, .peer = -1, .copy = -1};
    struct waiter waiter;
    current = source;
    current_flags = flags;
    current_word = " (another thread waits)";
    began = now_ms();
    source->open(&subject);
    if (apply(&subject, EV_ADD | flags) == 0) {
        start_waiter(&waiter, subject.kq, 1, PATIENCE);
        park_waiter(&waiter);
        source->news(&subject);
        join_waiter(&waiter);
        REQUIRE_EQ(waiter.result, 1);
        require_honest(subject.kq);
        source->news(&subject);
        require_honest(subject.kq);
    }
    end_subject(&subject);
}

static void another_thread_takes_it(void) {
    static const struct source *const all[] = {pipes,     sockets, tcp_sockets, files,   kqueues,
                                               processes, signals, timers,      triggers};
    REQUIRE(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (const struct source *source = all[i]; source->name != NULL; source++) {
            deliver_elsewhere(source, EV_ONESHOT);
            deliver_elsewhere(source, EV_DISPATCH);
            deliver_elsewhere(source, EV_CLEAR);
        }
}

/* ---- What is ready to poll(2), and not to be delivered ---- */

static void require_one_look(int kq) {
    struct kevent event;
    REQUIRE_EQ(kevent(kq, NULL, 0, &event, 1, &no_wait), 0);
    for (int i = 0; i < 3; i++) {
        REQUIRE(!is_readable(kq));
        REQUIRE_EQ(kevent(kq, NULL, 0, &event, 1, &no_wait), 0);
    }
}

/* Looked at below its mark, a knote's entry reports changes alone from then on; what it reports then is kept. */
static void what_crosses_its_mark_in_a_full_list(void) {
    posix_lacks("READ, WRITE, TIMER and VNODE make the kqueue readable only while a thread is in kevent()");
    int kq = new_kqueue(), pairs[2][2];
    struct kevent event;
    for (int i = 0; i < 2; i++) {
        unix_pair(pairs[i]);
        change(kq, (uintptr_t)pairs[i][0], EVFILT_READ, EV_ADD, NOTE_LOWAT, 16, NULL);
        put(pairs[i][1], "eight by");
        add_user(kq, (uintptr_t)i, EV_CLEAR);
    }
    for (int i = 0; i < 3; i++)
        REQUIRE_EQ(collect(kq, &event, 1, 0), 0);
    for (int i = 0; i < 2; i++)
        put(pairs[i][1], "and sixteen more");
    for (int i = 0; i < 2; i++)
        trigger(kq, (uintptr_t)i);
    for (int told = 0; told < 6; told++) {
        REQUIRE(is_readable(kq));
        REQUIRE_EQ(collect(kq, &event, 1, 0), 1);
    }
}

static void what_is_withheld_is_readable_once(void) {
    posix_lacks("READ, WRITE, TIMER and VNODE make the kqueue readable only while a thread is in kevent()");
    static const int flags[] = {0, EV_CLEAR, EV_ONESHOT, EV_DISPATCH};
    for (int i = 0; i < 4; i++) {
        int unconnected = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), pair[2], tcp[2];
        int filters[] = {EVFILT_READ, EVFILT_WRITE}, few = 50;
        unix_pair(pair);
        tcp_pair(tcp);
        put(pair[1], "123");
        put(tcp[1], "123");
        await_readable(tcp[0]);
        int kq = new_kqueue(), last = new_kqueue();
        for (int j = 0; j < 2; j++) {
            change(kq, (uintptr_t)unconnected, filters[j], EV_ADD | flags[i], 0, 0, NULL);
            require_one_look(kq);
        }
        change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | flags[i], NOTE_LOWAT, 50, NULL);
        require_one_look(kq);
        change(kq, (uintptr_t)tcp[0], EVFILT_READ, EV_ADD | flags[i], NOTE_LOWAT, 50, NULL);
        require_one_look(kq);
        REQUIRE_EQ(setsockopt(pair[0], SOL_SOCKET, SO_RCVLOWAT, &few, sizeof few), 0);
        add_read(last, pair[0], flags[i]);
        require_one_look(last);
        put(pair[1], "4567890123456789012345678901234567890123456789012345678901234567890");
        REQUIRE_EQ(next_event(kq).ident, pair[0]);
        REQUIRE_EQ(next_event(last).ident, pair[0]);
    }
}

const struct contract_case kq_readable_cases[] = {
    {"C-351", "readable with something to get: pipes", with_pipes, 60},
    {"C-351", "sockets", with_sockets, 60},
    {"C-351", "TCP sockets, EXCEPT and EMPTY", with_tcp, 60},
    {"C-351", "files", with_files, 60},
    {"C-351", "kqueues in kqueues", with_kqueues, 60},
    {"C-351", "closed numbers of files that live on", with_duplicates, 60},
    {"C-351", "PROC and PROCDESC", with_processes, 60},
    {"C-351", "SIGNAL", with_signals, 60},
    {"C-351", "TIMER", with_timers, 60},
    {"C-351", "USER", with_triggers, 60},
    {"C-351", "what crosses its mark while others fill the list", what_crosses_its_mark_in_a_full_list, 0},
    {"C-351", "what is ready and withheld is readable once", what_is_withheld_is_readable_once, 0},
    {"C-351", "what another thread is given", another_thread_takes_it, 60},
    {NULL, NULL, NULL, 0},
};
