/*
 * The lock of a kqueue, and that of their registry.  Part of kqueue_shims.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_SHIMS_LOCK_H
#define KQUEUE_SHIMS_LOCK_H

#include "kqueue_shims_calls.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A lock whose unlocked state is all zeroes, so that fresh memory holds a usable one.
 *
 * One word says whether it is taken and by which thread, without a moment between the two: a handler may siglongjmp()
 * out of a call that holds it, and the thread comes back.
 */
struct kq_lock {
    uintptr_t owner;   /* the thread that holds it, or 0 */
    uintptr_t frame;   /* the stack frame of the call that took it, or 0 */
    uintptr_t link;    /* what kq_frame_link() said of that */
    uint32_t sleepers; /* threads that may sleep for it */
    uint32_t turns;    /* changes when one of them is to look again */
};

/* The slow ways, which are the core's: sleeps until the lock is the caller's; wakes one who sleeps. */
void kq_lock_await(struct kq_lock *lock);
void kq_lock_wake(struct kq_lock *lock);
/* Whether a handler can be running on this thread, as the core finds it. */
bool kq_may_be_in_handler(void);
/* Whether a caller with this stack is a handler that interrupted the call which holds the lock, and will return
   to it. */
bool kq_lock_is_interrupted(const struct kq_lock *lock, uintptr_t frame);

/* futex(2) with the turns of a lock; -ENOSYS where there is none. The numbers are of <linux/futex.h>. */
enum { KQ_FUTEX_WAIT = 128, KQ_FUTEX_WAKE = 129 };
static inline long kq_futex(struct kq_lock *lock, long operation, uint32_t value) {
#ifdef __linux__
    return kq_system_call(SYS_futex, (long)&lock->turns, operation, (long)value, 0, 0, 0);
#else
    (void)lock, (void)operation, (void)value;
    return -ENOSYS;
#endif
}

/* For a thread that looks at the same word again and again. */
static inline void kq_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __asm__ volatile("pause");
#elif defined(__aarch64__) || defined(__ARM_ARCH_7A__)
    __asm__ volatile("yield");
#endif
}

static inline bool kq_lock_is_own(const struct kq_lock *lock) {
    return __atomic_load_n(&lock->owner, __ATOMIC_RELAXED) == (uintptr_t)pthread_self();
}

/* These stand in the frame that is in use as long as the lock is held, in builds that optimize nothing as well. */
#define KQ_LOCK_INLINE static inline __attribute__((always_inline))

/*
 * Where a function goes back to, as its frame says: that stays while the frame is in use, and is something else
 * once other calls use that part of the stack.  Where it stands is not known on every processor.
 */
KQ_LOCK_INLINE uintptr_t kq_frame_link(uintptr_t frame) {
#if defined(__x86_64__) || defined(__i386__) || defined(__aarch64__)
    return ((const volatile uintptr_t *)frame)[1];
#elif defined(__riscv)
    return ((const volatile uintptr_t *)frame)[-1];
#else
    (void)frame;
    return 0;
#endif
}

KQ_LOCK_INLINE void kq_lock_note_frame(struct kq_lock *lock) {
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    lock->link = kq_frame_link(frame);
    __atomic_store_n(&lock->frame, frame, __ATOMIC_RELEASE);
}

/* Sequentially consistent where it fails as well: whoever announced itself before must not find an owner that
   is gone. */
KQ_LOCK_INLINE bool kq_lock_try(struct kq_lock *lock) {
    uintptr_t none = 0;
    if (!__atomic_compare_exchange_n(&lock->owner, &none, (uintptr_t)pthread_self(), false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST))
        return false;
    kq_lock_note_frame(lock);
    return true;
}

/* Whether this thread holds it in a call that goes on only when the caller has returned. */
KQ_LOCK_INLINE bool kq_lock_is_below(const struct kq_lock *lock) {
    return kq_lock_is_own(lock) && kq_lock_is_interrupted(lock, (uintptr_t)__builtin_frame_address(0));
}

/* The lock is the caller's, as it was an earlier call's. */
KQ_LOCK_INLINE bool kq_lock_take_over(struct kq_lock *lock) {
    kq_lock_note_frame(lock);
    return true;
}

/* Returns whether an earlier call of this thread took it and never came back: what it was doing is half done. */
KQ_LOCK_INLINE bool kq_lock_take(struct kq_lock *lock) {
    if (kq_lock_try(lock))
        return false;
    if (kq_lock_is_own(lock) && !kq_lock_is_below(lock))
        return kq_lock_take_over(lock);
    kq_lock_await(lock);
    kq_lock_note_frame(lock); /* the one that stays, not that of the call above */
    return false;
}

static inline void kq_lock_drop(struct kq_lock *lock) {
    lock->frame = 0; /* which the next holder must not take for its own, should it be interrupted at once */
    (void)__atomic_exchange_n(&lock->owner, 0, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&lock->sleepers, __ATOMIC_SEQ_CST) != 0)
        kq_lock_wake(lock);
}

#endif /* KQUEUE_SHIMS_LOCK_H */
