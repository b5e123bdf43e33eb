/*
 * Closes of a descriptor number while others add knotes on it and collect: KQueueRegistry.beginClose, endClose and
 * doubt, Watchers.swift, CloseHints.swift, Reclaim.swift, and KQueue.create in Changes.swift.
 *
 * One kqueue, one number, two filters. Files are counted up from 1; every file has a duplicate that keeps it open, so what
 * the system watches under the number goes on reporting it unless it is taken out. Hints have few places, so that they do
 * not suffice.
 *
 *   - What is delivered is of no file whose close was over when the call began.
 *   - When all is done and the hints are read, no knote is on a former file.
 *   - A knote that was added while the present file had the number is there, and watched.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef CLOSES
#define CLOSES 2
#endif
#ifndef ADDERS
#define ADDERS 2
#endif
#ifndef PLACES
#define PLACES 2
#endif
#define FILES 3 /* CLOSES + 1 */

#define CLOSED 1
#define DOUBTFUL 2
#define OTHER 3 /* of a number that no knote is on */

byte file = 1;               /* what the number names; 0: it is closed */
byte opened = 1;             /* the newest file */
bool isOver[FILES + 1];      /* the close of a file has returned */

bool watchers;               /* whether the kqueue stands in the number's record */
byte hints[PLACES];
byte next, count, seenClosed;
bool hasOverflowed;

bool lock;
byte knote[2];               /* the file of a filter's knote, plus 1; 0: there is none */
byte generation[2];          /* of its place: tokens of former knotes are void */
byte entry[8];               /* what the system watches: filter * 4 + file -> generation + 1 */
byte sure[2];                /* the file that the last EV_ADD was sure to be about */
byte done;

#define at(filter, f) entry[(filter) * 4 + (f)]
#define live(filter) (knote[filter] != 0)
#define fileOf(filter) (knote[filter] - 1)

/* ---- The closer; no lock ---- */

inline post(hint) {
    atomic { place = next; next = (next + 1) % PLACES }
    atomic {
        isFree = (hints[place] == 0);
        if
        :: isFree -> hints[place] = hint
        :: else
        fi
    }
    if
    :: !isFree -> hasOverflowed = true
    :: else
    fi;
    count++
}

inline takeWatchers(had) {
    atomic { had = watchers; watchers = false }
}

inline forget() {
    d_step { at(0, file) = 0; at(1, file) = 0 }
}

proctype closer() {
    byte place, was, closes;
    bool had, isFree;
    for (closes : 1 .. CLOSES) {
        /* beginClose */
        takeWatchers(had);
        if
        :: had -> forget(); post(CLOSED)
        :: else
        fi;
        atomic { was = file; file = 0 } /* close */
        /* The number is anybody's: open() may have it before the close is over. */
        if
        :: atomic { opened++; file = opened }
           /* endClose, doubt */
           if
           :: watchers -> post(DOUBTFUL)
           :: else
           fi;
           isOver[was] = true
        :: if
           :: watchers -> post(DOUBTFUL)
           :: else
           fi;
           isOver[was] = true;
           atomic { opened++; file = opened }
        fi
    }
    done++
}

/* Closes other numbers. */
proctype otherCloser() {
    byte place;
    bool isFree;
    post(OTHER);
    done++
}

/* ---- Under the lock ---- */

inline discard(filter) {
    d_step {
        knote[filter] = 0;
        generation[filter]++;
        if
        :: !live(0) && !live(1) -> watchers = false /* unregisterForCloses */
        :: else
        fi
    }
}

inline dropIfClosed() {
    atomic {
        if
        :: (live(0) || live(1)) && !watchers ->
           if :: live(0) -> discard(0) :: else fi;
           if :: live(1) -> discard(1) :: else fi
        :: else
        fi
    }
}

inline dropGone() {
    atomic { if :: live(0) && fileOf(0) != file -> discard(0) :: else fi }
    atomic { if :: live(1) && fileOf(1) != file -> discard(1) :: else fi }
}

inline reclaim(hint) {
    if
    :: hint == CLOSED -> dropIfClosed()
    :: hint == DOUBTFUL -> dropIfClosed(); dropGone()
    :: else
    fi
}

inline reclaimClosed() {
    if
    :: count != seenClosed ->
       seenClosed = count;
       atomic { hint = hints[0]; hints[0] = 0 }
       reclaim(hint);
#if PLACES > 1
       atomic { hint = hints[1]; hints[1] = 0 }
       reclaim(hint);
#endif
       atomic { had = hasOverflowed; hasOverflowed = false }
       if
       :: had -> dropIfClosed(); dropGone()
       :: else
       fi
    :: else
    fi;
    hint = 0; had = false
}

/* EV_ADD finds no knote. */
inline create(filter) {
    atomic { had = !watchers; watchers = true } /* registerForCloses */
    if
    :: had && live(1 - filter) -> d_step { knote[1 - filter] = 0; generation[1 - filter]++ }
    :: else
    fi;
    had = false;
    atomic {         /* attach */
        on = file;
        if
        :: on != 0 -> knote[filter] = on + 1; at(filter, on) = generation[filter] + 1
        :: else
        fi
    }
    if
    :: on == 0 -> discard(filter)
    :: on != 0 && !watchers -> /* requireWatched */
       atomic {
           if
           :: file == on -> at(filter, on) = 0
           :: else /* it is for StaleReports to find */
           fi
       }
       discard(filter); on = 0
    :: else
    fi
}

inline apply(filter) {
    dropIfClosed();
    if
    :: live(filter) ->
       on = file;
       if
       :: on != 0 && fileOf(filter) == on && at(filter, on) == generation[filter] + 1
       :: else -> discard(filter); dropGone(); create(filter) /* lose */
       fi
    :: else -> create(filter)
    fi
}

proctype adder(byte filter) {
    byte on, hint, began;
    bool had;
    began = file;
    atomic { !lock; lock = true }
    reclaimClosed();
    apply(filter);
    /* Sure where the file had the number from before the call until it was attached. */
    if
    :: on != 0 && on == began -> sure[filter] = on
    :: else
    fi;
    lock = false;
    done++
}

inline deliver(filter) {
    d_step { for (each : 1 .. FILES) {
        if
        :: at(filter, each) != 0 && live(filter) && at(filter, each) == generation[filter] + 1 ->
           assert(!overBefore[each])
        :: else
        fi
    } }
}

inline collect() {
    atomic {
        !lock;
        lock = true;
        overBefore[1] = isOver[1]; overBefore[2] = isOver[2]; overBefore[3] = isOver[3]
    }
    reclaimClosed();
    deliver(0);
    deliver(1);
    lock = false
}

proctype reader() {
    byte hint, each;
    bool had, overBefore[FILES + 1];
    collect();
    done++
}

init {
    byte hint, each;
    bool had, overBefore[FILES + 1];
    byte filter;
    atomic {
        run closer();
        run otherCloser();
        run adder(0);
        if
        :: ADDERS > 1 -> run adder(1)
        :: else -> done++
        fi;
        run reader()
    }
    done == 5;
    collect();
    for (filter : 0 .. 1) {
        assert(!live(filter) || fileOf(filter) == file);
        assert(sure[filter] != file || live(filter) && at(filter, file) == generation[filter] + 1)
    }
}
