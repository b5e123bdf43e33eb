/*
 * EVFILT_READ under EV_CLEAR on what hands out one item a read: a reader that
 * takes one, or as many as `data` says, hears of the rest, and of nothing that
 * it did not touch, C-346 and C-367.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "io.h"

#include <sched.h>
#include <stddef.h>
#include <sys/un.h>

#ifdef __linux__
#include <net/if.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

/* Of <linux/if_tun.h> and <linux/netlink.h>, which not every C library has beside it. */
#define TUNNEL_NAME _IOW('T', 202, int)
enum { TUNNEL = 1, BARE = 0x1000, USERS = 2 };
struct netlink_address {
    uint16_t family, unused;
    uint32_t port, groups;
};
struct netlink_message {
    uint32_t length;
    uint16_t type, flags;
    uint32_t sequence, port;
};
#endif

enum { MOST = 8 };

/* Something to read items from, and to put them into. */
struct source {
    int reader, writer;
    struct sockaddr_storage address;
    socklen_t length; /* of that, or 0: what is put there has arrived at once */
};

static void take_datagram(struct source *source) {
    char bytes[256];
    REQUIRE(recv(source->reader, bytes, sizeof bytes, MSG_DONTWAIT) >= 0);
}

/* Where the system hands packets to a thread, they take their time: what was put may arrive after a read of it. */
static int arrivals(void) {
    static int set = -1;
#ifdef __linux__
    if (set < 0)
        set = epoll_create1(EPOLL_CLOEXEC);
    REQUIRE(set >= 0);
#endif
    return set;
}

static void await_arrivals_at(int reader) {
#ifdef __linux__
    struct epoll_event edge = {.events = EPOLLIN | EPOLLET};
    REQUIRE(epoll_ctl(arrivals(), EPOLL_CTL_ADD, reader, &edge) == 0);
#endif
    (void)reader;
}

static void put_datagram(struct source *source, int size) {
    char bytes[256] = {0};
    REQUIRE_EQ(send(source->writer, bytes, (size_t)size, 0), size);
#ifdef __linux__
    struct epoll_event edge;
    if (source->length > 0)
        REQUIRE_EQ(epoll_wait(arrivals(), &edge, 1, 3000), 1);
#endif
}

static void open_internet(struct source *source, int family) {
    struct sockaddr_in in = loopback(0);
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    source->reader = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    source->writer = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (source->reader < 0)
        contract_skip("there is no such family");
    source->length = sizeof source->address;
    if (bind(source->reader, family == AF_INET ? (void *)&in : (void *)&in6,
             family == AF_INET ? sizeof in : sizeof in6))
        contract_skip("there is no loopback of the family");
    REQUIRE(getsockname(source->reader, (struct sockaddr *)&source->address, &source->length) == 0);
    REQUIRE(connect(source->writer, (struct sockaddr *)&source->address, source->length) == 0);
    await_arrivals_at(source->reader);
}

static void open_udp(struct source *source) { open_internet(source, AF_INET); }
static void open_udp6(struct source *source) { open_internet(source, AF_INET6); }

static void open_pair(struct source *source, int type) {
    int pair[2];
    REQUIRE(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) == 0);
    *source = (struct source){.reader = pair[0], .writer = pair[1]};
}

static void open_local(struct source *source) { open_pair(source, SOCK_DGRAM); }
static void open_packets(struct source *source) { open_pair(source, SOCK_SEQPACKET); }

typedef void (*opener)(struct source *source);
static const opener datagrams[] = {open_udp, open_udp6, open_local, open_packets};
enum { KINDS = sizeof datagrams / sizeof *datagrams };

