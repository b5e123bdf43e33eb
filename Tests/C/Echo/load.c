/*
 * Load for an echo server on 127.0.0.1: many connections at once, messages of
 * many sizes, and every byte that comes back compared with what was sent.
 *
 *   load PORT CONNECTIONS MESSAGES [SIZE_MAX]
 *
 * Waits with poll(2), so that it has no kqueue in it.  The content of a stream
 * is a function of connection and position: nothing sent has to be kept.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    SECONDS_MAX = 120,
    SIZE_MAX_DEFAULT = 2048,
    LARGE_EVERY = 100,   /* one message in so many is up to ... */
    LARGE_FACTOR = 16,   /* ... so many times the size */
    STUBBORN_EVERY = 16, /* one connection in so many fills every buffer, see below, ... */
    STUBBORN_FACTOR = 4, /* ... with messages so many times the size */
    STUBBORN_MS = 100,
    SMALL_BUFFER = 16384,
    SEGMENT = 1448, /* loopback's 64 kB would give the server a send buffer of megabytes */
    CHUNK = 65536,
};

/*
 * Most connections keep a few messages under way.  A stubborn one sends until
 * its socket has taken nothing for a while and only then reads, all of it: the
 * server has to live with a client that sends and does not read.
 */
struct connection {
    int fd;
    bool connected, stubborn, blocked, half_closed;
    uint64_t number, random;
    uint64_t messages;  /* still to begin */
    uint64_t window;    /* bytes that may be under way */
    uint64_t committed; /* where the last message begun ends */
    uint64_t sent, received;
    double last_sent; /* seconds since the start */
};

static struct timespec started;
static double now; /* seconds since then, taken once a round */
static uint64_t size_max = SIZE_MAX_DEFAULT, total_bytes;
static size_t still_open;

static double seconds_since_start(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)(t.tv_sec - started.tv_sec) + (double)(t.tv_nsec - started.tv_nsec) / 1e9;
}

__attribute__((format(printf, 1, 2))) _Noreturn static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "load: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    exit(1);
}

/* ---- content ---- */

static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t next_random(struct connection *c) {
    c->random += 0x9e3779b97f4a7c15u;
    return mix(c->random);
}

/* The bytes of a connection's stream from position on. */
static void content(const struct connection *c, uint64_t position, unsigned char *out, size_t length) {
    uint64_t word = 0;
    for (size_t i = 0; i < length; i++, position++) {
        if (i == 0 || position % 8 == 0)
            word = mix(c->number << 40 ^ position / 8);
        out[i] = (unsigned char)(word >> position % 8 * 8);
    }
}

static uint64_t message_size(struct connection *c) {
    uint64_t most = next_random(c) % LARGE_EVERY == 0 ? size_max * LARGE_FACTOR : size_max;
    return 1 + next_random(c) % (c->stubborn ? most * STUBBORN_FACTOR : most);
}

/* ---- a connection ---- */

static void open_connection(struct connection *c, uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1, small = SMALL_BUFFER, segment = SEGMENT;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd == -1)
        fail("socket: %s", strerror(errno));
    fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (c->stubborn) {
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
        setsockopt(c->fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    }
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address) == -1 && errno != EINPROGRESS)
        fail("connect: %s", strerror(errno));
    still_open++;
}

static void finish_connect(struct connection *c) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0)
        fail("connect: %s", strerror(error));
    c->connected = true;
    c->last_sent = now;
}

static void close_connection(struct connection *c) {
    close(c->fd);
    c->fd = -1;
    still_open--;
}

static bool all_sent(const struct connection *c) {
    return c->messages == 0 && c->sent == c->committed;
}

static bool wants_to_send(const struct connection *c) {
    if (all_sent(c) || c->blocked)
        return false;
    return c->stubborn || c->sent < c->committed || c->sent - c->received < c->window;
}

static void block_if_stuck(struct connection *c) {
    if (c->stubborn && c->received < c->sent && now - c->last_sent > STUBBORN_MS / 1000.0)
        c->blocked = true;
}

static bool wants_to_receive(const struct connection *c) {
    return !c->stubborn || c->blocked || all_sent(c);
}

/* One message, or what is left of one; what the socket did not take is made anew later. */
static void send_some(struct connection *c) {
    static unsigned char buffer[CHUNK];
    if (c->sent == c->committed) {
        c->committed += message_size(c);
        c->messages--;
    }
    uint64_t rest = c->committed - c->sent;
    size_t length = rest < CHUNK ? (size_t)rest : CHUNK;
    content(c, c->sent, buffer, length);
    ssize_t n = send(c->fd, buffer, length, 0);
    if (n == -1 && errno != EAGAIN && errno != EINTR)
        fail("connection %llu, send: %s", (unsigned long long)c->number, strerror(errno));
    if (n > 0) {
        c->sent += (uint64_t)n;
        c->last_sent = now;
    }

    /* Some end their side and expect the rest and then the end of the stream. */
    if (all_sent(c) && c->number % 2 == 1) {
        shutdown(c->fd, SHUT_WR);
        c->half_closed = true;
    }
}

