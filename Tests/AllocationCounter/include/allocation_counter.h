/*
 * Counts the program's calls of malloc and its family, in all threads, by
 * standing in front of them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

/* How many there have been. */
unsigned long allocation_count(void);

#endif
