/*
 * A server that forks its workers beforehand: the master listens, each worker
 * has a kqueue of its own on the same listening socket. One is killed under load
 * and replaced. No connection may be lost but those of the killed one.
 *
 * The clients, in a process of their own, do not use the library.
 *
 *   prefork-test [CONNECTIONS MESSAGES]
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "life-program.h"

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum {
    WORKERS = 4,
    CONNECTIONS_DEFAULT = 400,
    MESSAGES_DEFAULT = 20,
    ACTIVE = 100,      /* connections at a time */
    MESSAGE = 512,     /* bytes of each */
    TEST_SECONDS = 60, /* the most that it takes */
};

/* What the processes tell one another. */
struct shared {
    atomic_int accepted[WORKERS + 1]; /* of each worker; the last one is the replacement */
    atomic_int messages;              /* that came back to the clients */
    atomic_int complete, reset;       /* connections; reset: before their end */
    atomic_int wrong;                 /* bytes that are not what was sent */
    atomic_int pause;                 /* the clients wait at so many messages */
};

static struct shared *shared;

/* ---- Workers ---- */

/* Sends all of it; clients take what they get, so that waiting for room is short. */
static bool send_all(int fd, const char *bytes, ssize_t count) {
    while (count > 0) {
        ssize_t sent = send(fd, bytes, (size_t)count, MSG_NOSIGNAL);
        if (sent == -1 && errno == EAGAIN) {
            struct pollfd room = {.fd = fd, .events = POLLOUT};
            poll(&room, 1, 1000);
            continue;
        }
        if (sent == -1)
            return false;
        bytes += sent;
        count -= sent;
    }
    return true;
}

static void echo(const struct kevent *event) {
    char bytes[4096];
    int fd = (int)event->ident;
    ssize_t got = recv(fd, bytes, sizeof bytes, 0);
    if (got == -1 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0 || !send_all(fd, bytes, got))
        close(fd); /* and with it the knote */
}

_Noreturn static void work(int number, int listener) {
    struct kevent events[32];
    int kq = CHECK(kqueue());
    alarm(TEST_SECONDS);
    change(kq, listener, EVFILT_READ, EV_ADD, 0);
    for (;;) {
        int count = CHECK(kevent(kq, NULL, 0, events, 32, NULL));
        for (int i = 0; i < count; i++) {
            if ((int)events[i].ident != listener) {
                echo(&events[i]);
                continue;
            }
            int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
            if (fd == -1)
                continue; /* another worker was faster */
            shared->accepted[number]++;
            change(kq, fd, EVFILT_READ, EV_ADD, 0);
        }
    }
}

static pid_t start_worker(int number, int listener) {
    pid_t child = CHECK(fork());
    if (child == 0)
        work(number, listener);
    return child;
}

/* ---- Clients ---- */

struct client {
    int fd, messages; /* that came back */
    int received;     /* bytes of the present one */
};

static char byte_of(int connection, int message, int place) {
    return (char)(connection * 31 + message * 7 + place);
}

static void connect_client(struct client *client, uint16_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    client->fd = CHECK(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    CHECK(connect(client->fd, (struct sockaddr *)&address, sizeof address));
}

/* Whether the connection goes on. */
static bool send_message(struct client *client, int connection) {
    char bytes[MESSAGE];
    for (int i = 0; i < MESSAGE; i++)
        bytes[i] = byte_of(connection, client->messages, i);
    client->received = 0;
    return send(client->fd, bytes, MESSAGE, MSG_NOSIGNAL) == MESSAGE;
}

static bool receive(struct client *client, int connection, int messages) {
    char bytes[MESSAGE];
    ssize_t got = recv(client->fd, bytes, (size_t)(MESSAGE - client->received), 0);
    if (got <= 0)
        return false;
    for (ssize_t i = 0; i < got; i++)
        shared->wrong += bytes[i] != byte_of(connection, client->messages, client->received + (int)i);
    client->received += (int)got;
    if (client->received < MESSAGE)
        return true;
    client->messages++;
    shared->messages++;
    return client->messages == messages || send_message(client, connection);
}

/* Runs one batch of connections to their end. */
static void run_batch(int first, int count, int messages, uint16_t port) {
    struct client clients[ACTIVE];
    struct pollfd watched[ACTIVE];
    int left = count;
    memset(clients, 0, sizeof clients);
    for (int i = 0; i < count; i++) {
        connect_client(&clients[i], port);
        watched[i] = (struct pollfd){.fd = clients[i].fd, .events = POLLIN};
        if (!send_message(&clients[i], first + i))
            fail("a new connection is closed");
    }
    while (left > 0) {
        while (shared->messages >= shared->pause)
            usleep(1000);
        if (CHECK(poll(watched, (nfds_t)count, 20000)) == 0)
            fail("%d clients wait in vain", left);
        for (int i = 0; i < count; i++) {
            if (watched[i].fd < 0 || watched[i].revents == 0)
                continue;
            bool goes_on = receive(&clients[i], first + i, messages);
            if (goes_on && clients[i].messages < messages)
                continue;
            if (goes_on)
                shared->complete++;
            else
                shared->reset++;
            CHECK(close(watched[i].fd));
            watched[i].fd = -1;
            left--;
        }
    }
}

_Noreturn static void run_clients(int connections, int messages, uint16_t port) {
    alarm(TEST_SECONDS);
    for (int first = 0; first < connections; first += ACTIVE)
        run_batch(first, connections - first < ACTIVE ? connections - first : ACTIVE, messages, port);
    _exit(0);
}

/* ---- The master ---- */

static int listen_on_loopback(uint16_t *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = CHECK(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address));
    CHECK(listen(listener, 512));
    CHECK(getsockname(listener, (struct sockaddr *)&address, &length));
    *port = ntohs(address.sin_port);
    return listener;
}

