/*
 * EVFILT_PROC: the ends of processes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "process.h"

/* ---- What the event says ---- */

static void exit_is_reported(void) {
    int kq = new_kqueue(), mark;
    struct served child = serve_child();
    change(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, &mark);
    require_silent(kq);
    give_order(&child, 'x', 64);
    struct kevent event = next_event(kq);
    expect_event(__FILE__, __LINE__, event, child.pid, EVFILT_PROC, EXIT_FLAGS, NOTE_EXIT, 64 << 8);
    REQUIRE(event.udata == &mark);
    require_silent(kq);
    REQUIRE_EQ(reap(child.pid), 64 << 8);
    require_silent(kq);
}

static void own_flags_are_shown(void) {
    int kq = new_kqueue();
    struct served child = serve_child();
    struct kevent entry;
    EV_SET(&entry, child.pid, EVFILT_PROC, EV_ADD | EV_RECEIPT | EV_DISPATCH, NOTE_EXIT, 0, NULL);
    REQUIRE_EQ(kevent(kq, &entry, 1, &entry, 1, NULL), 1);
    REQUIRE_EQ(entry.data, 0);
    end_child(&child, 0);
    EXPECT_PROC(kq, child.pid, EXIT_FLAGS | EV_RECEIPT | EV_DISPATCH, NOTE_EXIT, 0);
    REQUIRE_NO_KNOTE(kq, child.pid, EVFILT_PROC, ENOENT);
}

static void unknown_bits_are_ignored(void) {
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_EXIT | 0x40 | NOTE_CHILD | NOTE_TRACKERR);
    end_child(&child, 1);
    EXPECT_EXIT(kq, child.pid, 1 << 8);
}

static void kill_is_reported(void) {
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_EXIT);
    REQUIRE_EQ(kill(child.pid, SIGKILL), 0);
    struct kevent event = next_event(kq);
    REQUIRE(WIFSIGNALED(event.data));
    REQUIRE_EQ(WTERMSIG(event.data), SIGKILL);
    REQUIRE_EQ(event.flags, EXIT_FLAGS);
    REQUIRE_EQ(event.fflags, NOTE_EXIT);
    REQUIRE_EQ(event.data, reap(child.pid));
}

/* The core bit is as waitpid tells it. */
static void abort_is_reported(void) {
    int kq = new_kqueue();
    REQUIRE(signal(SIGQUIT, SIG_DFL) != SIG_ERR); /* a language runtime may catch it */
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_EXIT);
    REQUIRE_EQ(kill(child.pid, SIGQUIT), 0);
    struct kevent event = next_event(kq);
    REQUIRE_EQ(WTERMSIG(event.data), SIGQUIT);
    REQUIRE_EQ(event.data, reap(child.pid));
}

static void every_code_is_reported(void) {
    int kq = new_kqueue();
    for (int code = 0; code < 256; code += 51) {
        pid_t child = zombie(code);
        add_proc(kq, child, NOTE_EXIT);
        EXPECT_EXIT(kq, child, code << 8);
        reap(child);
    }
}

static void event_deletes_the_knote(void) {
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_EXIT);
    end_child(&child, 0);
    EXPECT_EXIT(kq, child.pid, 0);
    REQUIRE_NO_KNOTE(kq, child.pid, EVFILT_PROC, ENOENT);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ENABLE, 0, 0, NULL), ENOENT);
    reap(child.pid);
    REQUIRE_NO_KNOTE(kq, child.pid, EVFILT_PROC, ENOENT);
}

static void exit_status_is_echoed(void) {
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_EXIT | NOTE_EXITSTATUS);
    end_child(&child, 3);
    EXPECT_PROC(kq, child.pid, EXIT_FLAGS, NOTE_EXIT | NOTE_EXITSTATUS, 3 << 8);
}

/* ---- The program's own business with its children ---- */

static void event_does_not_reap(void) {
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_EXIT);
    give_order(&child, 'x', 7);
    EXPECT_EXIT(kq, child.pid, 7 << 8);
    int status = 0;
    REQUIRE_EQ(waitpid(child.pid, &status, WNOHANG), child.pid);
    REQUIRE_EQ(status, 7 << 8);
}

static void reaped_before_drained(void) {
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_EXIT);
    give_order(&child, 'x', 7);
    REQUIRE_EQ(reap(child.pid), 7 << 8);
    EXPECT_EXIT_OF_REAPED(kq, child.pid, told_status(7 << 8));
    REQUIRE_NO_KNOTE(kq, child.pid, EVFILT_PROC, ENOENT);
}

static void reaped_by_the_kernel(void) {
    int kq = new_kqueue(), status = told_status(11 << 8);
    REQUIRE(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_EXIT);
    give_order(&child, 'x', 11);
    EXPECT_EXIT_OF_REAPED(kq, child.pid, status);
    REQUIRE_ERRNO(waitpid(child.pid, NULL, 0), ECHILD);
    REQUIRE(signal(SIGCHLD, SIG_IGN) == SIG_IGN);
}

static volatile sig_atomic_t signals;

static void count_signal(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    signals += info->si_code == CLD_EXITED && info->si_status == 6;
}

