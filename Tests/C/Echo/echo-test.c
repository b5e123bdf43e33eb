/*
 * Puts an echo server under load and requires that every byte comes back, that
 * it holds no more descriptors or memory afterwards, and that it ends in order.
 *
 *   echo-test ECHO-SERVER LOAD [CONNECTIONS MESSAGES]
 *
 * Exit status: 0, 1 with a line that says why, or 77 where it cannot be tried.
 * Linux: it looks into /proc.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    SKIPPED = 77,
    CONNECTIONS_DEFAULT = 1000,
    MESSAGES_DEFAULT = 200000,
    WARM_UP_MESSAGES = 8, /* of each connection in the warm-up ... */
    WARM_UP_SIZE = 32768, /* ... large, so that every page of every buffer is used */
    GROWTH_MAX_KB = 1024, /* memory the server may have more of afterwards */
    LAZY_FD_MAX = 16,     /* descriptors the warm-up may leave: opened at first use */
    SETTLE_MS = 10000,
};

static pid_t server = -1;

__attribute__((format(printf, 1, 2))) _Noreturn static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "echo-test: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    if (server != -1)
        kill(server, SIGKILL);
    exit(1);
}

static void sleep_ms(long ms) {
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

static void raise_descriptor_limit(unsigned long connections) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
        fail("getrlimit: %s", strerror(errno));
    if (limit.rlim_max < connections + 64) {
        printf("skipped: only %llu descriptors allowed\n", (unsigned long long)limit.rlim_max);
        exit(SKIPPED);
    }
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
        fail("setrlimit: %s", strerror(errno));
}

/* ---- processes ---- */

