/*
 * A TCP echo server on kqueue(2): whatever a client sends comes back to it.
 *
 *   echo-server [-p port]     port 0, the default, is any free one
 *
 * It listens on 127.0.0.1, says where, and ends on SIGTERM or SIGINT.  There is
 * not a line in it for one system: FreeBSD, macOS and Linux build it as it is.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/types.h>
#include <sys/event.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER_SIZE = 16384, EVENTS_A_CALL = 64 };

/* A client.  buffer[begin..end) is what came from it and has not gone back yet. */
struct connection {
    int fd;        /* -1 once closed */
    bool reading;  /* EVFILT_READ is enabled */
    bool writing;  /* EVFILT_WRITE is enabled */
    bool finished; /* the client sends no more */
    size_t begin, end;
    struct connection *next_closed;
    char buffer[BUFFER_SIZE];
};

static int kq, listener;
static int wake_pipe[2];               /* a signal handler writes, the loop reads */
static bool accepting = true;          /* the listener's EVFILT_READ is enabled */
static int clients;                    /* how many connections are open */
static struct connection *closed;      /* those to free when no event can name them */

/* Makes one change to what the kqueue watches. */
static void watch(int fd, short filter, unsigned short action, void *udata) {
    struct kevent change;
    EV_SET(&change, fd, filter, action, 0, 0, udata);
    if (kevent(kq, &change, 1, NULL, 0, NULL) == -1)
        err(1, "kevent");
}

static void make_nonblocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
        err(1, "fcntl");
}

/* ---- connections ---- */

static void open_connection(int fd) {
    struct kevent changes[2];
    struct connection *c = calloc(1, sizeof *c);
    int on = 1;

    /* A socket can nearly always be written to, so EVFILT_WRITE starts disabled:
     * enabled with nothing to write it would wake us without end. */
    EV_SET(&changes[0], fd, EVFILT_READ, EV_ADD, 0, 0, c);
    EV_SET(&changes[1], fd, EVFILT_WRITE, EV_ADD | EV_DISABLE, 0, 0, c);
    if (c == NULL || kevent(kq, changes, 2, NULL, 0, NULL) == -1) {
        warn("client refused");
        close(fd);
        free(c);
        return;
    }
    make_nonblocking(fd);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* an echo is not to wait for more */
    c->fd = fd;
    c->reading = true;
    clients++;
}

/*
 * Closing a descriptor takes it out of the kqueue.  The memory has to stay until
 * the events already collected are dealt with: one of them may point to it.
 */
static void close_connection(struct connection *c) {
    close(c->fd);
    c->fd = -1;
    c->next_closed = closed;
    closed = c;
    clients--;
    if (!accepting) { /* there is a descriptor for the next client again */
        watch(listener, EVFILT_READ, EV_ENABLE, NULL);
        accepting = true;
    }
}

static void free_closed(void) {
    while (closed != NULL) {
        struct connection *c = closed;
        closed = c->next_closed;
        free(c);
    }
}

/* Enables and disables the two filters to match the buffer. */
static void update_interest(struct connection *c) {
    bool want_read = !c->finished && c->end < BUFFER_SIZE; /* a full buffer makes the client wait */
    bool want_write = c->begin < c->end;

    if (want_read != c->reading)
        watch(c->fd, EVFILT_READ, want_read ? EV_ENABLE : EV_DISABLE, c);
    if (want_write != c->writing)
        watch(c->fd, EVFILT_WRITE, want_write ? EV_ENABLE : EV_DISABLE, c);
    c->reading = want_read;
    c->writing = want_write;
}

/* Reads what fits.  false: the connection is broken. */
static bool fill_buffer(struct connection *c) {
    ssize_t n = read(c->fd, c->buffer + c->end, BUFFER_SIZE - c->end);
    if (n > 0)
        c->end += (size_t)n;
    else if (n == 0)
        c->finished = true;
    else if (errno != EAGAIN && errno != EINTR)
        return false;
    return true;
}