static void handler_still_runs(void) {
    struct sigaction action = {.sa_sigaction = count_signal, .sa_flags = SA_SIGINFO | SA_RESTART}, now;
    REQUIRE_EQ(sigaction(SIGCHLD, &action, NULL), 0);
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_EXIT);
    struct kevent event;
    give_order(&child, 'x', 6);
    int got;
    while ((got = kevent(kq, NULL, 0, &event, 1, NULL)) == -1)
        REQUIRE_EQ(errno, EINTR);
    REQUIRE_EQ(got, 1);
    REQUIRE_EQ(event.data, 6 << 8);
    REQUIRE_EQ(reap(child.pid), 6 << 8);
    REQUIRE_EQ(signals, 1);
    REQUIRE_EQ(sigaction(SIGCHLD, NULL, &now), 0);
    REQUIRE(now.sa_sigaction == count_signal);
    require_silent(kq);
}

/* Nothing of the program's is consumed or changed: its mask, its pending signal, its right to wait. */
static void signals_are_left_alone(void) {
    sigset_t blocked, now, pending;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    REQUIRE_EQ(sigprocmask(SIG_BLOCK, &blocked, NULL), 0);
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_EXIT);
    give_order(&child, 'x', 2);
    EXPECT_EXIT(kq, child.pid, 2 << 8);
    REQUIRE_EQ(sigpending(&pending), 0);
    REQUIRE_EQ(sigismember(&pending, SIGCHLD), 1);
    REQUIRE_EQ(sigprocmask(SIG_BLOCK, NULL, &now), 0);
    REQUIRE_EQ(memcmp(&now, &blocked, sizeof(long)), 0);
    struct sigaction action;
    REQUIRE_EQ(sigaction(SIGCHLD, NULL, &action), 0);
    REQUIRE(action.sa_handler == SIG_DFL);
    siginfo_t info;
    REQUIRE_EQ(sigwaitinfo(&blocked, &info), SIGCHLD);
    REQUIRE_EQ(info.si_pid, child.pid);
    REQUIRE_EQ(reap(child.pid), 2 << 8);
}

/* ---- Which processes ---- */

static void zombie_fires_at_once(void) {
    int kq = new_kqueue();
    pid_t child = zombie(5);
    struct kevent entry;
    EV_SET(&entry, child, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, NULL);
    struct timespec none = {0, 0};
    REQUIRE_EQ(kevent(kq, &entry, 1, &entry, 1, &none), 1);
    expect_event(__FILE__, __LINE__, entry, child, EVFILT_PROC, EXIT_FLAGS, NOTE_EXIT, 5 << 8);
    REQUIRE_EQ(reap(child), 5 << 8);
}

static void zombie_may_be_watched_disabled(void) {
    int kq = new_kqueue();
    pid_t child = zombie(5);
    change(kq, (uintptr_t)child, EVFILT_PROC, EV_ADD | EV_DISABLE, NOTE_EXIT, 0, NULL);
    require_silent(kq);
    change(kq, (uintptr_t)child, EVFILT_PROC, EV_ENABLE, 0, 0, NULL);
    EXPECT_EXIT(kq, child, 5 << 8);
}

static void zombie_needs_note_exit(void) {
    int kq = new_kqueue();
    pid_t child = zombie(0);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)child, EVFILT_PROC, EV_ADD, 0, 0, NULL), ESRCH);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)child, EVFILT_PROC, EV_ADD, NOTE_EXITSTATUS, 0, NULL), ESRCH);
    REQUIRE_NO_KNOTE(kq, child, EVFILT_PROC, ENOENT);
    require_silent(kq);
}

static void *say_own_number(void *answer) {
    *(_Atomic pid_t *)answer = thread_number();
    for (;;)
        pause();
    return NULL;
}

static void require_absent(int kq, uintptr_t ident) {
    struct kevent entry, mark;
    EV_SET(&entry, ident, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, &mark);
    REQUIRE_EQ(kevent(kq, &entry, 1, &entry, 1, NULL), 1);
    REQUIRE_EQ(entry.ident, ident);
    REQUIRE_EQ(entry.flags, EV_ADD | EV_ERROR);
    REQUIRE_EQ(entry.fflags, NOTE_EXIT);
    REQUIRE_EQ(entry.data, ESRCH);
    REQUIRE(entry.udata == &mark);
    REQUIRE_EQ(change_errno(kq, ident, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, NULL), ESRCH);
    REQUIRE_EQ(change_errno(kq, ident, EVFILT_PROC, EV_DELETE, 0, 0, NULL), ENOENT);
}

static void absent_processes(void) {
    int kq = new_kqueue(), before;
    struct served child = serve_child();
    pid_t gone = zombie(0);
    reap(gone);
    _Atomic pid_t thread = 0;
    start_thread(say_own_number, (void *)&thread);
    while (thread == 0)
        sleep_ms(1);
    add_user(kq, 1, 0);
    before = open_descriptors();
    require_absent(kq, 0);
    require_absent(kq, (uintptr_t)-1);
    require_absent(kq, (uintptr_t)-getpid());
    require_absent(kq, INT_MAX);
    require_absent(kq, (uintptr_t)INT_MAX + 1);
    require_absent(kq, UINTPTR_MAX);
    if (sizeof(uintptr_t) > 4) /* no number is cut to the one of a process */
        require_absent(kq, (uintptr_t)(UINT64_C(1) << 32) + (uintptr_t)getpid());
    require_absent(kq, (uintptr_t)gone);
    if (!on_posix()) /* which tells a thread's number from a process's by nothing */
        require_absent(kq, (uintptr_t)thread);
    REQUIRE_EQ(open_descriptors(), before);
    add_proc(kq, child.pid, NOTE_EXIT); /* the kqueue works on */
    end_child(&child, 1);
    EXPECT_EXIT(kq, child.pid, 1 << 8);
}

