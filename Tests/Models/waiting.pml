/*
 * A thread that waits where waits keep files open, and those who close: KQueueHandle.announceWait and leave,
 * KQueueRegistry.tell and interrupt. Each close ends the wait, so that it takes effect: a waiter that is left when nothing
 * happens any more while a hint was not seen to is an invalid end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define CLOSERS 2

byte count;        /* CloseHints.count */
byte hints;        /* those in their places */
byte seen;         /* KQueue.seenClosed */
bool watchSets;    /* what publishWatchSets tells: whether a thread waits */
bool interrupted;  /* the pipe of the one who waits */
byte closed;

/* tell: the hint stands before the count, and the count before whoever waits is looked for. */
active [CLOSERS] proctype closer() {
    hints++;
    count++;
    if
    :: watchSets -> interrupted = true
    :: else
    fi;
    closed++
}

inline reclaimClosed() {
    if
    :: count != seen -> seen = count; hints = 0
    :: else
    fi
}

active proctype waiter() {
    do
    :: reclaimClosed();
       watchSets = true;       /* enter, publishWatchSets */
       if
       :: count == seen -> /* Backend.wait */
          if
          :: interrupted -> interrupted = false
          :: closed == CLOSERS && count == seen && !interrupted -> break  /* it waits on, rightly */
          fi
       :: else
       fi;
       watchSets = false       /* leave */
    od;
    assert(hints == 0)
}
