/* A loop of libev on kqueue: a timer writes into a pipe, whose reader wakes the loop, which ends.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <ev.h>
#include <stdio.h>
#include <unistd.h>

static int seen, ends[2];
static ev_async wake;

static void on_read(EV_P_ ev_io *io, int events) {
    char byte;
    seen |= events & EV_READ && read(io->fd, &byte, 1) == 1 ? 1 : 8;
    ev_async_send(EV_A_ &wake);
}
static void on_time(EV_P_ ev_timer *timer, int events) {
    (void)loop, (void)timer, (void)events;
    seen |= write(ends[1], "x", 1) == 1 ? 2 : 8;
}
static void on_wake(EV_P_ ev_async *async, int events) {
    (void)async, (void)events;
    seen |= 4;
    ev_break(EV_A_ EVBREAK_ALL);
}

int main(void) {
    struct ev_loop *loop = ev_loop_new(EVBACKEND_KQUEUE);
    ev_io io;
    ev_timer timer;
    if (!loop || ev_backend(loop) != EVBACKEND_KQUEUE || pipe(ends) != 0)
        return 1;
    ev_io_init(&io, on_read, ends[0], EV_READ);
    ev_timer_init(&timer, on_time, 0.01, 0);
    ev_async_init(&wake, on_wake);
    ev_io_start(loop, &io);
    ev_timer_start(loop, &timer);
    ev_async_start(loop, &wake);
    ev_run(loop, 0);
    printf("libev: %s\n", seen == 7 ? "all well" : "not all");
    return seen != 7;
}
