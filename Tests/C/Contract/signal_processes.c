/*
 * EVFILT_SIGNAL and other processes: children by every kind of fork, and what is
 * executed. C-289, C-134 and following.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "signals.h"

#include <sched.h>
#include <spawn.h>

extern char **environ;
pid_t _Fork(void) __attribute__((weak));

static pid_t bare_fork(void) {
    if (_Fork == NULL)
        contract_skip("no _Fork");
    return _Fork();
}

static pid_t raw_fork(void) {
    return raw_clone(SIGCHLD);
}

/* The signal by a system call: in a raw clone libc is wrong about the process and the thread. */
static void send_to_self(int number) {
    syscall(SYS_kill, syscall(SYS_getpid), number);
}

#define IN_CHILD(make) for (pid_t child_ = make(), once_ = 1; once_; once_ = 0, end_child(child_)) if (child_ == 0)
static void end_child(pid_t child) {
    if (child == 0)
        _exit(0);
    finish_child(child);
}

typedef pid_t (*maker)(void);
static const maker makers[] = {fork, bare_fork, raw_fork};

static void children_die_of_the_default(void) {
    need_exact_signals();
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    deliver(SIGUSR1);
    for (int i = 0; i < 3; i++) {
        pid_t child = makers[i]();
        if (child == 0) {
            send_to_self(SIGUSR1);
            _exit(0);
        }
        require_death(child, SIGUSR1);
    }
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    require_silent(kq);
}

static void children_run_their_handlers(void) {
    need_exact_signals();
    int kq = new_kqueue();
    install(SIGUSR1, note_run, 0);
    watch(kq, SIGUSR1, 0);
    for (int i = 0; i < 3; i++) {
        IN_CHILD(makers[i]) {
            send_to_self(SIGUSR1);
            send_to_self(SIGUSR1);
            REQUIRE_EQ(runs, 2);
            REQUIRE(action_of(SIGUSR1).sa_handler == note_run);
            _exit(0);
        }
    }
    require_silent(kq);
    REQUIRE_EQ(runs, 0);
}

static void children_ignore_what_the_program_ignores(void) {
    int kq = new_kqueue();
    install(SIGUSR1, SIG_IGN, 0);
    watch(kq, SIGUSR1, 0);
    for (int i = 0; i < 3; i++) {
        IN_CHILD(makers[i]) {
            send_to_self(SIGUSR1);
            REQUIRE(action_of(SIGUSR1).sa_handler == SIG_IGN);
            _exit(0);
        }
    }
    deliver(SIGUSR1);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
}

static void children_set_actions_of_their_own(void) {
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    for (int i = 0; i < 3; i++) {
        IN_CHILD(makers[i]) {
            REQUIRE(action_of(SIGUSR1).sa_handler == SIG_DFL || !closes_are_seen());
            install(SIGUSR1, note_run, 0);
            send_to_self(SIGUSR1);
            REQUIRE_EQ(runs, 1);
            _exit(0);
        }
    }
    deliver(SIGUSR1);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    REQUIRE_EQ(runs, 0);
}

static void children_watch_for_themselves(void) {
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    deliver(SIGUSR1);
    const char *setting = getenv("KQUEUE_NO_WIPEONFORK");
    bool wipes = setting == NULL || setting[0] == '\0' || setting[0] == '0';
    for (int i = 0; i < (wipes ? 3 : 1); i++) {
        IN_CHILD(makers[i]) {
            int mine = new_kqueue();
            watch(mine, SIGUSR1, 0);
            require_silent(mine);
            send_to_self(SIGUSR1);
            EXPECT_SIGNAL(mine, SIGUSR1, 1);
            install(SIGUSR1, note_run, 0);
            show_actions(mine);
            send_to_self(SIGUSR1);
            EXPECT_SIGNAL(mine, SIGUSR1, 1);
            REQUIRE_EQ(runs, 1);
            watch(mine, SIGUSR2, 0);
            send_to_self(SIGUSR2);
            EXPECT_SIGNAL(mine, SIGUSR2, 1);
            unwatch(mine, SIGUSR1);
            REQUIRE(action_of(SIGUSR1).sa_handler == note_run);
            REQUIRE_EQ(close(mine), 0);
            libkqueue_drain_pending_close(); /* where nobody saw that */
            REQUIRE(action_of(SIGUSR2).sa_handler == SIG_DFL);
            _exit(0);
        }
    }
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
}

static void a_grandchild_is_no_different(void) {
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    IN_CHILD(fork) {
        pid_t grandchild = fork();
        if (grandchild == 0) {
            send_to_self(SIGUSR1);
            _exit(0);
        }
        require_death(grandchild, SIGUSR1);
        _exit(0);
    }
    require_silent(kq);
}

/* While others are in the middle of all that a fork can find half done. */
static atomic_bool may_end;

static void *disturb(void *argument) {
    (void)argument;
    while (!may_end) {
        int kq = new_kqueue();
        watch(kq, SIGUSR2, 0);
        install(SIGUSR1, note_run, SA_RESTART);
        kill(getpid(), SIGUSR2);
        install(SIGUSR1, SIG_IGN, SA_RESTART);
        REQUIRE_EQ(close(kq), 0);
    }
    return NULL;
}

static void forks_amid_changes(void) {
    if (sanitized())
        contract_skip("the sanitizer cannot follow threads of such children");
    int kq = new_kqueue();
    install(SIGUSR2, SIG_IGN, 0);
    watch(kq, SIGUSR1, 0);
    pthread_t threads[2] = {start_thread(disturb, NULL), start_thread(disturb, NULL)};
    for (int i = 0; i < 150; i++) {
        pid_t child = makers[i % 2](); /* in a raw clone libc's own locks may hang */
        if (child == 0) {
            install(SIGUSR1, note_run, 0);
            runs = 0;
            send_to_self(SIGUSR1);
            _exit(runs == 1 ? 0 : 1);
        }
        finish_child(child);
    }
    may_end = true;
    join_thread(threads[0]);
    join_thread(threads[1]);
    watch(kq, SIGRTMIN, 0);
    deliver(SIGRTMIN);
    AWAIT(next_event(kq).ident == (uintptr_t)SIGRTMIN);
}