static void at_end_of_stream(struct connection *c) {
    if (!c->half_closed || c->received != c->sent)
        fail("connection %llu: closed by the server with %llu of %llu bytes back",
             (unsigned long long)c->number, (unsigned long long)c->received,
             (unsigned long long)c->sent);
    close_connection(c);
}

static void receive_some(struct connection *c) {
    static unsigned char got[CHUNK], want[CHUNK];
    ssize_t n = recv(c->fd, got, sizeof got, 0);
    if (n == -1 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n == -1)
        fail("connection %llu, recv: %s", (unsigned long long)c->number, strerror(errno));
    if (n == 0) {
        at_end_of_stream(c);
        return;
    }
    if (c->received + (uint64_t)n > c->sent)
        fail("connection %llu: more came back than was sent", (unsigned long long)c->number);
    content(c, c->received, want, (size_t)n);
    if (memcmp(got, want, (size_t)n) != 0)
        fail("connection %llu: wrong bytes after position %llu", (unsigned long long)c->number,
             (unsigned long long)c->received);
    c->received += (uint64_t)n;
    total_bytes += (uint64_t)n;
    if (c->received == c->sent) {
        c->blocked = false;
        c->last_sent = now;
        if (all_sent(c) && !c->half_closed)
            close_connection(c);
    }
}

/* ---- all of them ---- */

static struct connection *open_all(uint16_t port, size_t count, uint64_t messages) {
    struct connection *all = calloc(count, sizeof *all);
    if (all == NULL)
        fail("out of memory");
    for (size_t i = 0; i < count; i++) {
        struct connection *c = &all[i];
        c->number = c->random = i;
        c->messages = messages / count + (i < messages % count);
        c->window = size_max * (1 + i % 4);
        c->stubborn = i % STUBBORN_EVERY == 0;
        open_connection(c, port);
    }
    return all;
}

static short wanted(const struct connection *c) {
    if (!c->connected)
        return POLLOUT;
    return (short)((wants_to_send(c) ? POLLOUT : 0) | (wants_to_receive(c) ? POLLIN : 0));
}

static void advance(struct connection *c, short events) {
    if (!c->connected) {
        finish_connect(c);
        return;
    }
    if ((events & POLLOUT) && wants_to_send(c))
        send_some(c);
    if (events & (POLLIN | POLLHUP | POLLERR))
        receive_some(c);
}

/* Every one is connected before the first sends: they are to be open at once. */
static void run_until(struct connection *all, size_t count, struct pollfd *polls, bool connecting) {
    size_t left = connecting ? count : still_open;
    while (left > 0) {
        now = seconds_since_start();
        if (now > SECONDS_MAX)
            fail("not done after %d s, %zu connections are open", SECONDS_MAX, still_open);
        for (size_t i = 0; i < count; i++) {
            block_if_stuck(&all[i]);
            polls[i] = (struct pollfd){
                .fd = connecting && all[i].connected ? -1 : all[i].fd, .events = wanted(&all[i])};
        }
        if (poll(polls, count, STUBBORN_MS / 2) == -1 && errno != EINTR)
            fail("poll: %s", strerror(errno));
        for (size_t i = 0; i < count; i++)
            if (polls[i].fd != -1 && polls[i].revents != 0) {
                advance(&all[i], polls[i].revents);
                left -= connecting;
            }
        if (!connecting)
            left = still_open;
    }
}

static unsigned long number_argument(const char *text, unsigned long most) {
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || n == 0 || n > most)
        fail("not a number from 1 to %lu: %s", most, text);
    return n;
}

int main(int argc, char **argv) {
    struct rlimit limit;
    if (argc < 4 || argc > 5) {
        fprintf(stderr, "usage: load PORT CONNECTIONS MESSAGES [SIZE_MAX]\n");
        return 2;
    }
    uint16_t port = (uint16_t)number_argument(argv[1], 65535);
    size_t count = number_argument(argv[2], 100000);
    uint64_t messages = number_argument(argv[3], 100000000);
    if (argc == 5)
        size_max = number_argument(argv[4], 1 << 20);
    if (messages < count)
        fail("fewer messages than connections");

    signal(SIGPIPE, SIG_IGN);
    clock_gettime(CLOCK_MONOTONIC, &started);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    struct connection *all = open_all(port, count, messages);
    struct pollfd *polls = calloc(count, sizeof *polls);
    if (polls == NULL)
        fail("out of memory");
    run_until(all, count, polls, true);
    run_until(all, count, polls, false);
    printf("load: %zu connections, %llu messages, %llu bytes came back right in %.1f s\n", count,
           (unsigned long long)messages, (unsigned long long)total_bytes, seconds_since_start());
    free(polls);
    free(all);
    return 0;
}
