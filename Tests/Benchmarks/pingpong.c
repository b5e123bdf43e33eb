/*
 * Two threads that wake one another in turns: by USER events of two kqueues,
 * against two eventfds in two epoll sets.  The threads are tied to processors:
 * waking an idle one can take fifty times as long as switching on a busy one, and
 * where the scheduler puts them would decide the figure.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "bench.h"

#include <sys/event.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* One of the two places where a thread waits. */
struct side {
    int queue;   /* kqueue or epoll set */
    int eventfd; /* epoll only */
};

struct game {
    struct side ping, pong;
    void (*wake)(const struct side *);
    void (*wait)(const struct side *);
    atomic_bool over;
    int processors[2]; /* of the two threads */
};

static void wake_kqueue(const struct side *s) {
    struct kevent change;
    EV_SET(&change, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
    BENCH_REQUIRE(kevent(s->queue, &change, 1, NULL, 0, NULL) == 0);
}

static void wait_kqueue(const struct side *s) {
    struct kevent event;
    BENCH_REQUIRE(kevent(s->queue, NULL, 0, &event, 1, NULL) == 1);
}

static void wake_epoll(const struct side *s) {
    uint64_t one = 1;
    BENCH_REQUIRE(write(s->eventfd, &one, sizeof one) == sizeof one);
}

static void wait_epoll(const struct side *s) {
    struct epoll_event event;
    uint64_t count;
    BENCH_REQUIRE(epoll_wait(s->queue, &event, 1, -1) == 1);
    BENCH_REQUIRE(read(s->eventfd, &count, sizeof count) == sizeof count);
}

static void open_kqueue(struct side *s) {
    struct kevent change;
    s->queue = kqueue();
    EV_SET(&change, 1, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, NULL);
    BENCH_REQUIRE(s->queue != -1 && kevent(s->queue, &change, 1, NULL, 0, NULL) == 0);
}

static void open_epoll(struct side *s) {
    struct epoll_event event = {.events = EPOLLIN};
    s->queue = epoll_create1(EPOLL_CLOEXEC);
    s->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    BENCH_REQUIRE(s->queue != -1 && s->eventfd != -1);
    BENCH_REQUIRE(epoll_ctl(s->queue, EPOLL_CTL_ADD, s->eventfd, &event) == 0);
}

/* Either two processors or the present one twice. */
static void choose_processors(struct game *g, bool apart) {
    cpu_set_t allowed;
    int found = 0;
    g->processors[0] = g->processors[1] = sched_getcpu();
    if (!apart || sched_getaffinity(0, sizeof allowed, &allowed) == -1)
        return;
    for (int i = 0; i < CPU_SETSIZE && found < 2; i++)
        if (CPU_ISSET(i, &allowed))
            g->processors[found++] = i;
    if (found < 2)
        bench_note("there is one processor only");
}

static void tie_to(int processor) {
    cpu_set_t set;
    if (processor < 0 || processor >= CPU_SETSIZE)
        return;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

static void *answer(void *argument) {
    struct game *g = argument;
    tie_to(g->processors[1]);
    for (;;) {
        g->wait(&g->ping);
        if (atomic_load(&g->over))
            return NULL;
        g->wake(&g->pong);
    }
}

static void round_trip(void *argument) {
    struct game *g = argument;
    g->wake(&g->ping);
    g->wait(&g->pong);
}

static double play(struct game *g, bool apart) {
    pthread_t thread;
    choose_processors(g, apart);
    tie_to(g->processors[0]);
    BENCH_REQUIRE(pthread_create(&thread, NULL, answer, g) == 0);
    double ns = bench_measure(round_trip, g);
    atomic_store(&g->over, true);
    g->wake(&g->ping);
    pthread_join(thread, NULL);
    return ns;
}

static double kqueue_side(bool apart) {
    struct game g = {.wake = wake_kqueue, .wait = wait_kqueue};
    open_kqueue(&g.ping);
    open_kqueue(&g.pong);
    return play(&g, apart);
}

static double epoll_side(bool apart) {
    struct game g = {.wake = wake_epoll, .wait = wait_epoll};
    open_epoll(&g.ping);
    open_epoll(&g.pong);
    return play(&g, apart);
}

static double together_kqueue(void) { return kqueue_side(false); }
static double together_epoll(void) { return epoll_side(false); }
static double apart_kqueue(void) { return kqueue_side(true); }
static double apart_epoll(void) { return epoll_side(true); }

const struct bench pingpong_benches[] = {
    {"pingpong", "USER ping-pong, one processor", "ns", together_kqueue, together_epoll, 1.1},
    {"pingpong-apart", "USER ping-pong, two processors", "ns", apart_kqueue, apart_epoll, 1.1},
    {0},
};