/* The worker that has accepted the most connections. */
static int busiest(void) {
    int most = 0;
    for (int i = 1; i < WORKERS; i++)
        if (shared->accepted[i] > shared->accepted[most])
            most = i;
    return most;
}

int main(int argc, char **argv) {
    int connections = argc > 2 ? atoi(argv[1]) : CONNECTIONS_DEFAULT;
    int messages = argc > 2 ? atoi(argv[2]) : MESSAGES_DEFAULT;
    pid_t workers[WORKERS + 1];
    uint16_t port;
    int status, victim, all = 0;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        skip("no shared memory");
    alarm(TEST_SECONDS + 5);
    shared->pause = connections * messages / 8 * 5; /* amid a batch, so that every worker may have connections */
    int listener = listen_on_loopback(&port);
    /* The master has a kqueue, too, from before the forks. */
    int kq = CHECK(kqueue());
    struct kevent event;
    change(kq, listener, EVFILT_READ, EV_ADD | EV_DISABLE, 0);
    change(kq, 1, EVFILT_TIMER, EV_ADD, 5);
    for (int i = 0; i < WORKERS; i++)
        workers[i] = start_worker(i, listener);
    pid_t clients = CHECK(fork());
    if (clients == 0)
        run_clients(connections, messages, port);

    /* In the midst of it one worker goes, which has taken some connections. */
    while (shared->messages < shared->pause) {
        if (collect(kq, &event, 1, 5000) != 1 || event.filter != EVFILT_TIMER)
            fail("the master's timer is lost");
        if (waitpid(clients, &status, WNOHANG) != 0)
            fail("the clients ended after %d messages, before a worker was killed", shared->messages);
    }
    victim = busiest();
    kill(workers[victim], SIGKILL);
    CHECK(waitpid(workers[victim], &status, 0));
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fail("a worker ended by itself");
    workers[WORKERS] = start_worker(WORKERS, listener);
    shared->pause = INT_MAX;

    CHECK(waitpid(clients, &status, 0));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail("the clients did not end well");
    for (int i = 0; i <= WORKERS; i++) {
        all += shared->accepted[i];
        if (i == victim)
            continue;
        if (waitpid(workers[i], &status, WNOHANG) != 0)
            fail("worker %d ended by itself", i);
        kill(workers[i], SIGKILL);
        CHECK(waitpid(workers[i], &status, 0));
    }
    printf("%d connections: %d complete, %d reset; accepted by the workers: %d %d %d %d, and %d; killed: %d\n",
           connections, shared->complete, shared->reset, shared->accepted[0], shared->accepted[1],
           shared->accepted[2], shared->accepted[3], shared->accepted[4], victim);
    if (shared->wrong != 0)
        fail("%d bytes are wrong", shared->wrong);
    if (shared->complete + shared->reset != connections || all < connections - 1)
        fail("connections are missing; %d were accepted", all);
    if (shared->reset > shared->accepted[victim])
        fail("more were reset than the killed worker had");
    if (collect(kq, &event, 1, 1000) != 1 || event.filter != EVFILT_TIMER)
        fail("the master's timer is lost");
    return 0;
}
