/*
 * Which descriptors are the library's, for a forked child to close.
 *
 * Everything else lies in memory that the child finds empty; these bits lie in
 * ordinary memory on purpose. All functions are async-signal-safe.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "include/kqueue_shims.h"

#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    WORD_BITS = 64,
    PAGE_WORDS = 512,
    PAGE_BITS = WORD_BITS * PAGE_WORDS,
    PAGES = INT_MAX / PAGE_BITS + 1,
};

typedef _Atomic uint64_t word;

/* The first page takes no memory that might be lacking: most programs need no other. */
static word first_page[PAGE_WORDS];
static _Atomic(word *) pages[PAGES]; /* but the first; see page_at() */
static atomic_int owner;         /* the process whose descriptors these are */
static atomic_int forking;       /* the process that forks at present */
static atomic_int highest_page;

/* The first is there without a pointer, which would have the whole list of pointers take room in the file. */
static word *page_at(int number) {
    return number == 0 ? first_page : atomic_load(&pages[number]);
}

static word *page_of(int descriptor, bool make) {
    _Atomic(word *) *place = &pages[descriptor / PAGE_BITS];
    word *page = page_at(descriptor / PAGE_BITS);
    if (page != NULL || !make)
        return page;
    word *fresh = mmap(NULL, PAGE_WORDS * sizeof(word), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fresh == MAP_FAILED)
        return NULL;
    if (!atomic_compare_exchange_strong(place, &page, fresh)) {
        munmap((void *)fresh, PAGE_WORDS * sizeof(word));
        return page;
    }
    int highest = atomic_load(&highest_page);
    while (highest < descriptor / PAGE_BITS &&
           !atomic_compare_exchange_weak(&highest_page, &highest, descriptor / PAGE_BITS))
        continue;
    return fresh;
}

static word *word_of(int descriptor, bool make) {
    word *page = descriptor < 0 ? NULL : page_of(descriptor, make);
    return page == NULL ? NULL : &page[descriptor % PAGE_BITS / WORD_BITS];
}

static uint64_t bit_of(int descriptor) {
    return UINT64_C(1) << descriptor % WORD_BITS;
}

bool kq_own(int descriptor) {
    word *word = word_of(descriptor, true);
    if (word != NULL)
        atomic_fetch_or(word, bit_of(descriptor));
    return word != NULL;
}

/* One that is not noted would be left open in a child, and not be closed with its kqueue. */
int kq_adopt(int descriptor) {
    if (descriptor < 0)
        return -errno;
    if (kq_own(descriptor))
        return descriptor;
    kq_close_descriptor(descriptor);
    return -ENOMEM;
}

static atomic_int lowest_inside = INT_MAX;
static atomic_uint lost;

static int own_inside(int descriptor) {
    int lowest = atomic_load(&lowest_inside);
    while (descriptor < lowest &&
           !atomic_compare_exchange_weak(&lowest_inside, &lowest, descriptor))
        continue;
    if (kq_owns(descriptor))
        kq_lose(descriptor); /* it was another's, and closed unseen */
    return kq_adopt(descriptor);
}

bool kq_is_inside(int descriptor) {
    return descriptor >= atomic_load_explicit(&lowest_inside, memory_order_relaxed) &&
           kq_owns(descriptor);
}

void kq_lose(int descriptor) {
    kq_disown(descriptor);
    kq_signals_lose(descriptor);
    atomic_fetch_add(&lost, 1);
}

void kq_lose_range(int first, int last) {
    int lowest = atomic_load(&lowest_inside);
    for (int p = (first > lowest ? first : lowest) / PAGE_BITS; p <= atomic_load(&highest_page); p++)
        for (int d = p * PAGE_BITS; page_at(p) != NULL && d < (p + 1) * PAGE_BITS; d++)
            if (d >= first && d <= last && kq_is_inside(d))
                kq_lose(d);
}

unsigned kq_lost(void) {
    return atomic_load_explicit(&lost, memory_order_relaxed);
}

void kq_disown(int descriptor) {
    word *word = word_of(descriptor, false);
    if (word != NULL)
        atomic_fetch_and(word, ~bit_of(descriptor));
}

bool kq_owns(int descriptor) {
    word *word = word_of(descriptor, false);
    return word != NULL && (atomic_load(word) & bit_of(descriptor)) != 0;
}

static bool is_connector(int descriptor) {
    enum { CONNECTOR = 11 };
    int value = 0;
    socklen_t size = sizeof value;
#ifdef __linux__
    return getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &value, &size) == 0 && value == AF_NETLINK &&
           getsockopt(descriptor, SOL_SOCKET, SO_PROTOCOL, &value, &size) == 0 && value == CONNECTOR;
#else
    return (void)descriptor, (void)size, value == CONNECTOR;
#endif
}

