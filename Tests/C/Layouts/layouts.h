/*
 * Whether what the sources say of the kernel's structures is what its headers say on the
 * machine that is compiled for. Everything is told by the compiler: each file is one
 * source of the library, with assertions behind it. Nothing is run.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef LAYOUTS_H
#define LAYOUTS_H

#include <stddef.h>

#define SAME_SIZE(ours, theirs) _Static_assert(sizeof(ours) == sizeof(theirs), #ours)
#define SIZE_OF(type, field) sizeof(((type *)0)->field)
#define SAME(ours, field, theirs, other)                                                                      \
    _Static_assert(offsetof(ours, field) == offsetof(theirs, other) &&                                        \
                       SIZE_OF(ours, field) == SIZE_OF(theirs, other),                                        \
                   #ours "." #field)

#pragma GCC diagnostic ignored "-Wunused-function"

#endif /* LAYOUTS_H */
