/*
 * Linux: the process connector, which tells of every fork, exec and exit.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "include/kqueue_shims_linux.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef KQUEUE_LIBCAP
#include <sys/capability.h>
#endif

/*
 * What the kernel's headers say, which not every C library comes with: those of
 * netlink, of its connector (a header of 20 bytes, of which the first two words
 * name the group), and of packet filters.
 */
struct address {
    uint16_t family, padding;
    uint32_t port, groups;
};
struct request {
    uint32_t length;
    uint16_t type, flags;
    uint32_t sequence, port;
    uint32_t group[2], group_sequence, acknowledged;
    uint16_t size, group_flags;
    uint32_t operation;
};
struct instruction {
    uint16_t code;
    uint8_t if_true, if_false;
    uint32_t value;
};
struct program {
    uint16_t length;
    struct instruction *instructions;
};

enum { CONNECTOR = 11, DONE = 3, LISTEN = 1, IGNORE = 2, GROUP = 1 };
enum { LOAD_WORD = 0x20, COPY_TO_X = 0x07, JUMP_IF_VALUE = 0x15, JUMP_IF_X = 0x1d, RETURN_VALUE = 0x06 };

/* Where a message has what. */
enum { WHAT = 36, DATA = WHAT + 16, MESSAGE = DATA + 24 };
enum { NOTHING = 0, FORK = 1, EXEC = 2, EXIT = (int)0x80000000 };

_Static_assert(sizeof(struct request) == WHAT + 4, "a message's header");

/* ---- The filter ---- */

static struct instruction load(int offset) {
    return (struct instruction){LOAD_WORD, 0, 0, (uint32_t)offset};
}

/* Words are loaded as the network has them. */
static struct instruction skip_unless(int value, int count) {
    return (struct instruction){JUMP_IF_VALUE, 0, (uint8_t)count, htonl((uint32_t)value)};
}

static struct instruction skip_if(uint32_t value, int count) {
    return (struct instruction){JUMP_IF_VALUE, (uint8_t)count, 0, htonl(value)};
}

static struct instruction pass(bool passes) {
    return (struct instruction){RETURN_VALUE, 0, 0, passes ? UINT32_MAX : 0};
}

/* Has two words of the message, such as a process's and a thread's number, be the same, or drops it. */
static int require_same(struct instruction *program, int one, int other) {
    program[0] = load(one);
    program[1] = (struct instruction){COPY_TO_X, 0, 0, 0};
    program[2] = load(other);
    program[3] = (struct instruction){JUMP_IF_X, 1, 0, 0};
    program[4] = pass(false);
    return 5;
}

static int require_among(struct instruction *program, int offset, const uint32_t *processes, int count) {
    int length = 0;
    program[length++] = load(offset);
    for (int i = 0; i < count; i++)
        program[length++] = skip_if(processes[i], count - i);
    program[length++] = pass(false);
    program[length++] = pass(true);
    return length;
}

/* A child's number is asked for as well: one that is born with a number ends what that was before. */
static int require_parent_or_child(struct instruction *program, const uint32_t *processes, int count) {
    int length = 0;
    program[length++] = load(DATA + 4);
    for (int i = 0; i < count; i++)
        program[length++] = skip_if(processes[i], 2 * count + 1 - i);
    return length + require_among(program + length, DATA + 12, processes, count);
}

static void detach(int descriptor) {
    int nothing = 0;
    (void)setsockopt(descriptor, SOL_SOCKET, SO_DETACH_FILTER, &nothing, sizeof nothing);
}

/* Without a filter everything passes, which is slower and not wrong; with an old one something could be missed. */
static void attach(int descriptor, struct instruction *program, int length) {
    struct program description = {(uint16_t)length, program};
    if (setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &description, sizeof description) != 0)
        detach(descriptor);
}

/* The kernel's answer alone: until it is known what is of interest, nothing is. */
static void pass_answer(int descriptor) {
    struct instruction program[] = {load(WHAT), skip_unless(NOTHING, 1), pass(true), pass(false)};
    attach(descriptor, program, sizeof program / sizeof *program);
}