/* Starts a program that dies with this one; its standard output goes to out, where not -1. */
static pid_t start(char *const argv[], int out) {
    pid_t parent = getpid(), child = fork();
    if (child == -1)
        fail("fork: %s", strerror(errno));
    if (child != 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || (out != -1 && dup2(out, STDOUT_FILENO) == -1))
        _exit(127);
    execv(argv[0], argv);
    fprintf(stderr, "echo-test: %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static void require_success(pid_t child, const char *what) {
    int status;
    if (waitpid(child, &status, 0) == -1)
        fail("waitpid: %s", strerror(errno));
    if (WIFSIGNALED(status))
        fail("%s ended by signal %d", what, WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        fail("%s ended with status %d", what, WEXITSTATUS(status));
}

/* The port in the server's first line, "listening on 127.0.0.1:PORT". */
static void read_port(int from, char *port, size_t size) {
    char line[128];
    size_t length = 0;
    while (length == 0 || line[length - 1] != '\n') {
        struct pollfd p = {.fd = from, .events = POLLIN};
        if (length == sizeof line - 1 || poll(&p, 1, SETTLE_MS) != 1 ||
            read(from, line + length, 1) != 1)
            fail("the server did not say where it listens");
        length++;
    }
    line[length - 1] = '\0';
    char *colon = strrchr(line, ':');
    if (strncmp(line, "listening on ", 13) != 0 || colon == NULL)
        fail("the server said: %s", line);
    snprintf(port, size, "%s", colon + 1);
}

static void start_server(char *path, char *port, size_t size) {
    int ends[2];
    char *argv[] = {path, NULL};
    if (pipe2(ends, O_CLOEXEC) == -1)
        fail("pipe: %s", strerror(errno));
    /* The reading end stays open: a server that says more is not to get SIGPIPE. */
    server = start(argv, ends[1]);
    close(ends[1]);
    read_port(ends[0], port, size);
}

static void run_load(char *path, char *port, unsigned long connections, unsigned long messages,
                     unsigned long size_max) {
    char count[24], total[24], size[24];
    char *argv[] = {path, port, count, total, size_max != 0 ? size : NULL, NULL};
    snprintf(size, sizeof size, "%lu", size_max);
    snprintf(count, sizeof count, "%lu", connections);
    snprintf(total, sizeof total, "%lu", messages);
    require_success(start(argv, -1), "load");
}

/* SIGTERM, and status 0 within a few seconds. */
static void end_server(void) {
    int status = 0;
    kill(server, SIGTERM);
    for (int waited = 0; waitpid(server, &status, WNOHANG) != server; waited += 10) {
        if (waited > SETTLE_MS)
            fail("the server is alive %d ms after SIGTERM", SETTLE_MS);
        sleep_ms(10);
    }
    server = -1;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail("the server ended with wait status 0x%x after SIGTERM", (unsigned)status);
}

/* ---- what the server holds ---- */

static int count_descriptors(bool print) {
    char path[64];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%ld/fd", (long)server);
    DIR *directory = opendir(path);
    if (directory == NULL)
        fail("%s: %s", path, strerror(errno));
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char target[128];
        if (entry->d_name[0] == '.')
            continue;
        count++;
        ssize_t n = readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        if (print)
            fprintf(stderr, "    %s -> %s\n", entry->d_name, target);
    }
    closedir(directory);
    return count;
}

static long line_of_kilobytes(const char *file, const char *field) {
    char path[64], line[256];
    long kilobytes = -1;
    snprintf(path, sizeof path, "/proc/%ld/%s", (long)server, file);
    FILE *stream = fopen(path, "r");
    if (stream == NULL)
        return -1;
    while (kilobytes == -1 && fgets(line, sizeof line, stream) != NULL)
        if (strncmp(line, field, strlen(field)) == 0)
            kilobytes = strtol(line + strlen(field), NULL, 10);
    fclose(stream);
    return kilobytes;
}

/* VmRSS is counted loosely, the more so the more processors; smaps_rollup is exact. */
static long resident_kilobytes(void) {
    long kilobytes = line_of_kilobytes("smaps_rollup", "Rss:");
    if (kilobytes == -1)
        kilobytes = line_of_kilobytes("status", "VmRSS:");
    if (kilobytes == -1)
        fail("no memory size of the server in /proc");
    return kilobytes;
}

/*
 * The server sees the last clients go a little after the load has ended: waits
 * until it holds at most this many descriptors and the number stands still.
 */
static int settled_descriptors(int most) {
    int count = count_descriptors(false), before = -1;
    for (int waited = 0; count > most || count != before; waited += 50) {
        if (waited > SETTLE_MS) {
            count_descriptors(true);
            fail("the server holds %d descriptors, at most %d are right", count, most);
        }
        sleep_ms(50);
        before = count;
        count = count_descriptors(false);
    }
    return count;
}

int main(int argc, char **argv) {
    unsigned long connections = CONNECTIONS_DEFAULT, messages = MESSAGES_DEFAULT;
    char port[16];
    if (argc != 3 && argc != 5) {
        fprintf(stderr, "usage: echo-test ECHO-SERVER LOAD [CONNECTIONS MESSAGES]\n");
        return 2;
    }
    if (argc == 5) {
        connections = strtoul(argv[3], NULL, 10);
        messages = strtoul(argv[4], NULL, 10);
    }
    raise_descriptor_limit(connections);
    /* glibc gives freed memory back or not as chance has it.  Told never to, it
     * stands at the most there was at once, which only a leak makes more. */
    setenv("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=1073741824", 0);
    start_server(argv[1], port, sizeof port);
    int idle = count_descriptors(false);

    /* Once with as many connections: an allocator keeps what it got for them. */
    run_load(argv[2], port, connections, connections * WARM_UP_MESSAGES, WARM_UP_SIZE);
    int descriptors = settled_descriptors(idle + LAZY_FD_MAX);
    long memory = resident_kilobytes();

    run_load(argv[2], port, connections, messages, 0);
    int descriptors_after = settled_descriptors(descriptors);
    long memory_after = resident_kilobytes();
    printf("echo-test: descriptors %d before, %d after; memory %ld kB before, %ld kB after\n",
           descriptors, descriptors_after, memory, memory_after);
    fflush(stdout);
    if (descriptors_after != descriptors)
        fail("the server lost descriptors of its own");
    if (memory_after > memory + GROWTH_MAX_KB)
        fail("the server has grown by %ld kB", memory_after - memory);
    end_server();
    return 0;
}