/* A process that is nobody's child here; what it ends with is told while its parent has not waited. */
static void grandchild_can_be_watched(void) {
    posix_lacks("only children can be watched");
    int kq = new_kqueue();
    struct served child = serve_child();
    pid_t grandchild = have(&child, 'F');
    add_proc(kq, grandchild, NOTE_EXIT);
    require_silent(kq);
    REQUIRE_EQ(kill(grandchild, SIGTERM), 0);
    bool is_told = access("/proc/self/stat", F_OK) == 0; /* what its parent has not waited for stands there alone */
    EXPECT_EXIT(kq, grandchild, is_told ? SIGTERM : 0);
    end_child(&child, 0);
}

static void orphan_can_be_watched(void) {
    posix_lacks("only children can be watched");
    int kq = new_kqueue();
    struct served child = serve_child();
    pid_t orphan = have(&child, 'F');
    add_proc(kq, orphan, NOTE_EXIT);
    end_child(&child, 0);
    reap(child.pid); /* its own child goes to another parent */
    require_silent(kq);
    REQUIRE_EQ(kill(orphan, SIGKILL), 0);
    struct kevent event = next_event(kq);
    REQUIRE_EQ(event.ident, orphan);
    REQUIRE_EQ(event.fflags, NOTE_EXIT);
    REQUIRE(event.data == SIGKILL || event.data == 0); /* who reaps it may be quicker */
}

/* The parent, of another user. */
static void other_users_process_can_be_watched(void) {
    posix_lacks("only children can be watched");
    if (geteuid() != 0)
        contract_skip("only root can become another user");
    need_nobody();
    struct served child = serve_child();
    pid_t watcher = fork();
    if (watcher == 0) {
        become_nobody();
        int kq = new_kqueue();
        add_proc(kq, child.pid, NOTE_EXIT);
        give_order(&child, 'x', 3);
        struct kevent event = next_event(kq);
        REQUIRE_EQ(event.ident, child.pid);
        REQUIRE_EQ(event.flags, EXIT_FLAGS);
        REQUIRE_EQ(event.fflags, NOTE_EXIT);
        exit(0);
    }
    finish_child(watcher);
    REQUIRE_EQ(reap(child.pid), 3 << 8);
}

static void own_process_can_be_watched(void) {
    int kq = new_kqueue();
    add_proc(kq, getpid(), NOTE_EXIT);
    change(kq, 1, EVFILT_USER, EV_ADD | EV_CLEAR, NOTE_TRIGGER, 0, NULL);
    REQUIRE_EQ(next_event(kq).filter, EVFILT_USER);
    require_silent(kq);
    REQUIRE(delete_knote(kq, (uintptr_t)getpid(), EVFILT_PROC));
}

static void stop_and_continue_are_silent(void) {
    int kq = new_kqueue(), status;
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_EXIT);
    REQUIRE_EQ(kill(child.pid, SIGSTOP), 0);
    REQUIRE_EQ(waitpid(child.pid, &status, WUNTRACED), child.pid);
    require_silent(kq);
    REQUIRE_EQ(kill(child.pid, SIGCONT), 0);
    REQUIRE_EQ(waitpid(child.pid, &status, WCONTINUED), child.pid);
    require_silent(kq);
    REQUIRE_EQ(kill(child.pid, SIGSTOP), 0);
    REQUIRE_EQ(waitpid(child.pid, &status, WUNTRACED), child.pid);
    REQUIRE_EQ(kill(child.pid, SIGKILL), 0);
    EXPECT_EXIT(kq, child.pid, SIGKILL);
}

/* Only when its last thread is gone; an exec by another thread than the first is no end. */
static void end_of_the_first_thread_is_silent(void) {
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_EXIT);
    have_exec(&child, 'l');
    require_silent(kq);
    end_shell(&child);
    EXPECT_EXIT(kq, child.pid, 5 << 8);
}

static void exec_is_silent_for_note_exit(void) {
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_EXIT);
    have_exec(&child, 'E');
    require_silent(kq);
    end_shell(&child);
    EXPECT_EXIT(kq, child.pid, 5 << 8);
}

/* As fork(), a process with this very number, where the system lets it be chosen. */
static pid_t fork_numbered(pid_t number) {
    struct {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size;
    } arguments = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&number, .set_tid_size = 1};
    pid_t child = (pid_t)syscall(435 /* clone3 */, &arguments, sizeof arguments);
    if (child == -1)
        contract_skip("numbers of processes cannot be chosen: %s", strerror(errno));
    return child;
}

static pid_t fork_as(pid_t number) {
    pid_t child = fork_numbered(number);
    if (child == 0)
        for (;;)
            pause();
    return child;
}

