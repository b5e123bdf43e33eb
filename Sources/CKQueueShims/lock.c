/*
 * A lock that is taken by another thread, and one that a signal handler jumped
 * out of.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "interruptions.h"
#include "signals.h"

#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>

/* Of <linux/futex.h>, which not every C library's compiler finds. */
enum { FUTEX_WAIT_PRIVATE = 128, FUTEX_WAKE_PRIVATE = 129 };

static void sleep_until_turn(struct kq_lock *lock, uint32_t turn) {
    (void)syscall(SYS_futex, &lock->turns, FUTEX_WAIT_PRIVATE, turn, NULL, NULL, 0);
}

static void wake_one(struct kq_lock *lock) {
    (void)syscall(SYS_futex, &lock->turns, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
#else
static void sleep_until_turn(struct kq_lock *lock, uint32_t turn) {
    (void)lock, (void)turn;
    kq_pause();
}

static void wake_one(struct kq_lock *lock) {
    (void)lock;
}
#endif

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__ARM_ARCH_7A__)
    __asm__ volatile("yield");
#endif
}

enum { SPINS = 60 };

/* Holders drop the lock after a system call or two, most of them sooner than a thread falls asleep and is woken. */
static bool take_by_spinning(struct kq_lock *lock) {
    for (int i = 0; i < SPINS; i++) {
        if (__atomic_load_n(&lock->owner, __ATOMIC_RELAXED) == 0 && kq_lock_try(lock))
            return true;
        relax();
    }
    return false;
}

/*
 * Whoever sleeps is counted before it looks at the lock, and whoever drops the lock looks at that count after: so one
 * of the two sees the other.
 */
void kq_lock_await(struct kq_lock *lock) {
    int error = errno;
    if (take_by_spinning(lock))
        return;
    __atomic_fetch_add(&lock->sleepers, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        uint32_t turn = __atomic_load_n(&lock->turns, __ATOMIC_SEQ_CST);
        if (kq_lock_try(lock))
            break;
        sleep_until_turn(lock, turn);
    }
    __atomic_fetch_sub(&lock->sleepers, 1, __ATOMIC_SEQ_CST);
    errno = error;
}

void kq_lock_wake(struct kq_lock *lock) {
    int error = errno;
    __atomic_fetch_add(&lock->turns, 1, __ATOMIC_SEQ_CST);
    wake_one(lock);
    errno = error;
}

/* Whether a handler can be running on this thread: a signal is blocked that has one. */
static bool may_be_in_handler(void) {
    sigset_t blocked;
    struct sigaction action;
    kq_set_of(kq_blocked_here(), &blocked);
    for (int number = 1; number < SIGNALS; number++)
        if (sigismember(&blocked, number) == 1 && kq_next_sigaction(number, NULL, &action) == 0 &&
            action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN)
            return true;
    return false;
}

/* Reads the frame's memory unchecked: after a jump other calls use it, and a sanitizer may have marked it as theirs. */
#if defined(__has_attribute)
#if __has_attribute(no_sanitize)
__attribute__((no_sanitize("address")))
#endif
#endif
static bool is_in_use(const struct kq_lock *lock) {
    return kq_frame_link(lock->frame) == lock->link;
}

/* A handler finds the frame that it interrupted in use. A call that finds another frame there came after a jump
   out of it. */
bool kq_lock_is_interrupted(const struct kq_lock *lock, uintptr_t frame) {
    return kq_can_interrupt(frame, lock->frame) && is_in_use(lock) && may_be_in_handler();
}

/* Who is called by the holder, or interrupts it, stands farther down, and finds its frame in use. */
bool kq_lock_is_left(const struct kq_lock *lock, uintptr_t frame) {
    uintptr_t taker = __atomic_load_n(&lock->frame, __ATOMIC_ACQUIRE);
    if (!kq_lock_is_own(lock) || taker == 0 || kq_is_on_other_stack())
        return false;
    return frame > taker || !is_in_use(lock);
}

static atomic_bool jumps;

bool kq_jumps(void) {
    return atomic_load_explicit(&jumps, memory_order_relaxed);
}

void kq_note_jump(void) {
    atomic_store(&jumps, true);
}