/* Writes what the socket takes; the rest stays.  false: the connection is broken. */
static bool empty_buffer(struct connection *c) {
    while (c->begin < c->end) {
        ssize_t n = write(c->fd, c->buffer + c->begin, c->end - c->begin);
        if (n == -1 && errno == EINTR)
            continue;
        if (n == -1 && errno == EAGAIN)
            break;
        if (n == -1)
            return false;
        c->begin += (size_t)n;
    }
    if (c->begin > 0) { /* the rest moves to the front */
        memmove(c->buffer, c->buffer + c->begin, c->end - c->begin);
        c->end -= c->begin;
        c->begin = 0;
    }
    return true;
}

static void serve(struct connection *c, const struct kevent *event) {
    if (c->fd == -1) /* closed by an event before this one */
        return;

    bool alive = true;
    if (event->filter == EVFILT_READ && c->reading) {
        /* EV_EOF: the client has ended its side.  data bytes are still to be
         * read; fflags, where not 0, is the error that ended it. */
        if (!(event->flags & EV_EOF) || event->data > 0)
            alive = fill_buffer(c);
        else if (event->fflags == 0)
            c->finished = true;
        else
            alive = false;
    }
    alive = alive && empty_buffer(c); /* of a client that is gone, write() will say so */

    if (!alive || (c->finished && c->begin == c->end))
        close_connection(c);
    else
        update_interest(c);
}

static void accept_connections(void) {
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd != -1) {
            open_connection(fd);
        } else if (errno == EMFILE && clients > 0) {
            /* No descriptor left.  The client stays in the queue, which would
             * wake us again and again: look there when another has gone. */
            watch(listener, EVFILT_READ, EV_DISABLE, NULL);
            accepting = false;
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            if (errno != EAGAIN)
                warn("accept");
            return;
        }
    }
}

/* ---- start and end ---- */

/* A handler may do next to nothing; waking the loop with a byte is allowed. */
static void on_signal(int number) {
    int saved = errno;
    char byte = (char)number;
    if (write(wake_pipe[1], &byte, 1) == -1) { /* full: the loop wakes up anyway */
    }
    errno = saved;
}

static void catch_signals(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = SIG_IGN; /* a client that is gone is an errno of write(), EPIPE */
    sigaction(SIGPIPE, &action, NULL);

    if (pipe(wake_pipe) == -1)
        err(1, "pipe");
    make_nonblocking(wake_pipe[1]);
    action.sa_handler = on_signal;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

static void start_listening(unsigned short port) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int on = 1;

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if ((listener = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1 ||
        bind(listener, (struct sockaddr *)&address, sizeof address) == -1 ||
        listen(listener, SOMAXCONN) == -1 ||
        getsockname(listener, (struct sockaddr *)&address, &length) == -1)
        err(1, "127.0.0.1:%u", (unsigned)port);
    make_nonblocking(listener); /* a client may be gone again before accept() */
    printf("listening on 127.0.0.1:%u\n", (unsigned)ntohs(address.sin_port));
    fflush(stdout);
}

/* Until a byte is in the pipe. */
static void loop(void) {
    struct kevent events[EVENTS_A_CALL];
    for (;;) {
        int n = kevent(kq, NULL, 0, events, EVENTS_A_CALL, NULL);
        if (n == -1 && errno != EINTR)
            err(1, "kevent");
        for (int i = 0; i < n; i++) {
            if ((int)events[i].ident == wake_pipe[0])
                return;
            if ((int)events[i].ident == listener)
                accept_connections();
            else
                serve(events[i].udata, &events[i]);
        }
        free_closed();
    }
}

int main(int argc, char **argv) {
    long port = 0;
    int option;
    while ((option = getopt(argc, argv, "p:")) != -1) {
        port = option == 'p' ? strtol(optarg, NULL, 10) : -1;
        if (port < 0 || port > 65535)
            errx(2, "usage: echo-server [-p port]");
    }

    if ((kq = kqueue()) == -1)
        err(1, "kqueue");
    catch_signals();
    start_listening((unsigned short)port);
    watch(wake_pipe[0], EVFILT_READ, EV_ADD, NULL);
    watch(listener, EVFILT_READ, EV_ADD, NULL);

    loop();
    return 0; /* the system closes what is open */
}