static bool is_mount_table(int descriptor) {
#ifdef __linux__
    enum { NAME = sizeof "/mountinfo" - 1, FOLDER = sizeof "/proc/self/fd/" - 1 };
    char room[32], target[64], *path = room + sizeof room - 1;
    *path = '\0';
    do /* snprintf is not for handlers */
        *--path = (char)('0' + descriptor % 10);
    while ((descriptor /= 10) > 0);
    path = memcpy(path - FOLDER, "/proc/self/fd/", FOLDER);
    ssize_t length = readlink(path, target, sizeof target);
    return length > NAME && memcmp(target + length - NAME, "/mountinfo", NAME) == 0;
#else
    return (void)descriptor, false;
#endif
}

/*
 * Pipes by their inodes, since a number may be a pipe of the program's by now; 0 is none.  The place
 * is the number of one of the descriptors, modulo what there is room for: another that has it is
 * left open in the child where it was closed unseen.
 */
enum { PIPES = 4096 };
static _Atomic uint64_t pipes[PIPES];

static uint64_t pipe_of(const struct stat *status) {
    return (uint64_t)status->st_ino * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)status->st_dev;
}

void kq_own_pipe(int descriptor) {
    struct stat status;
    if (fstat(descriptor, &status) == 0)
        atomic_store(&pipes[descriptor % PIPES], pipe_of(&status));
}

static bool is_own_pipe(const struct stat *status) {
    if (!S_ISFIFO(status->st_mode))
        return false;
    for (int place = 0; place < PIPES; place++)
        if (atomic_load(&pipes[place]) == pipe_of(status))
            return true;
    return false;
}

/*
 * Whether a number can be ours still where closes go unseen.  Most of ours are of no type that a file has, or of
 * one that programs have no use for; what cannot be told is taken for the program's.
 */
static bool is_our_kind(int descriptor) {
    struct stat status;
    return fstat(descriptor, &status) == 0 &&
           (kq_is_interposed() || (status.st_mode & S_IFMT) == 0 || is_own_pipe(&status) ||
            (S_ISSOCK(status.st_mode) && is_connector(descriptor)) ||
            (S_ISREG(status.st_mode) && is_mount_table(descriptor)));
}

bool kq_is_still_own(int descriptor) {
    return kq_owns(descriptor) && (kq_is_interposed() || is_our_kind(descriptor));
}

void kq_close_own(int descriptor) {
    if (kq_is_still_own(descriptor))
        kq_close_descriptor(descriptor);
    else
        kq_disown(descriptor);
}

void kq_close_temporary(int descriptor) {
    if (kq_owns(descriptor))
        kq_close_descriptor(descriptor);
}

static void close_in_child(int descriptor) {
    if (is_our_kind(descriptor))
        kq_close_descriptor(descriptor);
}

static void take_all(void (*each)(int)) {
    for (int p = 0; p <= atomic_load(&highest_page); p++) {
        word *page = page_at(p);
        for (int w = 0; page != NULL && w < PAGE_WORDS; w++) {
            uint64_t bits = atomic_load(&page[w]);
            if (bits != 0) /* in a forked child the kernel copies a page that is written to */
                bits = atomic_exchange(&page[w], 0);
            for (; bits != 0 && each != NULL; bits &= bits - 1)
                each(p * PAGE_BITS + w * WORD_BITS + __builtin_ctzll(bits));
        }
    }
}

void kq_own_start(void) {
    int process = kq_process();
    /* Bits of another process came through a fork that ran no handler. */
    if (atomic_exchange(&owner, process) != process)
        take_all(NULL);
}

/* glibc may run the handlers of two forks at a time. */
static pthread_mutex_t one_fork = PTHREAD_MUTEX_INITIALIZER;

void kq_own_prepare_fork(void) {
    pthread_mutex_lock(&one_fork);
    atomic_store(&forking, kq_process());
}

void kq_own_resume_parent(void) {
    pthread_mutex_unlock(&one_fork);
}

void kq_own_close_in_child(void) {
    one_fork = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER; /* it was taken by the parent's thread */
    take_all(atomic_load(&owner) == atomic_load(&forking) ? close_in_child : NULL);
}

/* High enough for programs that use low numbers, low enough for a small table in the kernel. */
enum { HIGHEST_BASE = 1024 };

static int duplicate_high(int descriptor) {
    struct rlimit limit;
    int high = fcntl(descriptor, F_DUPFD_CLOEXEC, HIGHEST_BASE);
    /* A low limit, or nearly no room above. */
    if (high < 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 2 < HIGHEST_BASE &&
        descriptor < (int)(limit.rlim_cur / 2))
        high = fcntl(descriptor, F_DUPFD_CLOEXEC, (int)(limit.rlim_cur / 2));
    return high;
}

int kq_move_high(int descriptor) {
    if (descriptor < 0)
        return descriptor;
    int high = descriptor < HIGHEST_BASE ? duplicate_high(descriptor) : descriptor;
    if (high == descriptor || high < 0)
        return own_inside(descriptor); /* the upper half may be full: a low number serves as well */
    high = own_inside(high);
    kq_close_descriptor(descriptor);
    return high;
}

int kq_duplicate_inside(int descriptor) {
    int duplicate = duplicate_high(descriptor);
    if (duplicate < 0)
        duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0); /* the upper half is full */
    if (duplicate < 0)
        return -errno;
    return own_inside(duplicate);
}
