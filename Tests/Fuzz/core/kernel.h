/*
 * What the fake system's parts share: open files (files.c), and what watches them (sets.c).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef FUZZ_KERNEL_H
#define FUZZ_KERNEL_H

#include "fake.h"

#include <sys/event.h>

#ifndef EVFILT_PROCDESC
#define EVFILT_PROCDESC (-8)
#endif
#ifndef EVFILT_FS
#define EVFILT_FS (-9)
#endif
#ifndef EVFILT_EMPTY
#define EVFILT_EMPTY (-13)
#endif
#ifndef EVFILT_EXCEPT
#define EVFILT_EXCEPT (-15)
#endif

enum file_kind { FREE_FILE, OTHER_FILE, READ_END, WRITE_END, SOCKET, COUNTER, PLAIN_FILE, QUEUE_FILE };

enum { FAKE_NUMBERS = 256, FAKE_FILES_MOST = 512, FAKE_SETS = 32, FAKE_ENTRIES = 2048, PIPE_ROOM = 65536 };

/* An open file. */
struct file {
    enum file_kind kind;
    int references;
    struct file *peer;
    long bytes, offset; /* to be read; a counter; of a plain file its size */
    bool read_over, write_over, has_lost_peer;
    struct fake_set *set;
    int entries; /* the first of those that watch it */
};

struct file *fake_file_of(int number);
int fake_take_number(struct file *file, int least);
struct file *fake_new_file(enum file_kind kind);
bool fake_is_ready(const struct file *file, int filter);

/* Something happened to a file that watchers by edge are told of. */
void fake_notify(struct file *file, int filter);
void fake_happen(struct file *file, unsigned notes);
/* The last number of a file is closed. */
void fake_drop_entries(struct file *file);
bool fake_set_is_readable(const struct fake_set *set);
void fake_signal(int number);
void fake_process_ended(int process);

enum { FAKE_SELF = 1000, FAKE_ZOMBIE = 1001, FAKE_FIRST_MORTAL = 2000, FAKE_STATUS = 64 << 8 };

#endif
