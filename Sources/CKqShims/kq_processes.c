/*
 * Signals and processes: their names, the command that is run, and how it ends.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "kq_shims.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static const struct {
    const char *name;
    int number;
} signals[] = {
    {"HUP", SIGHUP},   {"INT", SIGINT},       {"QUIT", SIGQUIT}, {"ILL", SIGILL},   {"TRAP", SIGTRAP},
    {"ABRT", SIGABRT}, {"BUS", SIGBUS},       {"FPE", SIGFPE},   {"KILL", SIGKILL}, {"USR1", SIGUSR1},
    {"SEGV", SIGSEGV}, {"USR2", SIGUSR2},     {"PIPE", SIGPIPE}, {"ALRM", SIGALRM}, {"TERM", SIGTERM},
    {"CHLD", SIGCHLD}, {"CONT", SIGCONT},     {"STOP", SIGSTOP}, {"TSTP", SIGTSTP}, {"TTIN", SIGTTIN},
    {"TTOU", SIGTTOU}, {"URG", SIGURG},       {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ}, {"VTALRM", SIGVTALRM},
    {"PROF", SIGPROF}, {"WINCH", SIGWINCH},   {"IO", SIGIO},     {"SYS", SIGSYS},
};
enum { SIGNALS = sizeof signals / sizeof *signals };

int tool_signal_number(const char *name) {
    const char *rest = strncmp(name, "SIG", 3) == 0 ? name + 3 : name;
    for (int i = 0; i < SIGNALS; i++)
        if (strcmp(signals[i].name, rest) == 0)
            return signals[i].number;
    return 0;
}

const char *tool_signal_name(int signal) {
    for (int i = 0; i < SIGNALS; i++)
        if (signals[i].number == signal)
            return signals[i].name;
    return NULL;
}

int tool_is_ignored(int signal) {
    struct sigaction action;
    return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

int tool_ending_signal(int status) {
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

int tool_exit_status(int status) {
    return WEXITSTATUS(status);
}

int tool_spawn(char **words, int group) {
    posix_spawnattr_t attributes;
    pid_t process;
    sigset_t none;
    int error = posix_spawnattr_init(&attributes);

    if (error != 0)
        return -error;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, (short)(POSIX_SPAWN_SETSIGMASK | (group ? POSIX_SPAWN_SETPGROUP : 0)));
    error = posix_spawnp(&process, words[0], NULL, &attributes, words, environ);
    posix_spawnattr_destroy(&attributes);
    return error != 0 ? -error : (int)process;
}

void tool_send(int process, int group, int signal) {
    int target = group ? -process : process;
    kill(target, signal);
    /* One that is stopped, as who reads the terminal in the background is, would not hear of it. */
    kill(target, SIGCONT);
}

int tool_reap(int process) {
    int status = 0;
    while (waitpid(process, &status, 0) < 0 && errno == EINTR)
        continue;
    return status;
}
