/*
 * The lock of a kqueue, and those who sleep for it: Lock.swift, and kq_lock in kqueue_shims_lock.h. One thread has it at a time,
 * and nobody sleeps for ever: threads that are left asleep when nothing can happen any more are an invalid end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define THREADS 3
#define ROUNDS 2

byte owner;           /* 0, or the thread + 1 */
byte sleepers;
byte turns;           /* 32 bits, that do not come round while a thread is between reading them and its sleep */
bool asleep[THREADS]; /* in the futex */
byte holders;

inline kq_lock_try(got) {
    atomic {
        got = (owner == 0);
        if
        :: got -> owner = _pid + 1
        :: else
        fi
    }
}

/* FUTEX_WAIT looks at the word and goes to sleep in one step. */
inline sleep_until_turn(turn) {
    atomic {
        if
        :: turns == turn -> asleep[_pid] = true
        :: else
        fi
    }
    !asleep[_pid]
}

/* Whichever sleeps, or none. */
inline wake_one() {
    atomic {
        if
        :: asleep[0] -> asleep[0] = false
        :: asleep[1] -> asleep[1] = false
        :: asleep[2] -> asleep[2] = false
        :: !asleep[0] && !asleep[1] && !asleep[2]
        fi
    }
}

inline kq_lock_await() {
    sleepers++;
    do
    :: turn = turns;
       kq_lock_try(got);
       if
       :: got -> break
       :: else -> sleep_until_turn(turn)
       fi
    od;
    sleepers--
}

inline kq_lock_drop() {
    owner = 0;
    if
    :: sleepers != 0 -> turns++; wake_one()
    :: else
    fi
}

active [THREADS] proctype thread() {
    byte round, turn;
    bool got;
    for (round : 1 .. ROUNDS) {
        kq_lock_try(got);
        if
        :: got
        :: else -> kq_lock_await()
        fi;
        holders++;
        assert(holders == 1);
        holders--;
        kq_lock_drop()
    }
}
