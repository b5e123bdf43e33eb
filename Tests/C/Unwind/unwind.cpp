// Destructors run where a thread is cancelled inside kevent(), and an exception passes the library's frames (C-361).
//
// SPDX-License-Identifier: BSD-2-Clause
#include <sys/event.h>

#include <cstdio>
#include <cstdlib>
#include <pthread.h>
#include <unistd.h>

namespace {

int kq;
int destroyed;

void require(bool condition, const char *what) {
    if (condition)
        return;
    std::fprintf(stderr, "%s\n", what);
    std::exit(1);
}

struct Witness {
    ~Witness() { destroyed++; }
};

int apply(uintptr_t ident, short filter, unsigned short flags, unsigned fflags, void *udata) {
    struct kevent entry;
    EV_SET(&entry, ident, filter, flags, fflags, 0, udata);
    return kevent(kq, &entry, 1, nullptr, 0, nullptr);
}

void *wait_below_two_witnesses(void *) {
    Witness outer;
    struct kevent event;
    {
        Witness inner;
        kevent(kq, nullptr, 0, &event, 1, nullptr);
    }
    return nullptr;
}

// Cancelled before it waits, or while it does: either way inside kevent(), the thread's only cancellation point.
void cancel(bool asleep) {
    pthread_t thread;
    void *result;
    destroyed = 0;
    require(pthread_create(&thread, nullptr, wait_below_two_witnesses, nullptr) == 0, "no thread");
    if (asleep)
        usleep(20000);
    require(pthread_cancel(thread) == 0, "pthread_cancel() failed");
    require(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED, "the thread was not cancelled");
    require(destroyed == 0 || destroyed == 2, "one destructor ran and the other did not");
    require(!asleep || destroyed == 2, "no destructor ran in a thread that was cancelled inside kevent()");
    struct kevent event;
    require(apply(1, EVFILT_USER, EV_ADD | EV_ONESHOT, NOTE_TRIGGER, nullptr) == 0,
            "EV_ADD failed after a cancellation");
    require(kevent(kq, nullptr, 0, &event, 1, nullptr) == 1 && event.ident == 1, "no event after a cancellation");
}

#ifdef NOTE_DEBUG_FUNC
void throw_up(const char *) { throw 42; }

bool throws_out_of_kevent() {
    Witness witness;
    try {
        apply(2, EVFILT_USER, EV_ADD, 0, nullptr);
    } catch (int number) {
        return number == 42;
    }
    return false;
}

void throw_through_the_library() {
    struct kevent entry;
    EV_SET(&entry, 0, EVFILT_LIBKQUEUE, EV_ADD, NOTE_DEBUG_FUNC, 0, reinterpret_cast<void *>(throw_up));
    require(kevent(kq, &entry, 1, nullptr, 0, nullptr) >= 0, "NOTE_DEBUG_FUNC was refused");
    destroyed = 0;
    EV_SET(&entry, 0, EVFILT_LIBKQUEUE, EV_ADD, NOTE_DEBUG, 1, nullptr);
    try {
        kevent(kq, &entry, 1, nullptr, 0, nullptr);
    } catch (int) {
    }
    require(throws_out_of_kevent(), "the exception of a NOTE_DEBUG_FUNC function did not arrive");
    require(destroyed == 1, "no destructor ran");
}
#endif

}  // namespace

int main() {
    alarm(60);
    kq = kqueue();
    require(kq >= 0, "no kqueue");
    for (int round = 0; round < 20; round++)
        cancel(round % 2 != 0);
#ifdef NOTE_DEBUG_FUNC
    throw_through_the_library();
#endif
    return 0;
}
