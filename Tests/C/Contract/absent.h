/*
 * Filters that the header does not name where the platform does not serve them
 * (C-059), by the numbers that they have elsewhere: their cases say what is lacking.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ABSENT_H
#define ABSENT_H

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

#endif