static void a_copy_counts_the_childs_own(void) {
    int kq = kqueuex(KQUEUE_CPONFORK);
    REQUIRE(kq >= 0);
    watch(kq, SIGUSR1, 0);
    IN_CHILD(fork) {
        require_silent(kq);
        send_to_self(SIGUSR1);
        EXPECT_SIGNAL(kq, SIGUSR1, 1);
        require_silent(kq);
        _exit(0);
    }
    require_silent(kq);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
}

/* ---- vfork, posix_spawn, exec ---- */

/* What a program that was executed finds: the line of its status, as a mask. */
static unsigned long long executed_mask(const char *name, maker make) {
    char command[64], text[64] = "";
    int pair[2];
    new_pipe(pair);
    snprintf(command, sizeof command, "grep ^%s: %s", name, seen_proc("self/status"));
    char *const arguments[] = {"sh", "-c", command, NULL};
    pid_t child;
    if (make == NULL) {
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, pair[1], 1);
        REQUIRE_EQ(posix_spawn(&child, "/bin/sh", &actions, NULL, arguments, environ), 0);
        posix_spawn_file_actions_destroy(&actions);
    } else if ((child = make()) == 0) {
        syscall(SYS_dup3, pair[1], 1, 0);
        execve("/bin/sh", arguments, environ);
        _exit(127);
    }
    finish_child(child);
    REQUIRE(read(pair[0], text, sizeof text - 1) > 0);
    close(pair[0]);
    close(pair[1]);
    return strtoull(strchr(text, '\t') + 1, NULL, 16);
}

static void nothing_is_left_to_the_executed(void) {
    need_seen_proc();
    const maker all[] = {fork, raw_fork, NULL};
    for (int i = 0; i < 3; i++) {
        unsigned long long ignored = executed_mask("SigIgn", all[i]), blocked = executed_mask("SigBlk", all[i]);
        int kq = new_kqueue();
        watch(kq, SIGUSR1, 0);
        watch(kq, SIGTERM, 0);
        REQUIRE_EQ(executed_mask("SigIgn", all[i]), ignored);
        REQUIRE_EQ(executed_mask("SigBlk", all[i]), blocked);
        REQUIRE_EQ(close(kq), 0);
    }
}

/* An ignored one stays so in what a forked child executes. */
static void what_is_ignored_stays_ignored(void) {
    need_seen_proc();
    if (sanitized())
        contract_skip("the sanitizer's sigaction() stands before the library's");
    int kq = new_kqueue();
    install(SIGUSR1, SIG_IGN, 0);
    watch(kq, SIGUSR1, 0);
    REQUIRE(executed_mask("SigIgn", fork) >> (SIGUSR1 - 1) & 1);
}

static void a_child_of_vfork_changes_nothing(void) {
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    deliver(SIGUSR1);
    for (int i = 0; i < 3; i++) {
        pid_t child = vfork();
        if (child == 0) {
            struct sigaction action;
            memset(&action, 0, sizeof action);
            action.sa_handler = SIG_IGN;
            sigaction(SIGUSR1, &action, NULL);
            if (i == 1)
                send_to_self(SIGUSR1);
            execl("/bin/true", "true", (char *)NULL);
            _exit(127);
        }
        finish_child(child);
        REQUIRE(action_of(SIGUSR1).sa_handler == SIG_DFL || !closes_are_seen());
    }
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
}

static void a_child_of_vfork_dies_alone(void) {
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    pid_t child = vfork();
    if (child == 0) {
        send_to_self(SIGUSR1);
        _exit(0);
    }
    require_death(child, SIGUSR1);
    require_silent(kq);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
}

static void exec_itself_starts_afresh(void) {
    pid_t child = fork();
    if (child == 0) {
        int kq = new_kqueue();
        watch(kq, SIGUSR1, 0);
        execl("/bin/sh", "sh", "-c", "kill -USR1 $$; exit 0", (char *)NULL);
        _exit(127);
    }
    require_death(child, SIGUSR1);
}

const struct contract_case signal_process_cases[] = {
    {"C-289", "children die of the default action", children_die_of_the_default, 0},
    {"C-289", "children run the program's handlers", children_run_their_handlers, 0},
    {"C-289", "children ignore what the program ignores", children_ignore_what_the_program_ignores, 0},
    {"C-289", "children set actions of their own", children_set_actions_of_their_own, 0},
    {"C-138", "children watch signals for themselves", children_watch_for_themselves, 0},
    {"C-289", "a grandchild is no different", a_grandchild_is_no_different, 0},
    {"C-137", "forks while actions change and signals come", forks_amid_changes, 60},
    {"C-140", "KQUEUE_CPONFORK: a copy counts the child's own signals", a_copy_counts_the_childs_own, 0},
    {"C-289", "an executed program has none ignored or blocked", nothing_is_left_to_the_executed, 20},
    {"C-289", "what the program ignores stays ignored after fork and exec", what_is_ignored_stays_ignored, 0},
    {"C-289", "a child of vfork changes nothing", a_child_of_vfork_changes_nothing, 0},
    {"C-289", "a child of vfork dies alone", a_child_of_vfork_dies_alone, 0},
    {"C-289", "after exec the default action kills", exec_itself_starts_afresh, 0},
    {NULL, NULL, NULL, 0},
};
