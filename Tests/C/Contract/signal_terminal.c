/*
 * EVFILT_SIGNAL and a terminal's job control: C-368, C-277.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "signals.h"

#include <sys/ioctl.h>
#include <termios.h>

/* Becomes the leader of a session with a terminal of its own, which is returned. */
static int lead_session(void) {
    REQUIRE(setsid() > 0);
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(master >= 0);
    REQUIRE_EQ(grantpt(master), 0);
    REQUIRE_EQ(unlockpt(master), 0);
    int terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
    REQUIRE(terminal >= 0);
    REQUIRE_EQ(ioctl(terminal, TIOCSCTTY, 0), 0);
    return terminal;
}

static void require_ignored(int terminal, pid_t foreground) {
    struct termios settings;
    char byte;
    REQUIRE_EQ(tcgetattr(terminal, &settings), 0);
    REQUIRE_EQ(tcsetattr(terminal, TCSANOW, &settings), 0);
    REQUIRE_ERRNO(read(terminal, &byte, 1), EIO);
    settings.c_lflag |= TOSTOP;
    REQUIRE_EQ(tcsetattr(terminal, TCSADRAIN, &settings), 0);
    REQUIRE_EQ(write(terminal, "x", 1), 1);
    REQUIRE_EQ(tcflush(terminal, TCOFLUSH), 0);
    REQUIRE_EQ(tcsetpgrp(terminal, getpgrp()), 0);
    REQUIRE_EQ(tcsetpgrp(terminal, foreground), 0);
}

/* Runs something in the background of a terminal; what it forks has five seconds. */
static void in_background(void (*run)(int terminal, pid_t foreground)) {
    need_terminals();
    pid_t leader = fork();
    if (leader == 0) {
        int terminal = lead_session();
        pid_t child = fork();
        if (child == 0) {
            REQUIRE_EQ(setpgid(0, 0), 0);
            alarm(5);
            run(terminal, getppid());
            _exit(0);
        }
        finish_child(child);
        _exit(0);
    }
    finish_child(leader);
}

static void ignore_then_watch(int terminal, pid_t foreground) {
    int kq = new_kqueue();
    install(SIGTTIN, SIG_IGN, 0);
    install(SIGTTOU, SIG_IGN, 0);
    require_ignored(terminal, foreground);
    watch(kq, SIGTTIN, 0);
    watch(kq, SIGTTOU, 0);
    require_ignored(terminal, foreground);
    show_actions(kq);
    require_ignored(terminal, foreground);
    REQUIRE(action_of(SIGTTIN).sa_handler == SIG_IGN);
    unwatch(kq, SIGTTIN);
    REQUIRE_EQ(close(kq), 0);
    require_ignored(terminal, foreground);
    REQUIRE(action_of(SIGTTOU).sa_handler == SIG_IGN);
}

static void watch_then_ignore(int terminal, pid_t foreground) {
    int kq = new_kqueue();
    watch(kq, SIGTTIN, 0);
    watch(kq, SIGTTOU, 0);
    for (int i = 0; i < 3; i++) {
        install(SIGTTIN, SIG_IGN, 0);
        install(SIGTTOU, SIG_IGN, 0);
        show_actions(kq);
        require_ignored(terminal, foreground);
        REQUIRE(action_of(SIGTTIN).sa_handler == SIG_IGN);
        /* And with a handler it is counted again. */
        install(SIGTTIN, note_run, 0);
        show_actions(kq);
        deliver(SIGTTIN);
        REQUIRE_EQ(runs, i + 1);
        EXPECT_SIGNAL(kq, SIGTTIN, 1);
    }
}

static void handle_and_watch(int terminal, pid_t foreground) {
    int kq = new_kqueue();
    char byte;
    (void)foreground;
    install(SIGTTIN, note_run, 0);
    watch(kq, SIGTTIN, 0);
    REQUIRE_ERRNO(read(terminal, &byte, 1), EINTR);
    REQUIRE_EQ(runs, 1);
    EXPECT_SIGNAL(kq, SIGTTIN, 1);
}

static void ignored_and_watched(void) { in_background(ignore_then_watch); }
static void watched_and_ignored(void) { in_background(watch_then_ignore); }
static void handled_and_watched(void) { in_background(handle_and_watch); }

/* Without a terminal nobody but a sender of the signal can mean it. */
static void without_a_terminal_it_counts(void) {
    if (access("/dev/tty", F_OK) != 0)
        contract_skip("no /dev/tty: whether a process has a terminal is told there alone");
    pid_t child = fork();
    if (child == 0) {
        REQUIRE(setsid() > 0);
        int kq = new_kqueue();
        const int numbers[] = {SIGTTIN, SIGTTOU};
        for (int i = 0; i < 2; i++) {
            install(numbers[i], SIG_IGN, 0);
            watch(kq, numbers[i], 0);
            deliver(numbers[i]);
            EXPECT_SIGNAL(kq, numbers[i], 1);
        }
        _exit(0);
    }
    finish_child(child);
}

const struct contract_case signal_terminal_cases[] = {
    {"C-368", "ignored and then watched, a terminal's signals are ignored", ignored_and_watched, 0},
    {"C-368", "watched and then ignored, too", watched_and_ignored, 0},
    {"C-368", "a handler of one runs, and the knote counts", handled_and_watched, 0},
    {"C-277", "without a terminal they count when ignored", without_a_terminal_it_counts, 0},
    {NULL, NULL, NULL, 0},
};