void kq_connector_filter(int descriptor, const uint32_t *processes, int count) {
    struct instruction program[3 * KQ_FILTERED_PROCESSES + 32];
    int length = 0;
    if (kq_environment_says("KQUEUE_NO_FILTER")) { /* to measure what it spares */
        detach(descriptor);
        return;
    }
    program[length++] = load(WHAT);
    program[length++] = skip_unless(FORK, 5 + 2 * count + 4);
    length += require_same(program + length, DATA + 8, DATA + 12); /* a thread is no child */
    length += require_parent_or_child(program + length, processes, count);
    program[length++] = skip_unless(EXEC, count + 3);
    length += require_among(program + length, DATA + 4, processes, count);
    program[length++] = pass(false);
    attach(descriptor, program, length);
}

void kq_connector_pass_all(int descriptor) {
    struct instruction program[32];
    int length = 0;
    program[length++] = load(WHAT);
    program[length++] = skip_unless(FORK, 6);
    length += require_same(program + length, DATA + 8, DATA + 12);
    program[length++] = pass(true);
    program[length++] = skip_unless(EXIT, 6);
    length += require_same(program + length, DATA, DATA + 4); /* the first thread's */
    program[length++] = pass(true);
    program[length++] = skip_unless(EXEC, 1);
    program[length++] = pass(true);
    program[length++] = pass(false);
    attach(descriptor, program, length);
}

/* ---- Opening ---- */

static int bind_to_group(int descriptor) {
    struct address address = {.family = AF_NETLINK, .groups = GROUP};
    return bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : -errno;
}

static int ask(int descriptor, uint32_t operation) {
    struct request request = {.length = sizeof request, .type = DONE, .group = {GROUP, GROUP},
                              .size = sizeof operation, .operation = operation};
    return syscall(SYS_sendto, descriptor, &request, sizeof request, 0, NULL, 0) < 0 ? -errno : 0;
}

/*
 * The kernel answers within the call, or never: not to a process in a user or pid
 * namespace of its own, whose numbers of processes are not the connector's.
 */
static int listen_to_it(int descriptor) {
    struct kq_process_event events[KQ_PROCESS_EVENTS];
    int got, result = ask(descriptor, LISTEN), answer = -ENOTSUP;
    if (result < 0)
        return result;
    while ((got = kq_connector_read(descriptor, events, KQ_PROCESS_EVENTS)) > 0)
        for (int i = 0; i < got; i++)
            answer = events[i].status == 0 ? 0 : -events[i].status;
    return got < 0 ? got : answer;
}

/* Room for some thousand messages, where it may be had. */
static void make_room(int descriptor) {
    int bytes = 8 << 20;
    if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
        (void)setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

static int open_connector(void) {
    int descriptor = kq_adopt(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, CONNECTOR));
    if (descriptor < 0)
        return descriptor;
    make_room(descriptor);
    pass_answer(descriptor);
    int result = bind_to_group(descriptor);
    if (result == 0)
        result = listen_to_it(descriptor);
    if (result == 0)
        return descriptor;
    kq_close_descriptor(descriptor);
    return result == -ENOBUFS ? -ENOMEM : result;
}

/* ---- The capability ---- */

/* Whether it had to be raised, and has to be to end the listening. */
static atomic_int is_raised; /* not atomic_bool: see settings */

#ifdef KQUEUE_LIBCAP
static bool set_effective(cap_t state, cap_flag_value_t value) {
    cap_value_t capability = CAP_NET_ADMIN;
    return cap_set_flag(state, CAP_EFFECTIVE, 1, &capability, value) == 0 && cap_set_proc(state) == 0;
}

static bool is_permitted_alone(cap_t state) {
    cap_flag_value_t permitted = CAP_CLEAR, effective = CAP_CLEAR;
    return cap_get_flag(state, CAP_NET_ADMIN, CAP_PERMITTED, &permitted) == 0 && permitted == CAP_SET &&
           cap_get_flag(state, CAP_NET_ADMIN, CAP_EFFECTIVE, &effective) == 0 && effective == CAP_CLEAR;
}