static void reused_number_is_another_process(void) {
    int kq = new_kqueue(), other = new_kqueue(), status = told_status(4 << 8);
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_EXIT);
    add_proc(other, child.pid, NOTE_EXIT);
    end_child(&child, 4);
    EXPECT_EXIT(kq, child.pid, 4 << 8); /* the other one's is not collected yet */
    reap(child.pid);
    REQUIRE_EQ(fork_as(child.pid), child.pid);
    EXPECT_EXIT(other, child.pid, status);
    add_proc(other, child.pid, NOTE_EXIT);
    REQUIRE_EQ(kill(child.pid, SIGKILL), 0);
    await_exit(child.pid);
    require_silent(kq);
    EXPECT_EXIT(other, child.pid, SIGKILL);
    require_silent(other);
}

/* ---- Masks, disabling, deleting ---- */

static void mask_taken_back(void) {
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_EXIT);
    add_proc(kq, child.pid, 0);
    require_silent(kq);
    end_child(&child, 0);
    require_silent(kq);
    REQUIRE_NO_KNOTE(kq, child.pid, EVFILT_PROC, ENOENT);
}

static void mask_given_later(void) {
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, 0);
    add_proc(kq, child.pid, NOTE_EXIT);
    end_child(&child, 8);
    EXPECT_EXIT(kq, child.pid, 8 << 8);
}

/* A process that ended before the change, and of which nothing was wanted: there is nothing to watch any more. */
static void mask_given_too_late(void) {
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, 0);
    end_child(&child, 8);
    require_silent(kq);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ENABLE, NOTE_EXIT, 0, NULL), ENOENT);
    add_proc(kq, child.pid, NOTE_EXIT); /* a new one, on a zombie */
    EXPECT_EXIT(kq, child.pid, 8 << 8);
}

static void mask_taken_back_while_pending(void) {
    int kq = new_kqueue();
    struct served child = serve_child();
    struct pollfd readable = {.fd = kq, .events = POLLIN};
    add_proc(kq, child.pid, NOTE_EXIT);
    end_child(&child, 0);
    REQUIRE_EQ(poll(&readable, 1, PATIENCE), 1);
    add_proc(kq, child.pid, 0);
    require_silent(kq);
    REQUIRE_NO_KNOTE(kq, child.pid, EVFILT_PROC, ENOENT);
}

static void end_while_disabled(void) {
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_EXIT);
    change(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_DISABLE, 0, 0, NULL);
    end_child(&child, 12);
    require_silent(kq);
    change(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ENABLE, 0, 0, NULL);
    EXPECT_EXIT(kq, child.pid, 12 << 8);
    REQUIRE_NO_KNOTE(kq, child.pid, EVFILT_PROC, ENOENT);
}

/* As before, and nobody has looked at the kqueue between the end and the reaping. */
static void end_and_reaping_while_disabled(void) {
    int kq = new_kqueue(), status = told_status(12 << 8);
    struct served child = serve_child();
    change(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD | EV_DISABLE, NOTE_EXIT, 0, NULL);
    end_child(&child, 12);
    reap(child.pid);
    require_silent(kq);
    change(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ENABLE, 0, 0, NULL);
    EXPECT_EXIT_OF_REAPED(kq, child.pid, status);
}

static void delete_drops_the_event(void) {
    int kq = new_kqueue(), before;
    struct served child = serve_child();
    struct pollfd readable = {.fd = kq, .events = POLLIN};
    add_user(kq, 1, 0);
    before = open_descriptors();
    add_proc(kq, child.pid, NOTE_EXIT);
    end_child(&child, 0);
    REQUIRE_EQ(poll(&readable, 1, PATIENCE), 1);
    REQUIRE(delete_knote(kq, (uintptr_t)child.pid, EVFILT_PROC));
    require_silent(kq);
    REQUIRE_EQ(poll(&readable, 1, 0), 0);
    REQUIRE_EQ(open_descriptors(), before);
    struct served other = serve_child();
    add_proc(kq, other.pid, NOTE_EXIT);
    REQUIRE(delete_knote(kq, (uintptr_t)other.pid, EVFILT_PROC)); /* while it lives */
    end_child(&other, 0);
    require_silent(kq);
}

static void last_udata_is_delivered(void) {
    int kq = new_kqueue(), first, second;
    struct served child = serve_child();
    change(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, &first);
    change(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, &second);
    end_child(&child, 0);
    struct kevent event = next_event(kq);
    REQUIRE(event.udata == &second);
    require_silent(kq);
}

static void enabling_keeps_the_mask(void) {
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_EXIT);
    change(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_DISABLE, 0, 0, NULL);
    change(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ENABLE, 0, 0, NULL);
    end_child(&child, 0);
    EXPECT_EXIT(kq, child.pid, 0);
}

static void unsupported_bits_register_nothing(void) {
    int kq = new_kqueue();
    struct served child = serve_child();
    REQUIRE_EQ(change_errno(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD, NOTE_EXIT | NOTE_REAP, 0, NULL), ENOTSUP);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD, NOTE_EXIT | NOTE_SIGNAL, 0, NULL), ENOTSUP);
    REQUIRE_NO_KNOTE(kq, child.pid, EVFILT_PROC, ENOENT);
    add_proc(kq, child.pid, NOTE_EXIT);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD, NOTE_REAP, 0, NULL), ENOTSUP);
    end_child(&child, 2); /* the knote is as before */
    EXPECT_EXIT(kq, child.pid, 2 << 8);
}

