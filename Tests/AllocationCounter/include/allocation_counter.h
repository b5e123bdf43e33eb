/*
 * Counts the program's calls of malloc and its family, by standing in
 * front of them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

/* How many there have been; in all threads, or in the calling one. */
unsigned long allocation_count(void);
unsigned long allocation_count_of_thread(void);

#endif
