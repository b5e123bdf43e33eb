/*
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "kq_shims.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum tool_kind tool_kind(int descriptor) {
    struct stat status;
    if (fstat(descriptor, &status) != 0)
        return TOOL_KIND_OTHER;
    if (S_ISREG(status.st_mode))
        return TOOL_KIND_FILE;
    if (S_ISFIFO(status.st_mode))
        return TOOL_KIND_PIPE;
    if (S_ISSOCK(status.st_mode))
        return TOOL_KIND_SOCKET;
    return isatty(descriptor) ? TOOL_KIND_TERMINAL : TOOL_KIND_OTHER;
}

int tool_is_open(int descriptor) {
    return fcntl(descriptor, F_GETFD) < 0 ? -1 : 0;
}

int tool_open(const char *path) {
    return open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

int tool_skip(int descriptor, long count) {
    static char nowhere[1 << 16];

    if (tool_kind(descriptor) == TOOL_KIND_FILE)
        return lseek(descriptor, count, SEEK_CUR) < 0 ? -1 : 1;
    /* One byte where the count is 0, since the end of input is read as well. */
    size_t room = count < 1 ? 1 : count < (long)sizeof nowhere ? (size_t)count : sizeof nowhere;
    ssize_t result = read(descriptor, nowhere, room);
    if (result < 0)
        /* Another reader of the same pipe or terminal was faster. */
        return errno == EAGAIN || errno == EINTR ? 1 : -1;
    return result > 0;
}

/* ---- Sockets ---- */

static struct sockaddr_in loopback(uint16_t port) {
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* Closes a socket that is of no use, and keeps the errno that says why. */
static int give_up(int descriptor) {
    int code = errno;
    close(descriptor);
    errno = code;
    return -1;
}

int tool_listen(uint16_t *port) {
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    if (listener < 0)
        return -1;
    if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 8) != 0
        || getsockname(listener, (struct sockaddr *)&address, &length) != 0)
        return give_up(listener);
    *port = ntohs(address.sin_port);
    return listener;
}

int tool_connect(uint16_t port) {
    struct sockaddr_in address = loopback(port);
    int client = socket(AF_INET, SOCK_STREAM, 0);

    if (client < 0)
        return -1;
    if (connect(client, (struct sockaddr *)&address, sizeof address) != 0)
        return give_up(client);
    return client;
}

int tool_accept(int listener) {
    return accept(listener, NULL, NULL);
}

int tool_never_wait(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return flags < 0 ? -1 : fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
}

/* ---- Files ---- */

int tool_temporary_file(int *reader) {
    const char *folder = getenv("TMPDIR");
    char path[4096];

    if (folder == NULL || *folder == '\0')
        folder = "/tmp";
    if (snprintf(path, sizeof path, "%s/kq-XXXXXX", folder) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int writer = mkstemp(path);
    if (writer < 0)
        return -1;
    *reader = open(path, O_RDONLY);
    int code = errno;
    unlink(path);
    errno = code;
    return *reader < 0 ? give_up(writer) : writer;
}

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

int tool_ending_signal(int status) {
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

int tool_exit_status(int status) {
    return WEXITSTATUS(status);
}
