/*
 * What it costs to watch one process for NOTE_FORK and NOTE_EXEC while others,
 * which are nobody's business, come and go: how often the watcher wakes, and its
 * time on the processor; with the filter in the kernel and without.
 *
 *   bystander-bench [PROCESSES]
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/event.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS_SKIPPED = 77 };

static void require(int condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "%s: %s\n", what, strerror(errno));
        exit(1);
    }
}

/* Watches until the pipe's other end is closed; says when it is ready, and then what it took. */
static void watch(pid_t watched, int until, int ready) {
    struct kevent changes[2], event;
    struct rusage before, after;
    int kq = kqueue();
    EV_SET(&changes[0], watched, EVFILT_PROC, EV_ADD, NOTE_FORK | NOTE_EXEC, 0, NULL);
    EV_SET(&changes[1], until, EVFILT_READ, EV_ADD, 0, 0, NULL);
    if (kq == -1 || kevent(kq, changes, 2, NULL, 0, NULL) == -1)
        exit(errno == ENOTSUP ? STATUS_SKIPPED : 1);
    getrusage(RUSAGE_SELF, &before);
    require(write(ready, "r", 1) == 1, "write");
    do
        require(kevent(kq, NULL, 0, &event, 1, NULL) == 1, "kevent");
    while (event.filter != EVFILT_READ);
    getrusage(RUSAGE_SELF, &after);
    printf("%8ld %12.1f\n", after.ru_nvcsw - before.ru_nvcsw,
           (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec) *
                   1e3 +
               (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec -
                        before.ru_stime.tv_usec) /
                   1e3);
    exit(0);
}

static void spawn_bystander(void) {
    pid_t child = vfork();
    if (child == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(127);
    }
    require(waitpid(child, NULL, 0) == child, "waitpid");
}

static int measure(const char *label, pid_t watched, int count) {
    int until[2], ready[2], status;
    char byte;
    require(pipe(until) == 0 && pipe(ready) == 0, "pipe");
    printf("%-16s", label);
    fflush(stdout);
    pid_t watcher = fork();
    if (watcher == 0) {
        close(until[1]);
        close(ready[0]);
        watch(watched, until[0], ready[1]);
    }
    close(until[0]);
    close(ready[1]);
    if (read(ready[0], &byte, 1) == 1)
        for (int i = 0; i < count; i++)
            spawn_bystander();
    close(until[1]);
    close(ready[0]);
    require(waitpid(watcher, &status, 0) == watcher, "waitpid");
    if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_SKIPPED)
        printf("skipped: nothing here tells of forks\n");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 2000;
    pid_t watched = fork();
    if (watched == 0)
        for (;;)
            pause();
    printf("%d processes  %8s %12s\n", count, "wake-ups", "CPU ms");
    int status = measure("with a filter", watched, count);
    setenv("KQUEUE_NO_FILTER", "1", 1);
    if (status == 0)
        status = measure("without", watched, count);
    kill(watched, SIGKILL);
    return status;
}