/* ---- Several kqueues, several threads ---- */

static void two_kqueues_report(void) {
    int one = new_kqueue(), two = new_kqueue();
    struct served child = serve_child();
    add_proc(one, child.pid, NOTE_EXIT);
    add_proc(two, child.pid, NOTE_EXIT);
    end_child(&child, 21);
    EXPECT_EXIT(one, child.pid, 21 << 8);
    EXPECT_EXIT(two, child.pid, 21 << 8);
    require_silent(one);
    require_silent(two);
}

static void closing_one_leaves_the_other(void) {
    int one = new_kqueue(), two = new_kqueue();
    struct served child = serve_child();
    add_proc(one, child.pid, NOTE_EXIT);
    add_proc(two, child.pid, NOTE_EXIT);
    REQUIRE_EQ(close(one), 0);
    end_child(&child, 21);
    EXPECT_EXIT(two, child.pid, 21 << 8);
}

static void one_thread_gets_it(void) {
    enum { THREADS = 4 };
    int kq = new_kqueue();
    struct served child = serve_child();
    struct waiter waiters[THREADS];
    add_proc(kq, child.pid, NOTE_EXIT);
    for (int i = 0; i < THREADS; i++)
        start_waiter(&waiters[i], kq, 8, -1);
    for (int i = 0; i < THREADS; i++)
        park_waiter(&waiters[i]);
    end_child(&child, 0);
    REQUIRE_EQ(only_woken(waiters, THREADS).filter, EVFILT_PROC);
}

static void zombie_wakes_a_waiter(void) {
    int kq = new_kqueue();
    pid_t child = zombie(1);
    struct waiter waiter;
    start_waiter(&waiter, kq, 1, -1);
    park_waiter(&waiter);
    add_proc(kq, child, NOTE_EXIT);
    join_waiter(&waiter);
    REQUIRE_EQ(waiter.result, 1);
    REQUIRE_EQ(waiter.events[0].ident, child);
}

static void kqueue_turns_readable(void) {
    int kq = new_kqueue();
    struct pollfd readable = {.fd = kq, .events = POLLIN};
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_EXIT);
    REQUIRE_EQ(poll(&readable, 1, 0), 0);
    end_child(&child, 0);
    REQUIRE_EQ(poll(&readable, 1, PATIENCE), 1);
    EXPECT_EXIT(kq, child.pid, 0);
    REQUIRE_EQ(poll(&readable, 1, 0), 0);
    reap(child.pid);
    REQUIRE_EQ(poll(&readable, 1, 50), 0);
}

/* With room for a few at a time, and two kinds in turns. */
static void no_event_is_lost_for_want_of_room(void) {
    enum { COUNT = 40 };
    int kq = new_kqueue(), seen = 0;
    pid_t children[COUNT];
    for (int i = 0; i < COUNT; i++) {
        children[i] = zombie(i);
        add_proc(kq, children[i], NOTE_EXIT);
        add_triggered(kq, (uintptr_t)i, EV_CLEAR);
    }
    for (int round = 0; round < COUNT; round++) {
        struct kevent events[2];
        int got = collect(kq, events, 2, 1000);
        for (int i = 0; i < got; i++)
            seen += events[i].filter == EVFILT_PROC;
    }
    REQUIRE_EQ(seen, COUNT);
    require_silent(kq);
}

/* ---- Many at once ---- */

/* Thousands that end at one moment leave nobody else a processor for seconds, so they end by the group. */
enum { GROUP = 200, GROUPS = 25 };

static struct crowd {
    pid_t children[GROUP * GROUPS];
    int count, gates[GROUPS][2];
} crowd;

/* Children that wait for their group's gate, and a kqueue that watches all of them. */
static int watch_crowd(int count) {
    need_descriptors((rlim_t)(count + 2 * (count / GROUP) + 12));
    int kq = new_kqueue();
    crowd.count = count;
    for (int i = 0; i < count; i++) {
        int *gate = crowd.gates[i / GROUP];
        if (i % GROUP == 0)
            new_pipe(gate);
        crowd.children[i] = fork();
        if (crowd.children[i] == 0) {
            char nothing;
            for (int group = 0; group <= i / GROUP; group++) /* so that the parent's alone keep gates shut */
                syscall(SYS_close, crowd.gates[group][1]);
            while (read(gate[0], &nothing, 1) == -1 && errno == EINTR)
                continue;
            _exit(i % 251);
        }
        REQUIRE(crowd.children[i] > 0);
    }
    for (int i = 0; i < count; i++)
        add_proc(kq, crowd.children[i], NOTE_EXIT);
    return kq;
}

/* Another thread may reap it first. */
static void await_end(pid_t child) {
    siginfo_t info;
    while (waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == -1 && errno == EINTR)
        continue;
}

static void *open_gates(void *nothing) {
    for (int i = 0; i < crowd.count; i++) {
        if (i % GROUP == 0)
            REQUIRE_EQ(close(crowd.gates[i / GROUP][1]), 0);
        await_end(crowd.children[i]);
    }
    return nothing;
}

