/*
 * What the files of the launcher share.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KERNELS_H
#define KERNELS_H

#include <linux/audit.h>
#include <stdbool.h>

#if defined __x86_64__
#define MACHINE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define MACHINE AUDIT_ARCH_AARCH64
#elif defined __riscv
#define MACHINE AUDIT_ARCH_RISCV64
#else
#define MACHINE 0 /* not known here */
#endif

enum { STATUS_SKIPPED = 77, STATUS_WRONG = 2 };

/*
 * From here on getsockopt(2) tells no more bytes of TCP_INFO than this. The process that returns is a child, and its
 * parent sees to that. False where this kernel cannot do it.
 */
bool shorten_answers(unsigned most);

#endif /* KERNELS_H */
