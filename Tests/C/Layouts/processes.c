/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "../../../Sources/CKQueueShims/include/kqueue_shims_linux_layouts.h"

#include "layouts.h"
#include <signal.h>

SAME(struct kq_child_info, code, siginfo_t, si_code);
SAME(struct kq_child_info, process, siginfo_t, si_pid);
SAME(struct kq_child_info, status, siginfo_t, si_status);
_Static_assert(sizeof(struct kq_child_info) >= sizeof(siginfo_t), "siginfo_t");
_Static_assert((int)KQ_CHILD_EXITED == (int)CLD_EXITED && (int)KQ_CHILD_DUMPED == (int)CLD_DUMPED, "kinds of ends");