/* The rest of a burst of which `taken` were taken comes, as events that each find something; then nothing. */
static void take_the_rest(int kq, struct source *source, int count, int step) {
    struct kevent event;
    int taken = 0;
    for (int rounds = 0; taken < count && rounds < 2 * MOST; rounds++) {
        REQUIRE_EQ(collect(kq, &event, 1, PATIENCE), 1);
        REQUIRE(event.ident == (uintptr_t)source->reader && event.filter == EVFILT_READ);
        for (int i = 0; i < step && taken < count; i++, taken++)
            take_datagram(source);
    }
    REQUIRE_EQ(taken, count);
    require_silent(kq);
}

static const int bursts[][5] = {
    {3, 3, 3, 3, 3}, {100, 1, 100, 1, 100}, {0, 3, 0, 3, 0}, {3, 0, 3, 0, 3}, {0, 0, 0, 0, 0}, {1, 1, 1, 1, 2},
};

static void rest_of_a_burst_is_told(void) {
    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t burst = 0; burst < sizeof bursts / sizeof *bursts; burst++) {
            struct source source;
            int kq = new_kqueue();
            datagrams[kind](&source);
            add_read(kq, source.reader, EV_CLEAR);
            for (int i = 0; i < 5; i++)
                put_datagram(&source, bursts[burst][i]);
            take_the_rest(kq, &source, 5, 1 + (int)burst % 2);
            put_datagram(&source, 1); /* and the next is told as ever */
            take_the_rest(kq, &source, 1, 1);
            close(kq);
            close(source.reader);
            close(source.writer);
        }
    }
}

/* A reader that counts bytes down from `data`. */
static void bytes_worth_of_data_then_the_rest(void) {
    for (int kind = 0; kind < KINDS; kind++) {
        struct source source;
        struct kevent event;
        int kq = new_kqueue(), got = 0;
        datagrams[kind](&source);
        add_read(kq, source.reader, EV_CLEAR);
        for (int i = 0; i < 5; i++)
            put_datagram(&source, i + 1);
        while (got < 5) {
            REQUIRE_EQ(collect(kq, &event, 1, PATIENCE), 1);
            for (long left = event.data; left > 0 && got < 5; got++) {
                char bytes[64];
                ssize_t size = recv(source.reader, bytes, sizeof bytes, MSG_DONTWAIT);
                REQUIRE(size > 0);
                left -= size;
            }
        }
        require_silent(kq);
    }
}

/* Of a datagram socket Linux tells how much waits by SO_MEMINFO, since 4.12; before, what is left is told again
   after a while. */
static void need_told_queues(void) {
    enum { MEMINFO = 55, WORDS = 9 };
    unsigned memory[WORDS];
    socklen_t size = sizeof memory;
    int pair[2];
    unix_pair(pair);
    if (!on_posix() && getsockopt(pair[0], SOL_SOCKET, MEMINFO, memory, &size) == -1)
        contract_skip("no SO_MEMINFO (Linux before 4.12): what waits in a datagram socket is not told");
}

static void untouched_is_not_told_again(void) {
    need_told_queues();
    for (int kind = 0; kind < KINDS; kind++) {
        struct source source;
        struct kevent event;
        int kq = new_kqueue();
        datagrams[kind](&source);
        add_read(kq, source.reader, EV_CLEAR);
        put_datagram(&source, 3);
        next_event(kq);
        require_silent(kq);
        put_datagram(&source, 3);
        next_event(kq);
        require_silent(kq);
        for (int i = 0; i < 20; i++)
            require_silent_for(kq, 0);
        take_datagram(&source);
        next_event(kq); /* one is left */
        require_silent(kq);
        if (!on_posix())
            REQUIRE_EQ(collect(kq, &event, 1, 2500), 0);
        take_datagram(&source);
        require_silent(kq);
    }
}

/* What was left is told once: nobody has touched it since. */
static void what_is_left_is_told_once(void) {
    struct source source;
    int kq = new_kqueue();
    open_udp(&source);
    add_read(kq, source.reader, EV_CLEAR);
    for (int i = 0; i < 4; i++)
        put_datagram(&source, 7);
    next_event(kq);
    for (int left = 3; left > 0; left--) {
        take_datagram(&source);
        next_event(kq);
        require_silent(kq);
    }
    take_datagram(&source);
    require_silent(kq);
}

