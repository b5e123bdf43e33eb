/*
 * What the kq tool needs of libc: the headers, and what Swift cannot import
 * from them (macros, variadic functions, global variables, sockaddr casts).
 *
 * A function that makes something returns -1 and leaves errno, as libc does.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQ_SHIMS_H
#define KQ_SHIMS_H

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static inline int tool_errno(void) {
    return errno;
}

/* CLOCK_MONOTONIC in nanoseconds. */
static inline int64_t tool_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline void tool_sleep(long milliseconds) {
    struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

/* ---- The command line: getopt's variables ---- */

static inline char *tool_option_argument(void) {
    return optarg;
}

static inline int tool_option_index(void) {
    return optind;
}

/* ---- Signals and processes ---- */

/* The number of a signal's name, with or without SIG, or 0; and the other way about, or NULL. */
int tool_signal_number(const char *name);
const char *tool_signal_name(int signal);
int tool_is_ignored(int signal);

/* The parts of a wait status: the signal that ended the process, or 0 and the status it exited with. */
int tool_ending_signal(int status);
int tool_exit_status(int status);

/*
 * Starts a program of the PATH, in a process group of its own where it is to be
 * ended with all that it starts.  The process, or an errno below 0.
 */
int tool_spawn(char **words, int group);
/* Has it go on, too, where it is stopped. */
void tool_send(int process, int group, int signal);
/* Its wait status; it has ended. */
int tool_reap(int process);

/* ---- The system ---- */

void tool_kernel(char *room, long size);
void tool_c_library(char *room, long size);
long tool_processors(void);
long tool_descriptor_limit(void);
/* The number that a file has, or LONG_MIN. */
long tool_read_number(const char *path);
/* The kinds of this process's descriptors that are no files, with commas between them. */
void tool_facilities(char *room, long size);
/* A descriptor of this process, or -1. */
int tool_pidfd(void);
static inline int tool_stream(void) {
    return SOCK_STREAM;
}

/* ---- Input ---- */

/* A line of standard input, without its end, in memory that is never freed; NULL at the end. */
char *tool_read_line(void);

/* ---- Output ---- */

/* Every line goes out as it ends, into a file or a pipe too. */
static inline void tool_line_buffered(void) {
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
}

static inline void tool_print(const char *text) {
    fputs(text, stdout);
}

static inline void tool_print_error(const char *text) {
    fputs(text, stderr);
}

/* 0, or -1 where anything that was printed did not get out. */
static inline int tool_flush(void) {
    return fflush(stdout) != 0 || ferror(stdout) ? -1 : 0;
}

/* ---- Descriptors ---- */

enum tool_kind {
    TOOL_KIND_FILE, /* regular */
    TOOL_KIND_PIPE,
    TOOL_KIND_SOCKET,
    TOOL_KIND_TERMINAL,
    TOOL_KIND_OTHER
};
enum tool_kind tool_kind(int descriptor);

/* 0, or -1 and EBADF. */
int tool_is_open(int descriptor);

/* For reading; waits for no writer of a FIFO. */
int tool_open(const char *path);

/*
 * Passes over up to `count` bytes of what is there to be read; below 0, goes
 * back in a file.  1, or 0 where the input is at its end, or -1.
 */
int tool_skip(int descriptor, long count);

/* A TCP socket that listens on 127.0.0.1, on whichever port is free. */
int tool_listen(uint16_t *port);
int tool_connect(uint16_t port);
int tool_accept(int listener);

/* Reading and accepting fail with EAGAIN where they would wait. */
int tool_never_wait(int descriptor);

/*
 * A new file in the temporary folder, and the same opened once more for
 * reading.  Its name is gone when this returns, so that no end of the program
 * leaves it behind.
 */
int tool_temporary_file(int *reader);

#endif /* KQ_SHIMS_H */
