/* SPDX-License-Identifier: BSD-2-Clause */
/* Entries of directories, which getdents64(2) writes as readdir64(3) gives them. */
#include "../../../Sources/CKQueueShims/closefrom.c"

#include "layouts.h"
#include <dirent.h>
#include <sys/inotify.h>

#ifdef __linux__
SAME(struct entry, inode, struct dirent64, d_ino);
SAME(struct entry, offset, struct dirent64, d_off);
SAME(struct entry, length, struct dirent64, d_reclen);
SAME(struct entry, type, struct dirent64, d_type);
_Static_assert(offsetof(struct entry, name) == offsetof(struct dirent64, d_name), "name");

/* platform/linux/InotifyEvents.swift steps over them by these numbers. */
_Static_assert(sizeof(struct inotify_event) == 16 && offsetof(struct inotify_event, len) == 12, "inotify_event");
/* platform/linux/Threads.swift goes by these. */
_Static_assert(offsetof(struct dirent64, d_reclen) == 16 && offsetof(struct dirent64, d_name) == 19, "dirent64");
#endif