/* A reader that took all for long, and once does not. */
static void one_who_took_all_and_then_does_not(void) {
    for (int kind = 0; kind < KINDS; kind++) {
        struct source source;
        int kq = new_kqueue();
        datagrams[kind](&source);
        add_read(kq, source.reader, EV_CLEAR);
        for (int i = 0; i < 100; i++) {
            put_datagram(&source, 6);
            next_event(kq);
            take_datagram(&source);
            if (i % 8 == 0)
                require_silent(kq);
        }
        for (int i = 0; i < 3; i++)
            put_datagram(&source, 6);
        take_the_rest(kq, &source, 3, 1);
    }
}

/* Among many, none is passed over. */
static void many_sockets_at_once(void) {
    enum { SOCKETS = 40 };
    struct source sources[SOCKETS];
    struct kevent events[SOCKETS];
    need_descriptors(200);
    int kq = new_kqueue();
    for (int i = 0; i < SOCKETS; i++) {
        open_udp(&sources[i]);
        change(kq, (uintptr_t)sources[i].reader, EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, &sources[i]);
        for (int n = 0; n < 3; n++)
            put_datagram(&sources[i], 5);
    }
    for (int taken = 0; taken < 3 * SOCKETS;) {
        int count = collect(kq, events, SOCKETS, 3000);
        REQUIRE(count > 0);
        taken += count;
        for (int i = 0; i < count; i++)
            take_datagram(events[i].udata);
    }
    require_silent(kq);
}

static void sleeper_hears_what_another_thread_leaves(void) {
    struct source source;
    struct waiter waiter;
    int kq = new_kqueue();
    open_udp(&source);
    add_read(kq, source.reader, EV_CLEAR);
    for (int i = 0; i < 3; i++)
        put_datagram(&source, 4);
    next_event(kq);
    start_waiter(&waiter, kq, 1, PATIENCE);
    if (on_posix()) /* What nobody touches is told again 200 ms later, perhaps before this thread runs. */
        sleep_ms(50);
    else
        park_waiter(&waiter);
    take_datagram(&source);
    join_waiter(&waiter);
    REQUIRE_EQ(waiter.result, 1);
    REQUIRE(waiter.ended - waiter.started < LATE);
}

static void poller_sees_what_is_left(void) {
    struct source source;
    struct kevent event;
    int kq = new_kqueue();
    posix_lacks("READ, WRITE, TIMER and VNODE make the kqueue readable only while a thread is in kevent()");
    need_told_queues();
    open_udp(&source);
    add_read(kq, source.reader, EV_CLEAR);
    put_datagram(&source, 4);
    put_datagram(&source, 4);
    next_event(kq);
    take_datagram(&source);
    await_poll(kq, POLLIN);
    REQUIRE_EQ(collect(kq, &event, 1, 0), 1);
    take_datagram(&source);
    REQUIRE_EQ(collect(kq, &event, 1, 0), 0);
    struct pollfd entry = {.fd = kq, .events = POLLIN};
    REQUIRE_EQ(poll(&entry, 1, 200), 0);
}

/* Once a call has found nothing, no clock makes the kqueue readable for what is gone. */
static void poller_is_not_told_of_what_was_read(void) {
    struct kevent event;
    posix_lacks("READ, WRITE, TIMER and VNODE make the kqueue readable only while a thread is in kevent()");
    for (int i = 0; i < KINDS; i++) {
        struct source source;
        int kq = new_kqueue();
        datagrams[i](&source);
        add_read(kq, source.reader, EV_CLEAR);
        put_datagram(&source, 4);
        put_datagram(&source, 4);
        next_event(kq);
        require_silent_for(kq, 0); /* nobody has touched them */
        take_datagram(&source);
        take_datagram(&source);
        REQUIRE_EQ(collect(kq, &event, 1, 0), 0);
        struct pollfd entry = {.fd = kq, .events = POLLIN};
        REQUIRE_EQ(poll(&entry, 1, 100), 0);
    }
}

