/*
 * A bell: a semaphore, which alone may be posted in a signal handler, and what is
 * known of its count.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE /* sem_clockwait */
#include "include/null_shims.h"

#include <semaphore.h>
#include <stdatomic.h>

struct null_bell {
    sem_t semaphore;
    atomic_bool rung, for_all;
};

int null_number(void) {
    static atomic_int last = 1 << 20;
    return atomic_fetch_add(&last, 1);
}

struct null_bell *null_bell_make(void) {
    struct null_bell *bell = kq_map(sizeof *bell);
    if (bell != NULL && sem_init(&bell->semaphore, 0, 0) == -1) {
        kq_unmap(bell, sizeof *bell);
        return NULL;
    }
    return bell;
}

void null_bell_free(struct null_bell *bell) {
    sem_destroy(&bell->semaphore);
    kq_unmap(bell, sizeof *bell);
}

void null_bell_ring(struct null_bell *bell) {
    if (!atomic_exchange(&bell->rung, true))
        sem_post(&bell->semaphore);
}

void null_bell_ring_for_all(struct null_bell *bell) {
    atomic_store(&bell->for_all, true);
    sem_post(&bell->semaphore);
}

bool null_bell_take(struct null_bell *bell) {
    if (!atomic_load(&bell->rung) || sem_trywait(&bell->semaphore) == -1)
        return false;
    atomic_store(&bell->rung, false);
    return true;
}

static int wait_until(sem_t *semaphore, int64_t nanoseconds) {
    struct timespec end;
    if (nanoseconds < 0)
        return sem_wait(semaphore);
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += nanoseconds / 1000000000;
    end.tv_nsec += nanoseconds % 1000000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    return sem_clockwait(semaphore, CLOCK_MONOTONIC, &end);
}

static int hear(struct null_bell *bell) {
    atomic_store(&bell->rung, false);
    if (atomic_load(&bell->for_all))
        sem_post(&bell->semaphore); /* for the next */
    return 1;
}

int null_bell_wait(struct null_bell *bell, int64_t nanoseconds, void (*cancelled)(void *), void *context) {
    volatile int result;
    pthread_cleanup_push(cancelled, context);
    result = wait_until(&bell->semaphore, nanoseconds);
    pthread_cleanup_pop(0);
    if (result == 0)
        return hear(bell);
    return errno == ETIMEDOUT ? 0 : -errno;
}
