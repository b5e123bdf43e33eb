/*
 * Who listens to which signals, by a pipe or by a set with a signalfd. Places are taken and given up without a lock, as
 * handlers read them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "listeners.h"

#include "include/kqueue_shims_posix.h"

#include <stdatomic.h>
#include <sys/stat.h>

enum { PAGES = 256, PAGE_PLACES = 128, WORDS = 2, WORD_BITS = 64 };

struct listener {
    atomic_int descriptor; /* + 1; 0 is free */
    _Atomic uint64_t signals[WORDS];
};

static _Atomic(struct listener *) pages[PAGES];
static atomic_int telling; /* handlers that may be about to write */

static struct listener *place_of(int place) {
    struct listener *page = atomic_load(&pages[place / PAGE_PLACES]);
    return page == NULL ? NULL : &page[place % PAGE_PLACES];
}

/* Memory that a child inherits: it has to find there what it is to forget. */
static bool make_page(int number) {
    struct listener *page = NULL, *fresh;
    if (atomic_load(&pages[number]) != NULL)
        return true;
    fresh = kq_map_inherited(PAGE_PLACES * sizeof *fresh);
    if (fresh != NULL && !atomic_compare_exchange_strong(&pages[number], &page, fresh))
        kq_unmap(fresh, PAGE_PLACES * sizeof *fresh);
    return fresh != NULL;
}

int kq_listen(int descriptor) {
    for (int place = 0; place < PAGES * PAGE_PLACES; place++) {
        int none = 0;
        if (!make_page(place / PAGE_PLACES))
            return -ENOMEM;
        if (atomic_compare_exchange_strong(&place_of(place)->descriptor, &none, descriptor + 1))
            return place;
    }
    return -ENOMEM;
}

void kq_listen_to(int place, int number, bool listens) {
    uint64_t bit = UINT64_C(1) << number % WORD_BITS;
    if (listens)
        atomic_fetch_or(&place_of(place)->signals[number / WORD_BITS], bit);
    else
        atomic_fetch_and(&place_of(place)->signals[number / WORD_BITS], ~bit);
}

static void clear(struct listener *listener) {
    for (int word = 0; word < WORDS; word++)
        atomic_store(&listener->signals[word], 0);
    atomic_store(&listener->descriptor, 0);
}

void kq_listen_no_more(int place) {
    enum { TRIES = 20000 };
    clear(place_of(place));
    /* Until no handler is about to write to what is going to be closed; a handler never takes so long. */
    for (int i = 0; i < TRIES && atomic_load(&telling) != 0; i++)
        kq_pause();
}

void kq_tell(int descriptor) {
    struct stat status;
    if (!kq_is_inside(descriptor))
        return;
    if (kq_is_interposed() || (fstat(descriptor, &status) == 0 && S_ISFIFO(status.st_mode)))
        (void)kq_pipe_signal(descriptor);
}

void kq_tell_listeners(int number) {
    atomic_fetch_add(&telling, 1);
    for (int place = 0; place < PAGES * PAGE_PLACES; place++) {
        struct listener *listener = place_of(place);
        if (listener == NULL)
            break;
        uint64_t signals = atomic_load(&listener->signals[number / WORD_BITS]);
        int descriptor = atomic_load(&listener->descriptor) - 1;
        if (descriptor >= 0 && (signals >> number % WORD_BITS & 1) != 0)
            kq_tell(descriptor);
    }
    atomic_fetch_sub(&telling, 1);
}

void kq_each_listener(void (*act)(int descriptor)) {
    atomic_fetch_add(&telling, 1);
    for (int place = 0; place < PAGES * PAGE_PLACES; place++) {
        struct listener *listener = place_of(place);
        if (listener == NULL)
            break;
        int descriptor = atomic_load(&listener->descriptor) - 1;
        if (descriptor >= 0 && kq_is_still_own(descriptor))
            act(descriptor);
    }
    atomic_fetch_sub(&telling, 1);
}

void kq_forget_listeners(void) {
    struct listener *listener;
    for (int place = 0; place < PAGES * PAGE_PLACES && (listener = place_of(place)) != NULL; place++)
        clear(listener);
    atomic_store(&telling, 0);
    kq_forget_children();
}