/* What a datagram costs is counted with who sent it: nobody knows that any more when the sender has gone. */
static void gone_sender_is_no_news(void) {
    static const size_t sizes[] = {1, 1000, 3000, 20000};
    static const char bytes[20000];
    posix_lacks("READ, WRITE, TIMER and VNODE make the kqueue readable only while a thread is in kevent()");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct source source;
        int kq = new_kqueue();
        open_local(&source);
        add_read(kq, source.reader, EV_CLEAR);
        REQUIRE_EQ(send(source.writer, bytes, sizes[i], 0), sizes[i]);
        next_event(kq);
        close(source.writer);
        for (int j = 0; j < 3; j++)
            require_silent_for(kq, 0);
        close(kq);
    }
}

static void what_a_gone_sender_left_is_told(void) {
    struct source source;
    int kq = new_kqueue();
    open_local(&source);
    add_read(kq, source.reader, EV_CLEAR);
    for (int i = 0; i < 3; i++)
        put_datagram(&source, 200);
    next_event(kq);
    close(source.writer);
    for (int i = 0; i < 2; i++) {
        take_datagram(&source);
        next_event(kq);
    }
}

/* EV_DISPATCH asks anew by itself, and EV_ONESHOT ends. */
static void other_flags_go_on_as_ever(void) {
    struct source source;
    struct kevent event;
    int kq = new_kqueue();
    open_udp(&source);
    add_read(kq, source.reader, EV_CLEAR | EV_DISPATCH);
    for (int i = 0; i < 3; i++)
        put_datagram(&source, 4);
    next_event(kq);
    take_datagram(&source);
    REQUIRE_EQ(collect(kq, &event, 1, 300), 0);
    change(kq, (uintptr_t)source.reader, EVFILT_READ, EV_ENABLE, 0, 0, NULL);
    next_event(kq);
    REQUIRE(delete_knote(kq, (uintptr_t)source.reader, EVFILT_READ));
    add_read(kq, source.reader, EV_CLEAR | EV_ONESHOT);
    next_event(kq);
    take_datagram(&source);
    REQUIRE_EQ(collect(kq, &event, 1, 300), 0);
    REQUIRE(!delete_knote(kq, (uintptr_t)source.reader, EVFILT_READ));
}

static void closed_or_deleted_while_something_is_left(void) {
    for (int i = 0; i < 3; i++) {
        struct source source;
        int kq = new_kqueue();
        open_udp(&source);
        add_read(kq, source.reader, EV_CLEAR);
        put_datagram(&source, 4);
        put_datagram(&source, 4);
        next_event(kq);
        take_datagram(&source);
        if (i == 0)
            REQUIRE(delete_knote(kq, (uintptr_t)source.reader, EVFILT_READ));
        else if (i == 1)
            close(source.reader);
        else
            change(kq, (uintptr_t)source.reader, EVFILT_READ, EV_DISABLE, 0, 0, NULL);
        require_silent(kq);
        if (i == 2) {
            change(kq, (uintptr_t)source.reader, EVFILT_READ, EV_ENABLE, 0, 0, NULL);
            next_event(kq);
        }
        close(kq);
    }
}

/* A local server that hears from whoever likes: nobody tells its datagrams apart, so the rest may come late. */
static void strangers_datagrams_come_in_the_end(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = sizeof address;
    struct source source = {.reader = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0),
                            .writer = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    int kq = new_kqueue();
    REQUIRE(bind(source.reader, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path)) == 0);
    REQUIRE(getsockname(source.reader, (struct sockaddr *)&address, &length) == 0);
    REQUIRE(connect(source.writer, (struct sockaddr *)&address, length) == 0);
    add_read(kq, source.reader, EV_CLEAR);
    for (int i = 0; i < 3; i++)
        put_datagram(&source, 9);
    next_event(kq);
    require_silent(kq);
    take_datagram(&source);
    take_the_rest(kq, &source, 2, 1);
}

