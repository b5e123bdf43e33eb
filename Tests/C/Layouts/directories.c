/* SPDX-License-Identifier: BSD-2-Clause */
/* Entries of directories, which getdents64(2) writes as readdir64(3) gives them. */
#define _GNU_SOURCE
#include "layouts.h"

#include <dirent.h>
#include <sys/inotify.h>

#ifdef __linux__
/* platform/linux/InotifyEvents.swift steps over them by these numbers. */
_Static_assert(sizeof(struct inotify_event) == 16 && offsetof(struct inotify_event, len) == 12, "inotify_event");
/* Sources/KQueueCore/System/ThreadFiles.swift and platform/linux/Threads.swift go by these. */
_Static_assert(offsetof(struct dirent64, d_reclen) == 16 && offsetof(struct dirent64, d_name) == 19, "dirent64");
#endif
