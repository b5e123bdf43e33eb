/*
 * A program that is not linked with the library loads it, in each way that there is, and in two copies. Its close() and
 * sigaction() are libc's.
 *
 *   loaded-test LIBRARY
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "life-program.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>

struct library {
    int (*kqueue)(void);
    int (*kevent)(int, const struct kevent *, int, struct kevent *, int, const struct timespec *);
    int kq;
};

static struct library found(void *handle) {
    struct library library = {.kq = -1};
    if (handle == NULL)
        fail("%s", dlerror());
    *(void **)&library.kqueue = dlsym(handle, "kqueue");
    *(void **)&library.kevent = dlsym(handle, "kevent");
    if (library.kqueue == NULL || library.kevent == NULL)
        fail("no kqueue() or kevent() in it");
    library.kq = CHECK(library.kqueue());
    return library;
}

/* What kevent() gives back of one change, or at once. */
static int ask(const struct library *library, int ident, int filter, int flags, unsigned fflags, struct kevent *event) {
    struct kevent entry;
    EV_SET(&entry, ident, filter, flags, fflags, 0, NULL);
    return library->kevent(library->kq, &entry, flags != 0, event, event != NULL, &(struct timespec){0, 0});
}

/* ---- One copy, however it was loaded ---- */

struct waiter {
    const struct library *library;
    int result, error;
    atomic_bool has_ended;
};

static void *wait_until_it_is_closed(void *argument) {
    struct waiter *waiter = argument;
    struct kevent event;
    waiter->result = waiter->library->kevent(waiter->library->kq, NULL, 0, &event, 1, NULL);
    waiter->error = errno;
    waiter->has_ended = true;
    return NULL;
}

/* A file's number is another's; the former has unread bytes, and is open by another number. */
static void a_number_is_used_again(const struct library *library, const char *way) {
    int sockets[2], pipes[2];
    struct kevent event;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
    CHECK(ask(library, sockets[0], EVFILT_READ, EV_ADD, 0, NULL));
    CHECK(write(sockets[1], "abc", 3));
    if (ask(library, 0, 0, 0, 0, &event) != 1)
        fail("%s: no event", way);
    int other = CHECK(dup(sockets[0]));
    CHECK(close(sockets[0]));
    CHECK(pipe(pipes));
    CHECK(write(pipes[1], "more", 4));
    if (pipes[0] != sockets[0])
        fail("%s: another number than was closed", way);
    if (ask(library, 0, 0, 0, 0, &event) != 0)
        fail("%s: an event of a file that was not registered", way);
    close(pipes[0]), close(pipes[1]), close(sockets[1]), close(other);
}

/* `error`: what a thread finds in errno that waits in a kqueue which is closed; a library of dlmopen(3) has another. */
static void load(void *handle, const char *way, int error) {
    struct library library = found(handle);
    struct kevent event;
    if (ask(&library, 0, EVFILT_LIBKQUEUE, EV_ADD, NOTE_INTERPOSED, &event) != 1 || event.data != 0)
        fail("%s: it believes that it sees what the program closes", way);
    a_number_is_used_again(&library, way);

    struct waiter waiter = {.library = &library};
    pthread_t thread;
    if (pthread_create(&thread, NULL, wait_until_it_is_closed, &waiter) != 0)
        fail("no thread");
    usleep(50000);
    CHECK(close(library.kq));
    for (double end = now_ms() + 20000; !waiter.has_ended && now_ms() < end;)
        usleep(1000);
    if (!waiter.has_ended || waiter.result != -1 || waiter.error != error)
        fail("%s: a thread that waits in a closed kqueue: %s, errno %d", way, waiter.has_ended ? "done" : "waits on",
             waiter.error);
    pthread_join(thread, NULL);
}

/* ---- Two copies that watch one signal ---- */

static volatile sig_atomic_t runs;

static void note_run(int number) {
    (void)number;
    if (++runs > 1000)
        fail("two copies call each other without end");
}

static bool watches[2];

static void watch_or_not(const struct library *copies, int one) {
    CHECK(ask(&copies[one], SIGUSR1, EVFILT_SIGNAL, watches[one] ? EV_DELETE : EV_ADD, 0, NULL));
    watches[one] = !watches[one];
}

static void deliver(const struct library *copies, int step) {
    runs = 0;
    CHECK(raise(SIGUSR1));
    if (runs != 1)
        fail("step %d: the program's handler ran %d times", step, (int)runs);
    for (int one = 0; one < 2; one++) {
        struct kevent event = {.data = 0};
        CHECK(ask(&copies[one], 0, 0, 0, 0, &event));
        if (event.data != watches[one])
            fail("step %d: copy %d counts %d, wanted %d", step, one, (int)event.data, watches[one]);
    }
}

static struct library copy(const char *library, const char *folder, int number) {
    char command[8192], name[4096];
    snprintf(name, sizeof name, "%s/%d.so", folder, number);
    snprintf(command, sizeof command, "cp '%s' '%s'", library, name);
    if (system(command) != 0)
        fail("%s", command);
    struct library made = found(dlopen(name, RTLD_NOW | RTLD_LOCAL));
    unlink(name);
    return made;
}

/* In every order, by chance: the copies stand in front of each other's handlers, many times over. */
static void load_two(const char *library) {
    char folder[] = "/tmp/loaded-test.XXXXXX";
    if (mkdtemp(folder) == NULL)
        fail("no folder");
    struct library copies[2] = {copy(library, folder, 0), copy(library, folder, 1)};
    rmdir(folder);
    signal(SIGUSR1, note_run);
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    for (int step = 0; step < 3000; step++) {
        int deed = rand_r(&seed) % 3;
        if (deed < 2)
            watch_or_not(copies, deed);
        else
            deliver(copies, step);
    }
}

int main(int count, char **arguments) {
    if (count < 2)
        fail("which library?");
    alarm(120);
    load(dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL), "dlopen", EBADF);
#ifdef RTLD_DEEPBIND
    load(dlopen(arguments[1], RTLD_NOW | RTLD_DEEPBIND), "with RTLD_DEEPBIND", EBADF);
#endif
    load_two(arguments[1]);
#ifdef LM_ID_NEWLM
    load(dlmopen(LM_ID_NEWLM, arguments[1], RTLD_NOW), "dlmopen", 0);
#endif
    return 0;
}