/* ---- Listeners ---- */

static int local_listener(int type, struct sockaddr_un *address, socklen_t *length) {
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    *length = sizeof *address;
    REQUIRE(bind(fd, (struct sockaddr *)address, offsetof(struct sockaddr_un, sun_path)) == 0);
    REQUIRE(getsockname(fd, (struct sockaddr *)address, length) == 0);
    REQUIRE(listen(fd, MOST) == 0);
    return fd;
}

static void accept_all(int kq, int listener, int count, bool exactly) {
    struct kevent event;
    int accepted = 0;
    while (accepted < count) {
        REQUIRE_EQ(collect(kq, &event, 1, PATIENCE), 1);
        if (exactly)
            REQUIRE_EQ(event.data, count);
        for (long i = 0; i < event.data; i++, accepted++)
            REQUIRE(accept(listener, NULL, NULL) >= 0);
    }
    require_silent(kq);
}

static void local_listener_says_how_many_wait(void) {
    const int types[] = {SOCK_STREAM, SOCK_SEQPACKET};
    for (int i = 0; i < 4; i++) {
        struct sockaddr_un address;
        socklen_t length;
        int type = types[i % 2], flags = i < 2 ? EV_CLEAR : 0, kq = new_kqueue();
        int listener = local_listener(type, &address, &length);
        add_read(kq, listener, flags);
        require_silent(kq);
        for (int n = 0; n < 4; n++)
            REQUIRE(connect(socket(AF_UNIX, type | SOCK_CLOEXEC, 0), (struct sockaddr *)&address, length) == 0);
        accept_all(kq, listener, 4, !on_posix());
    }
}

static void internet_listeners_say_how_many_wait(void) {
    enum { MPTCP = 262 };
    need_told_connections();
    const int protocols[] = {0, MPTCP};
    for (int i = 0; i < 2; i++) {
        struct sockaddr_in address = loopback(0);
        socklen_t length = sizeof address;
        int kq = new_kqueue(), listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocols[i]);
        if (listener < 0)
            continue; /* a kernel without */
        REQUIRE(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, MOST) == 0);
        REQUIRE(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
        add_read(kq, listener, EV_CLEAR);
        for (int n = 0; n < 4; n++)
            tcp_client(ntohs(address.sin_port));
        sleep_ms(50);
        accept_all(kq, listener, 4, !on_posix());
    }
}

/* ---- What is no socket ---- */

#ifdef __linux__
/* One signal a read. */
static void signals_are_told_one_by_one(void) {
    need_proc("what an eventfd, a signalfd or an inotify holds is told there alone");
    sigset_t set;
    struct signalfd_siginfo info;
    posix_lacks("what is left behind does not show");
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGRTMIN + 3);
    REQUIRE(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    int kq = new_kqueue(), fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    add_read(kq, fd, EV_CLEAR);
    require_silent(kq);
    raise(SIGUSR1);
    kill(getpid(), SIGUSR2);
    kill(getpid(), SIGRTMIN + 3);
    kill(getpid(), SIGRTMIN + 3);
    next_event(kq);
    require_silent(kq);
    for (int left = 3; left >= 0; left--) {
        REQUIRE_EQ(read(fd, &info, sizeof info), sizeof info);
        if (left > 0)
            next_event(kq);
        require_silent(kq);
    }
}