static int place_of(uintptr_t pid) {
    for (int i = 0; i < crowd.count; i++)
        if (crowd.children[i] == (pid_t)pid)
            return i;
    contract_fail(__FILE__, __LINE__, "nobody's number: %ju", (uintmax_t)pid);
}

/* Requires one event for each child; with its status, or where `lossy` with that or 0. */
static void collect_all(int kq, bool lossy) {
    static unsigned char seen[GROUP * GROUPS];
    /* valgrind cannot deliver a signal below so much of a stack that nobody touched. */
    static struct kevent events[256];
    for (int total = 0; total < crowd.count;) {
        int got = collect(kq, events, 256, PATIENCE);
        REQUIRE(got > 0);
        for (int i = 0; i < got; i++, total++) {
            int place = place_of(events[i].ident);
            REQUIRE(seen[place]++ == 0);
            REQUIRE_EQ(events[i].flags, EXIT_FLAGS);
            REQUIRE_EQ(events[i].fflags, NOTE_EXIT);
            if (!lossy || events[i].data != 0)
                REQUIRE_EQ(events[i].data, place % 251 << 8);
        }
    }
    require_silent(kq);
}

static void end_at_once(int count) {
    int kq = watch_crowd(count);
    open_gates(NULL);
    collect_all(kq, false);
    for (int i = 0; i < count; i++)
        REQUIRE_EQ(reap(crowd.children[i]), i % 251 << 8);
}

static void fifty_at_once(void) { end_at_once(50); }
static void two_thousand_at_once(void) { end_at_once(2000); }
static void five_thousand_at_once(void) { end_at_once(5000); }

static void *reap_all(void *nothing) {
    for (int left = crowd.count; left > 0; left--)
        REQUIRE(waitpid(-1, NULL, 0) != -1);
    return nothing;
}

/* The program waits for all of its children in another thread meanwhile. */
static void two_thousand_against_a_reaper(void) {
    bool lossy = on_posix() || !status_outlives_reaping();
    int kq = watch_crowd(2000);
    pthread_t reaper = start_thread(reap_all, NULL), opener = start_thread(open_gates, NULL);
    collect_all(kq, lossy);
    join_thread(reaper);
    join_thread(opener);
}

/* One comes and goes after the other, each watched as soon as it is there. */
static void watched_against_a_reaper(void) {
    int kq = new_kqueue();
    bool lossy = on_posix() || !status_outlives_reaping();
    for (int i = 0; i < 300; i++) {
        struct kevent event;
        pid_t child = fork_exiting(i % 251);
        REQUIRE(child > 0);
        int code = change_errno(kq, (uintptr_t)child, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, NULL);
        REQUIRE_EQ(code, 0); /* alive or a zombie */
        if (i % 2)
            reap(child);
        event = next_event(kq);
        REQUIRE_EQ(event.ident, child);
        if (!lossy || event.data != 0)
            REQUIRE_EQ(event.data, i % 251 << 8);
        if (i % 2 == 0)
            reap(child);
    }
}

/* ---- Descriptors and memory ---- */

static void exhausted_descriptors(void) {
    if (on_valgrind())
        contract_skip("valgrind keeps the hard limit of descriptors");
    int kq = new_kqueue();
    struct served first = serve_child(), second = serve_child();
    bool samples = on_posix() || lacks_descriptors_of_processes();
    struct kevent entry;
    struct rlimit limit = {.rlim_cur = 40, .rlim_max = 40};
    add_proc(kq, first.pid, NOTE_EXIT);
    REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    int last = -1, fd;
    while ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        last = fd;
    REQUIRE_EQ(errno, EMFILE);
    if (!samples) { /* where a child costs one */
        EV_SET(&entry, second.pid, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, NULL);
        REQUIRE_EQ(kevent(kq, &entry, 1, &entry, 1, NULL), 1);
        REQUIRE_EQ(entry.flags, EV_ADD | EV_ERROR);
        REQUIRE_EQ(entry.data, EMFILE);
        REQUIRE_NO_KNOTE(kq, second.pid, EVFILT_PROC, ENOENT);
    } else {
        add_proc(kq, second.pid, NOTE_EXIT);
    }
    REQUIRE_EQ(close(last), 0);
    add_proc(kq, second.pid, NOTE_EXIT); /* and nothing else is amiss */
    end_child(&first, 1);
    EXPECT_EXIT(kq, first.pid, 1 << 8);
    end_child(&second, 2);
    EXPECT_EXIT(kq, second.pid, 2 << 8);
}