/* No handler of the program's runs with more than the program has. */
static int with_capability(int (*act)(int), int descriptor) {
    int result = -EPERM;
    struct kq_wait_signals mask = kq_block_signals();
    cap_t state = cap_get_proc();
    if (state != NULL && is_permitted_alone(state) && set_effective(state, CAP_SET)) {
        result = act(descriptor);
        if (!set_effective(state, CAP_CLEAR))
            kq_bug("a capability was raised and cannot be lowered");
    }
    if (state != NULL)
        cap_free(state);
    kq_unblock_signals(mask);
    return result;
}
#else
static int with_capability(int (*act)(int), int descriptor) {
    (void)act, (void)descriptor;
    return -EPERM;
}
#endif

static int open_again(int none) {
    (void)none;
    return open_connector();
}

static int stop_listening(int descriptor) {
    return ask(descriptor, IGNORE);
}

/*
 * Before 6.6 the kernel wants CAP_NET_ADMIN of whoever opens the socket, binds it, asks
 * and ends the listening; where it is permitted and not in effect it is raised for these.
 */
int kq_connector(void) {
    if (kq_environment_says("KQUEUE_NO_CONNECTOR")) /* for the tests */
        return -ENOTSUP;
    int descriptor = open_connector();
    if (descriptor != -EPERM)
        return descriptor;
    descriptor = with_capability(open_again, -1);
    if (descriptor >= 0)
        atomic_store(&is_raised, true);
    return descriptor;
}

/* The kernel tells nobody while nobody listens, but before 6.6 it does not notice a listener's close. */
void kq_connector_close(int descriptor) {
    if (kq_is_still_own(descriptor) && (!atomic_load(&is_raised) || with_capability(stop_listening, descriptor) < 0))
        (void)stop_listening(descriptor);
    kq_close_own(descriptor);
}

/* ---- Reading ---- */

static uint32_t word(const char *message, int offset) {
    uint32_t value;
    memcpy(&value, message + offset, sizeof value);
    return value;
}

/* Whether a message is news of a process, as opposed to one of a thread's or something unknown. */
static bool decode(const char *message, size_t size, struct kq_process_event *event) {
    if (size < MESSAGE)
        return false;
    event->process = word(message, DATA + 4);
    memcpy(&event->time, message + DATA - sizeof event->time, sizeof event->time);
    switch ((int)word(message, WHAT)) {
    case NOTHING:
        event->what = KQ_PROCESS_ANSWER;
        event->status = (int)word(message, DATA);
        return true;
    case FORK:
        event->what = KQ_PROCESS_FORKED;
        event->child = word(message, DATA + 8);
        return event->child == word(message, DATA + 12);
    case EXEC:
        event->what = KQ_PROCESS_EXECED;
        return true;
    case EXIT:
        event->what = KQ_PROCESS_ENDED;
        event->status = (int)word(message, DATA + 8);
        return event->process == word(message, DATA);
    default:
        return false;
    }
}

/* At most as many messages as there is room for; < 0 where none could be had, 0 where there is none. */
static int receive(int descriptor, struct mmsghdr *messages, int count) {
    long got = syscall(SYS_recvmmsg, descriptor, messages, count, MSG_DONTWAIT, NULL);
    return got >= 0 ? (int)got : errno == EAGAIN ? 0 : -errno;
}

int kq_connector_read(int descriptor, struct kq_process_event *events, int count) {
    char texts[KQ_PROCESS_EVENTS][MESSAGE + 8];
    struct address senders[KQ_PROCESS_EVENTS];
    struct iovec places[KQ_PROCESS_EVENTS];
    struct mmsghdr messages[KQ_PROCESS_EVENTS];
    int got, written = 0;
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < KQ_PROCESS_EVENTS; i++) {
        places[i] = (struct iovec){texts[i], sizeof texts[i]};
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = &senders[i], .msg_namelen = sizeof senders[i], .msg_iov = &places[i], .msg_iovlen = 1};
    }
    /* As long as it is all of no interest, go on: 0 says that there is no more. */
    while (written == 0 &&
           (got = receive(descriptor, messages, count < KQ_PROCESS_EVENTS ? count : KQ_PROCESS_EVENTS)) != 0) {
        if (got < 0)
            return got;
        for (int i = 0; i < got; i++)
            /* From the kernel itself. */
            if (senders[i].port == 0 && decode(texts[i], messages[i].msg_len, &events[written]))
                written++;
    }
    return written;
}
#endif