static void semaphore_counts(void) {
    need_proc("what an eventfd, a signalfd or an inotify holds is told there alone");
    uint64_t count = 3;
    int kq = new_kqueue(), fd = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK);
    posix_lacks("there are no eventfds");
    add_read(kq, fd, EV_CLEAR);
    REQUIRE_EQ(write(fd, &count, sizeof count), sizeof count);
    EXPECT(kq, fd, EV_ADD | EV_CLEAR, 0, 3);
    for (int i = 0; i < 3; i++)
        REQUIRE_EQ(read(fd, &count, sizeof count), sizeof count);
    require_silent(kq);
}

/* A buffer for one event takes one. */
static void inotify_events_are_told_on(void) {
    need_proc("what an eventfd, a signalfd or an inotify holds is told there alone");
    struct inotify_event event;
    char path[] = "/tmp/contract.XXXXXX";
    int kq = new_kqueue(), fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), file = mkstemp(path);
    posix_lacks("what is left behind does not show");
    if (fd < 0)
        contract_skip("no inotify: %s", strerror(errno));
    REQUIRE(file >= 0 && inotify_add_watch(fd, path, IN_MODIFY | IN_ATTRIB) >= 0);
    add_read(kq, fd, EV_CLEAR);
    put(file, "1");
    REQUIRE(fchmod(file, 0640) == 0);
    put(file, "2");
    next_event(kq);
    require_silent(kq);
    for (int left = 2; left >= 0; left--) {
        REQUIRE_EQ(read(fd, &event, sizeof event), sizeof event);
        if (left > 0)
            next_event(kq);
        require_silent(kq);
    }
    unlink(path);
}

static void message_queue_counts(void) {
    long attributes[8] = {0, 5, 16}; /* flags, messages, bytes of one */
    char name[32], bytes[16];
    posix_lacks("what is left behind does not show");
    snprintf(name, sizeof name, "contract-%d", (int)getpid());
    int queue = (int)syscall(SYS_mq_open, name, O_RDWR | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600, attributes);
    if (queue == -1)
        contract_skip("there are no message queues");
    syscall(SYS_mq_unlink, name);
    int kq = new_kqueue();
    add_read(kq, queue, EV_CLEAR);
    require_silent(kq);
    for (int i = 0; i < 3; i++)
        REQUIRE(syscall(SYS_mq_timedsend, queue, "one", 3, 0, NULL) == 0);
    EXPECT(kq, queue, EV_ADD | EV_CLEAR, 0, 3);
    for (int i = 0; i < 3; i++)
        REQUIRE_EQ(syscall(SYS_mq_timedreceive, queue, bytes, sizeof bytes, NULL, NULL), 3);
    require_silent(kq);
}

static void netlink_messages_are_told_one_by_one(void) {
    struct netlink_address to = {.family = AF_NETLINK};
    socklen_t length = sizeof to;
    struct source source = {.reader = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, USERS),
                            .writer = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, USERS)};
    struct netlink_message message = {.length = sizeof message};
    if (source.reader < 0 || bind(source.reader, (struct sockaddr *)&to, sizeof to) == -1)
        contract_skip("there is no netlink for users");
    REQUIRE(getsockname(source.reader, (struct sockaddr *)&to, &length) == 0);
    int kq = new_kqueue();
    add_read(kq, source.reader, EV_CLEAR);
    for (int i = 0; i < 3; i++)
        REQUIRE(sendto(source.writer, &message, sizeof message, 0, (struct sockaddr *)&to, sizeof to) > 0);
    take_the_rest(kq, &source, 3, 1);
}