static void descriptors_come_back(void) {
    posix_lacks("only children can be watched");
    if (lacks_descriptors_of_processes())
        contract_skip("no pidfd_open: a process has no descriptor");
    int before = open_descriptors(), kq = new_kqueue();
    struct served child = serve_child();
    pid_t watched[20];
    for (int i = 0; i < 20; i++) {
        watched[i] = have(&child, 'F');
        add_proc(kq, watched[i], NOTE_EXIT);
    }
    int held = open_descriptors();
    for (int i = 0; i < 10; i++)
        REQUIRE_EQ(kill(watched[i], SIGKILL), 0);
    struct kevent events[10];
    for (int got = 0; got < 10;) {
        int more = collect(kq, events, 10, PATIENCE);
        REQUIRE(more > 0);
        got += more;
    }
    REQUIRE_EQ(open_descriptors(), held - 10);
    REQUIRE_EQ(close(kq), 0);
    for (int i = 10; i < 20; i++)
        REQUIRE_EQ(kill(watched[i], SIGKILL), 0);
    REQUIRE_EQ(close(child.control), 0);
    REQUIRE_EQ(open_descriptors(), before);
}

/* Out of the way of the program's own, and not for the programs that it starts. */
static void descriptors_are_hidden(void) {
    int kq = new_kqueue(), lowest = open("/dev/null", O_RDONLY | O_CLOEXEC), next;
    add_proc(kq, getpid(), NOTE_EXIT);
    next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    REQUIRE_EQ(next, lowest + 1);
    for (int fd = 512; fd < 4096; fd++)
        REQUIRE(fcntl(fd, F_GETFD) == -1 || (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

/* ---- Forked children ---- */

static void kqueue_of_a_child(void) {
    int kq = new_kqueue();
    struct served watched = serve_child();
    add_proc(kq, watched.pid, NOTE_EXIT);
    pid_t child = fork();
    if (child == 0) {
        REQUIRE_EQ(change_errno(kq, (uintptr_t)watched.pid, EVFILT_PROC, EV_DELETE, 0, 0, NULL), EBADF);
        int own = new_kqueue();
        pid_t grandchild = fork_waiting();
        add_proc(own, grandchild, NOTE_EXIT);
        REQUIRE_EQ(kill(grandchild, SIGKILL), 0);
        EXPECT_EXIT(own, grandchild, SIGKILL);
        _exit(0);
    }
    finish_child(child);
    require_silent(kq);
    end_child(&watched, 4);
    EXPECT_EXIT(kq, watched.pid, 4 << 8);
}

static int new_copied_kqueue(void) {
    int kq = kqueuex(KQUEUE_CPONFORK);
    REQUIRE(kq >= 0);
    return kq;
}

/* The copy watches the same processes, which are no children there. */
static void copy_watches_the_same(void) {
    need_proc("the status of what nobody has waited for is told there alone");
    posix_lacks("only children can be watched");
    int kq = new_copied_kqueue();
    struct served watched = serve_child(), ended = serve_child();
    add_proc(kq, watched.pid, NOTE_EXIT);
    add_proc(kq, ended.pid, NOTE_EXIT);
    end_child(&ended, 9); /* recorded nowhere yet */
    pid_t child = fork();
    if (child == 0) {
        EXPECT_EXIT(kq, ended.pid, 9 << 8);
        give_order(&watched, 'x', 4);
        EXPECT_EXIT(kq, watched.pid, 4 << 8);
        require_silent(kq);
        _exit(0);
    }
    finish_child(child);
    struct kevent events[3];
    REQUIRE_EQ(collect(kq, events, 3, 1000), 2);
    for (int i = 0; i < 2; i++)
        REQUIRE_EQ(events[i].data, events[i].ident == (uintptr_t)watched.pid ? 4 << 8 : 9 << 8);
    require_silent(kq);
}

/* An end that is recorded, and not delivered for want of EV_ENABLE, is known to the copy as well. */
static void copy_knows_of_recorded_ends(void) {
    int kq = new_copied_kqueue();
    struct served ended = serve_child();
    change(kq, (uintptr_t)ended.pid, EVFILT_PROC, EV_ADD | EV_DISABLE, NOTE_EXIT, 0, NULL);
    end_child(&ended, 9);
    require_silent(kq);
    reap(ended.pid);
    pid_t child = fork();
    if (child == 0) {
        change(kq, (uintptr_t)ended.pid, EVFILT_PROC, EV_ENABLE, 0, 0, NULL);
        EXPECT_EXIT(kq, ended.pid, 9 << 8);
        _exit(0);
    }
    finish_child(child);
    change(kq, (uintptr_t)ended.pid, EVFILT_PROC, EV_ENABLE, 0, 0, NULL);
    EXPECT_EXIT(kq, ended.pid, 9 << 8);
}

/* What the next process of the number does before the end is collected is not the former's. */
static void next_of_the_number_is_not_heard(void) {
    posix_lacks("nothing tells of forks and execs");
    int kq = new_kqueue(), pair[2];
    struct served child = serve_child();
    if (change_errno(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD, NOTE_EXIT | NOTE_FORK | NOTE_EXEC, 0, NULL) != 0)
        contract_skip("nothing here tells of forks and execs");
    end_child(&child, 5);
    REQUIRE_EQ(reap(child.pid), 5 << 8);
    new_pipe(pair);
    pid_t next = fork_numbered(child.pid);
    if (next == 0) {
        (void)reaped(fork_exiting(0));
        dup2(pair[1], STDOUT_FILENO);
        execlp("sh", "sh", "-c", "echo; exec sleep 60", (char *)NULL);
        _exit(127);
    }
    take(pair[0], 1);
    EXPECT_EXIT_OF_REAPED(kq, child.pid, told_status(5 << 8));
    require_silent(kq);
    REQUIRE_EQ(kill(next, SIGKILL), 0);
    REQUIRE_EQ(reaped(next), next);
    require_silent(kq);
}

const struct contract_case proc_cases[] = {
    {"C-249", "exit(64) is reported, with its status and flags", exit_is_reported, 0},
    {"C-249", "the registration's own flags are shown", own_flags_are_shown, 0},
    {"C-249", "every exit code is told", every_code_is_reported, 0},
    {"C-249", "unknown bits are ignored", unknown_bits_are_ignored, 0},
    {"C-250", "SIGKILL is told", kill_is_reported, 0},
    {"C-250", "a signal that dumps core is told as waitpid tells it", abort_is_reported, 0},
    {"C-251", "the event deletes the knote", event_deletes_the_knote, 0},
    {"C-252", "the event does not reap", event_does_not_reap, 0},
    {"C-253", "a child that was reaped before it was looked at", reaped_before_drained, 0},
    {"C-253", "a child that the kernel reaps", reaped_by_the_kernel, 0},
    {"C-254", "a zombie fires at once", zombie_fires_at_once, 0},
    {"C-254", "a zombie added disabled waits for EV_ENABLE", zombie_may_be_watched_disabled, 0},
    {"C-255", "a zombie without NOTE_EXIT: ESRCH", zombie_needs_note_exit, 0},
    {"C-256", "no such process: ESRCH, and the kqueue works on", absent_processes, 0},
    {"C-257", "a grandchild can be watched", grandchild_can_be_watched, 0},
    {"C-257", "an orphan can be watched", orphan_can_be_watched, 0},
    {"C-257", "another user's process can be watched", other_users_process_can_be_watched, 0},
    {"C-258", "the own process can be watched", own_process_can_be_watched, 0},
    {"C-259", "mask 0 before the exit: silent, and the knote is gone", mask_taken_back, 0},
    {"C-259", "mask 0 while the exit is pending: silent, and the knote is gone", mask_taken_back_while_pending, 0},
    {"C-259", "a mask given later", mask_given_later, 0},
    {"C-259", "a mask given after the end", mask_given_too_late, 0},
    {"C-260", "an end while disabled comes with EV_ENABLE", end_while_disabled, 0},
    {"C-260", "an end and the reaping while disabled", end_and_reaping_while_disabled, 0},
    {"C-261", "two kqueues report", two_kqueues_report, 0},
    {"C-261", "closing one leaves the other", closing_one_leaves_the_other, 0},
    {"C-262", "fifty children that end at once", fifty_at_once, 0},
    {"C-262", "two thousand children that end at once", two_thousand_at_once, 60},
    {"C-262", "five thousand children that end at once", five_thousand_at_once, 60},
    {"C-262", "two thousand children, and another thread reaps them", two_thousand_against_a_reaper, 60},
    {"C-262", "children watched as soon as they are there, half of them reaped first", watched_against_a_reaper, 30},
    {"C-262", "nothing is lost for want of room", no_event_is_lost_for_want_of_room, 0},
    {"C-263", "NOTE_EXITSTATUS is echoed", exit_status_is_echoed, 0},
    {"C-264", "stop and continue are silent", stop_and_continue_are_silent, 0},
    {"C-264", "the end of the first thread is silent", end_of_the_first_thread_is_silent, 0},
    {"C-264", "an exec is silent for NOTE_EXIT", exec_is_silent_for_note_exit, 0},
    {"C-265", "NOTE_REAP and NOTE_SIGNAL: ENOTSUP, and nothing is changed", unsupported_bits_register_nothing, 0},
    {"C-269", "the program's SIGCHLD handler runs", handler_still_runs, 0},
    {"C-270", "a number in use again is another process", reused_number_is_another_process, 0},
    {"C-270", "what the number's next process does is not told", next_of_the_number_is_not_heard, 0},
    {"C-063", "PROC: the last udata is delivered", last_udata_is_delivered, 0},
    {"C-068", "PROC: EV_DISABLE and EV_ENABLE keep the mask", enabling_keeps_the_mask, 0},
    {"C-073", "PROC: EV_DELETE drops the event", delete_drops_the_event, 0},
    {"C-092", "PROC: one of several threads gets the event", one_thread_gets_it, 0},
    {"C-094", "PROC: a zombie added wakes a waiter", zombie_wakes_a_waiter, 0},
    {"C-098", "PROC: descriptors come back", descriptors_come_back, 0},
    {"C-100", "PROC: the kqueue is readable while an end is to be delivered", kqueue_turns_readable, 0},
    {"C-138", "PROC: a forked child has a kqueue of its own", kqueue_of_a_child, 0},
    {"C-140", "PROC: a copied kqueue watches the same processes", copy_watches_the_same, 0},
    {"C-141", "PROC: a copied kqueue knows of recorded ends", copy_knows_of_recorded_ends, 0},
    {"F8", "SIGCHLD, its mask and the right to wait are the program's", signals_are_left_alone, 0},
    {"F18", "PROC: descriptors are high and close on exec", descriptors_are_hidden, 0},
    {"F20", "PROC: EMFILE, and nothing is lost", exhausted_descriptors, 0},
    {NULL, NULL, NULL, 0},
};
