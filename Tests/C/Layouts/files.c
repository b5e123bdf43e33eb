/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../../Sources/CKQueueShims/include/kqueue_shims_linux_layouts.h"

#include "layouts.h"
#include <sys/stat.h>

#ifdef STATX_BTIME
SAME_SIZE(struct kq_extended_status, struct statx);
SAME(struct kq_extended_status, mask, struct statx, stx_mask);
SAME(struct kq_extended_status, links, struct statx, stx_nlink);
SAME(struct kq_extended_status, user, struct statx, stx_uid);
SAME(struct kq_extended_status, group, struct statx, stx_gid);
SAME(struct kq_extended_status, mode, struct statx, stx_mode);
SAME(struct kq_extended_status, inode, struct statx, stx_ino);
SAME(struct kq_extended_status, size, struct statx, stx_size);
SAME(struct kq_extended_status, blocks, struct statx, stx_blocks);
SAME(struct kq_extended_status, born, struct statx, stx_btime);
SAME(struct kq_extended_status, changed, struct statx, stx_ctime);
SAME(struct kq_extended_status, modified, struct statx, stx_mtime);
SAME(struct kq_extended_status, special_major, struct statx, stx_rdev_major);
SAME(struct kq_extended_status, device_major, struct statx, stx_dev_major);
SAME(struct kq_extended_status, device_minor, struct statx, stx_dev_minor);
SAME(struct kq_extended_time, seconds, struct statx_timestamp, tv_sec);
SAME(struct kq_extended_time, nanoseconds, struct statx_timestamp, tv_nsec);
_Static_assert(KQ_STATUS_BASICS == STATX_BASIC_STATS && KQ_STATUS_BIRTH == STATX_BTIME, "masks of statx(2)");
#endif

/* Files of more than 2 GiB have a size everywhere, and one setting says so for C and for Swift. */
_Static_assert(sizeof(off_t) == 8 && sizeof(ino_t) == 8, "sizes of files");