/* Packets that the interface of a tunnel is to send come out of the device one a read. */
static void tunnel_packets_are_told_one_by_one(void) {
    struct ifreq interface = {.ifr_flags = TUNNEL | BARE};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
    char bytes[2048];
    posix_lacks("what is left behind does not show");
    if (unshare(CLONE_NEWNET) == -1)
        contract_skip("a network of its own is not to be had");
    int kq = new_kqueue(), fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    int sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, TUNNEL_NAME, &interface) == -1)
        contract_skip("tunnels are not to be had");
    memcpy(&interface.ifr_addr, &address, sizeof address);
    ((struct sockaddr_in *)&interface.ifr_addr)->sin_addr.s_addr = htonl(0x0a4d4101);
    REQUIRE(ioctl(sender, SIOCSIFADDR, &interface) == 0);
    ((struct sockaddr_in *)&interface.ifr_addr)->sin_addr.s_addr = htonl(0xffffff00);
    REQUIRE(ioctl(sender, SIOCSIFNETMASK, &interface) == 0);
    interface.ifr_flags = IFF_UP | IFF_RUNNING | IFF_NOARP;
    REQUIRE(ioctl(sender, SIOCSIFFLAGS, &interface) == 0);
    sleep_ms(300); /* the system's own packets */
    while (read(fd, bytes, sizeof bytes) > 0)
        continue;
    add_read(kq, fd, EV_CLEAR);
    address.sin_addr.s_addr = htonl(0x0a4d4102);
    for (int i = 0; i < 3; i++)
        REQUIRE_EQ(sendto(sender, "x", 1, 0, (struct sockaddr *)&address, sizeof address), 1);
    for (int i = 0; i < 3; i++) {
        next_event(kq);
        REQUIRE(read(fd, bytes, sizeof bytes) > 0);
    }
}
#endif

const struct contract_case read_item_cases[] = {
    {"C-346", "EV_CLEAR: the rest of a burst of datagrams is told", rest_of_a_burst_is_told, 60},
    {"C-346", "EV_CLEAR: so is it to who reads `data` bytes", bytes_worth_of_data_then_the_rest, 20},
    {"C-346", "EV_CLEAR: datagrams that nobody touched are not told again", untouched_is_not_told_again, 30},
    {"C-346", "EV_CLEAR: what is left is told once", what_is_left_is_told_once, 20},
    {"C-346", "EV_CLEAR: also to who took all before", one_who_took_all_and_then_does_not, 30},
    {"C-346", "EV_CLEAR: what is left in many sockets", many_sockets_at_once, 20},
    {"C-346", "EV_CLEAR: a sleeper hears what another thread leaves", sleeper_hears_what_another_thread_leaves, 0},
    {"C-346", "EV_CLEAR: the kqueue is readable for what is left", poller_sees_what_is_left, 0},
    {"C-351", "EV_CLEAR: nor for what was read", poller_is_not_told_of_what_was_read, 0},
    {"C-351", "EV_CLEAR: nor for a sender that has gone", gone_sender_is_no_news, 0},
    {"C-346", "EV_CLEAR: what is left of a sender that has gone", what_a_gone_sender_left_is_told, 0},
    {"C-346", "EV_DISPATCH and EV_ONESHOT with something left", other_flags_go_on_as_ever, 0},
    {"C-346", "a knote that goes while something is left", closed_or_deleted_while_something_is_left, 0},
    {"C-346", "a local server's datagrams of strangers", strangers_datagrams_come_in_the_end, 0},
    {"C-367", "a local listener says how many wait", local_listener_says_how_many_wait, 20},
    {"C-367", "so do listeners of TCP and MPTCP", internet_listeners_say_how_many_wait, 20},
#ifdef __linux__
    {"C-367", "EV_CLEAR: a signalfd's signals", signals_are_told_one_by_one, 0},
    {"C-367", "EV_CLEAR: a semaphore's count", semaphore_counts, 0},
    {"C-367", "EV_CLEAR: an inotify's events", inotify_events_are_told_on, 0},
    {"C-367", "EV_CLEAR: a message queue's messages", message_queue_counts, 0},
    {"C-367", "EV_CLEAR: netlink's messages", netlink_messages_are_told_one_by_one, 0},
    {"C-367", "EV_CLEAR: a tunnel's packets", tunnel_packets_are_told_one_by_one, 0},
#endif
    {NULL, NULL, NULL, 0},
};
