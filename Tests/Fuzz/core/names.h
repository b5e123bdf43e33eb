/*
 * Has the test's calls of the system go to the fake one.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef FUZZ_NAMES_H
#define FUZZ_NAMES_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake.h"




int fake_close(int number);
int fake_close_range(unsigned first, unsigned last, int flags);
long fake_raw(long which, int number, ...);
FILE *fake_fdopen(int number, const char *mode);
int fake_fclose(FILE *stream);
int fake_dup3(int from, int to, int flags);
int fake_dup2(int from, int to);
int fake_fcntl(int number, int what, int least);
int fake_pipe2(int pair[2], int flags);
int fake_socketpair(int domain, int type, int protocol, int pair[2]);
int fake_eventfd(unsigned value, int flags);
int fake_file(char *path, int flags);
int fake_unlink(const char *path);
ssize_t fake_write(int number, const void *bytes, size_t length);
ssize_t fake_pwrite(int number, const void *bytes, size_t length, off_t place);
ssize_t fake_read(int number, void *bytes, size_t length);
off_t fake_lseek(int number, off_t place, int whence);
int fake_ftruncate(int number, off_t size);
int fake_fchmod(int number, mode_t mode);
int fake_shutdown(int number, int how);
int fake_ioctl(int number, unsigned long what, int *answer);
int fake_poll(struct pollfd *polls, nfds_t count, int milliseconds);
int fake_kill(pid_t process, int number);
pid_t fake_getpid(void);
pid_t fake_zombie(void);

#define close fake_close
#define close_range fake_close_range
#define syscall fake_raw
#define fdopen fake_fdopen
#define fclose fake_fclose
#define dup3 fake_dup3
#define dup2 fake_dup2
#define fcntl fake_fcntl
#define pipe2 fake_pipe2
#define socketpair fake_socketpair
#define eventfd fake_eventfd
#define mkostemp fake_file
#define unlink fake_unlink
#define write fake_write
#define pwrite fake_pwrite
#define read fake_read
#define lseek fake_lseek
#define ftruncate fake_ftruncate
#define fchmod fake_fchmod
#define shutdown fake_shutdown
#define ioctl fake_ioctl
#define poll(polls, count, time) fake_poll(polls, count, time)
#define kill fake_kill
#define getpid fake_getpid

#endif
