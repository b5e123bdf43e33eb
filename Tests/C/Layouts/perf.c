/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "../../../Sources/CKQueueShims/include/kqueue_shims_linux.h"

#include "layouts.h"
#include <linux/perf_event.h>

/* Ours may be shorter or longer than the header's: the kernel takes both, by `size`. */
SAME(struct kq_perf_attributes, size, struct perf_event_attr, size);
SAME(struct kq_perf_attributes, config, struct perf_event_attr, config);
SAME(struct kq_perf_attributes, sample_period, struct perf_event_attr, sample_period);
SAME(struct kq_perf_attributes, sample_type, struct perf_event_attr, sample_type);
SAME(struct kq_perf_attributes, read_format, struct perf_event_attr, read_format);
SAME(struct kq_perf_attributes, wakeup_watermark, struct perf_event_attr, wakeup_watermark);
_Static_assert(offsetof(struct kq_perf_attributes, flags) + 8 == offsetof(struct perf_event_attr, wakeup_watermark),
               "flags");
_Static_assert(sizeof(struct kq_perf_attributes) >= PERF_ATTR_SIZE_VER0, "size");
SAME(struct kq_ring_head, head, struct perf_event_mmap_page, data_head);
SAME(struct kq_ring_head, tail, struct perf_event_mmap_page, data_tail);
_Static_assert(offsetof(struct kq_ring_record, process) == sizeof(struct perf_event_header), "records");
SAME(struct kq_ring_record, kind, struct perf_event_header, type);
SAME(struct kq_ring_record, misc, struct perf_event_header, misc);
SAME(struct kq_ring_record, size, struct perf_event_header, size);
_Static_assert((int)KQ_RING_FORK == (int)PERF_RECORD_FORK && (int)KQ_RING_NAME == (int)PERF_RECORD_COMM &&
                   (int)KQ_RING_LOSS == (int)PERF_RECORD_LOST, "kinds of records");
_Static_assert((int)KQ_RING_OF_EXEC == (int)PERF_RECORD_MISC_COMM_EXEC, "names given by exec(3)");
_Static_assert((int)KQ_PERF_SET_OUTPUT == (int)PERF_EVENT_IOC_SET_OUTPUT, "PERF_EVENT_IOC_SET_OUTPUT");
