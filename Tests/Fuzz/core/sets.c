/*
 * The fake system's event sets. Each watches entries: a number, the file that it named then, a filter. What has
 * something to report stands in a queue, first come first; what stays true goes to its end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "kernel.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum source_kind { ENTRY_SOURCE, WAKE_SOURCE, MONOTONIC_SOURCE, REALTIME_SOURCE, FILES_SOURCE };

struct source {
    enum source_kind kind;
    struct source *next, *previous; /* in the queue, where next is not NULL */
};

struct entry {
    struct source source;
    struct fake_set *set;
    struct file *file; /* NULL: a signal or a process */
    uintptr_t ident;
    int filter, how;
    intptr_t limit;
    uint32_t index, generation;
    bool is_ghost;                /* no knote has it any more */
    long count;                   /* of signals */
    unsigned bits;                /* what happened to a file */
    int next_of_file, next_of_set, previous_of_set, next_free;
};

struct fake_set {
    bool is_open, is_woken_for_good;
    int number, attached, entries;
    struct file *file;
    struct source queue, wake, monotonic, realtime, files;
    uint64_t deadlines[2];
};

static struct fake_set sets[FAKE_SETS];
static struct entry entries[FAKE_ENTRIES];
static int used = 1, free_entry;

static _Noreturn void violate(const char *what) {
    fprintf(stderr, "the core broke a rule of its platform: %s\n", what);
    abort();
}

/* ---- The queue ---- */

static void unqueue(struct source *source) {
    if (source->next == NULL)
        return;
    source->previous->next = source->next;
    source->next->previous = source->previous;
    source->next = source->previous = NULL;
}

static void push(struct fake_set *set, struct source *source) {
    if (source->next == NULL) {
        source->previous = set->queue.previous;
        source->next = &set->queue;
        source->previous->next = source;
        set->queue.previous = source;
    }
    if (set->file != NULL && set->file->entries)
        fake_notify(set->file, EVFILT_READ);
}

static struct entry *entry_of(const struct source *source) {
    return (struct entry *)((char *)source - offsetof(struct entry, source));
}

static long room_of(const struct file *file) {
    return PIPE_ROOM - (file->peer ? file->peer->bytes : 0);
}

/* Limits are for sockets alone: 6.1. */
static bool is_ready(const struct entry *entry) {
    const struct file *file = entry->file;
    if (file->kind != SOCKET || entry->filter == EVFILT_EXCEPT)
        return fake_is_ready(file, entry->filter);
    if (entry->filter == EVFILT_WRITE)
        return file->write_over || room_of(file) >= entry->limit;
    return file->read_over || file->bytes >= entry->limit;
}

static bool is_due(const struct source *source) {
    if (source->kind != ENTRY_SOURCE)
        return true;
    const struct entry *entry = entry_of(source);
    if (entry->how & FAKE_OFF)
        return false;
    return entry->file == NULL || is_ready(entry);
}

bool fake_set_is_readable(const struct fake_set *set) {
    for (const struct source *source = set->queue.next; source != &set->queue; source = source->next)
        if (is_due(source))
            return true;
    return false;
}

/* ---- Entries ---- */

static int take_entry(void) {
    int place = free_entry ? free_entry : used;
    if (place == FAKE_ENTRIES)
        violate("entries that are never removed");
    if (free_entry)
        free_entry = entries[place].next_free;
    else
        used++;
    return place;
}

static void leave_file(int place) {
    struct file *file = entries[place].file;
    if (file == NULL)
        return;
    int *link = &file->entries;
    while (*link != place)
        link = &entries[*link].next_of_file;
    *link = entries[place].next_of_file;
}

static void settle_files(struct fake_set *set) {
    for (int place = set->entries; place; place = entries[place].next_of_set)
        if (entries[place].bits)
            return;
    unqueue(&set->files);
}

static void remove_entry(int place) {
    struct entry *entry = &entries[place];
    struct fake_set *set = entry->set;
    unqueue(&entry->source);
    leave_file(place);
    if (entry->previous_of_set)
        entries[entry->previous_of_set].next_of_set = entry->next_of_set;
    else
        entry->set->entries = entry->next_of_set;
    if (entry->next_of_set)
        entries[entry->next_of_set].previous_of_set = entry->previous_of_set;
    *entry = (struct entry){.next_free = free_entry};
    free_entry = place;
    if (set->files.next != NULL)
        settle_files(set);
}

static int add_entry(struct fake_set *set, struct entry entry) {
    int place = take_entry();
    entry.set = set;
    entry.next_of_set = set->entries;
    if (set->entries)
        entries[set->entries].previous_of_set = place;
    set->entries = place;
    if (entry.file != NULL) {
        entry.next_of_file = entry.file->entries;
        entry.file->entries = place;
    }
    entries[place] = entry;
    return place;
}

void fake_drop_entries(struct file *file) {
    while (file->entries)
        remove_entry(file->entries);
}

/* The entry that a knote has; NULL where its file is gone. */
static struct entry *find(struct fake_set *set, int place, uint32_t index, uint32_t generation) {
    struct entry *entry = &entries[place];
    bool is_its = entry->set == set && !entry->is_ghost && entry->index == index && entry->generation == generation;
    return is_its ? entry : NULL;
}

static void look(struct entry *entry) {
    if (is_due(&entry->source))
        push(entry->set, &entry->source);
}

static bool is_current(const struct entry *entry) {
    return fake_file_of((int)entry->ident) == entry->file;
}

/* ---- Sets ---- */

struct fake_set *fake_set_open(int *number) {
    struct file *file = fake_new_file(QUEUE_FILE);
    *number = file ? fake_take_number(file, 3) : -1;
    for (int place = 0; *number >= 0 && place < FAKE_SETS; place++) {
        struct fake_set *set = &sets[place];
        if (set->is_open)
            continue;
        *set = (struct fake_set){.is_open = true, .number = *number, .file = file};
        set->queue.next = set->queue.previous = &set->queue;
        set->wake.kind = WAKE_SOURCE, set->monotonic.kind = MONOTONIC_SOURCE;
        set->realtime.kind = REALTIME_SOURCE, set->files.kind = FILES_SOURCE;
        file->set = set;
        return set;
    }
    violate("kqueues that are never freed");
}

void fake_set_close(struct fake_set *set) {
    while (set->entries)
        remove_entry(set->entries);
    set->is_open = false;
}

int fake_set_attached(const struct fake_set *set) {
    return set->attached;
}

/* ---- What the core has watched ---- */

/* Whether one set watches another, over others or not. */
static bool reaches(const struct fake_set *from, const struct fake_set *to) {
    if (from == to)
        return true;
    for (int place = from->entries; place; place = entries[place].next_of_set) {
        const struct file *file = entries[place].file;
        if (file != NULL && file->kind == QUEUE_FILE && file->set->is_open && reaches(file->set, to))
            return true;
    }
    return false;
}

static int refuse(const struct fake_set *set, const struct file *file, int filter) {
    if (file == NULL)
        return EBADF;
    if (filter == EVFILT_PROCDESC)
        return EINVAL;
    if (file->kind == QUEUE_FILE)
        return filter != EVFILT_READ || file->set == set ? EINVAL : reaches(file->set, set) ? ELOOP : 0;
    if (filter == EVFILT_VNODE)
        return file->kind == PLAIN_FILE ? 0 : EINVAL;
    if (filter == EVFILT_EMPTY)
        return file->kind == SOCKET ? 0 : EINVAL;
    if (filter == EVFILT_WRITE && file->kind == WRITE_END && file->has_lost_peer)
        return EPIPE;
    return 0;
}

/* An entry of the same number and file that nobody has is taken over. */
static void take_over(struct fake_set *set, const struct entry *fresh) {
    int next;
    for (int place = set->entries; place; place = next) {
        const struct entry *entry = &entries[place];
        next = entry->next_of_set;
        if (entry->ident == fresh->ident && entry->file == fresh->file && entry->filter == fresh->filter)
            remove_entry(place);
    }
}

static bool is_known_process(uintptr_t ident) {
    return ident == FAKE_SELF || ident == FAKE_ZOMBIE || ident == (uintptr_t)fake_mortal();
}

int fake_attach(struct fake_set *set, uintptr_t ident, int filter, uint32_t index, uint32_t generation,
                struct fake_watch watch, bool *recorded) {
    struct entry entry = {.ident = ident, .filter = filter, .how = filter == EVFILT_PROC ? 0 : watch.how,
                          .limit = watch.limit, .index = index, .generation = generation};
    *recorded = filter == EVFILT_EMPTY;
    if (filter == EVFILT_SIGNAL) {
        if (ident < 1 || ident > 64)
            return -EINVAL;
    } else if (filter == EVFILT_PROC) {
        if (!is_known_process(ident))
            return -ESRCH;
    } else if (filter == EVFILT_FS) {
        return -EINVAL;
    } else {
        entry.file = fake_file_of((int)ident);
        int refusal = refuse(set, entry.file, filter);
        if (refusal != 0)
            return -refusal;
        take_over(set, &entry);
        *recorded |= entry.file->kind == PLAIN_FILE;
    }
    int place = add_entry(set, entry);
    set->attached++;
    if (filter == EVFILT_PROC ? ident == FAKE_ZOMBIE : entry.file != NULL && !*recorded)
        look(&entries[place]);
    return place;
}

int fake_update(struct fake_set *set, int place, uint32_t index, uint32_t generation, struct fake_watch watch) {
    struct entry *entry = find(set, place, index, generation);
    if (entry == NULL)
        return EBADF;
    if (entry->file != NULL && !is_current(entry))
        return EBADF;
    if (entry->filter == EVFILT_PROC)
        return 0;
    entry->how = watch.how;
    entry->limit = watch.limit;
    bool is_recorded = entry->filter == EVFILT_EMPTY || entry->filter == EVFILT_VNODE ||
                       (entry->file && entry->file->kind == PLAIN_FILE);
    if (!is_recorded && (entry->filter != EVFILT_SIGNAL || entry->count > 0))
        look(entry);
    return 0;
}

int fake_detach(struct fake_set *set, int place, uint32_t index, uint32_t generation) {
    set->attached--;
    struct entry *entry = find(set, place, index, generation);
    if (entry == NULL)
        return EBADF;
    if (entry->file != NULL && !is_current(entry)) {
        entry->is_ghost = true; /* it cannot be named any more */
        return EBADF;
    }
    remove_entry(place);
    return 0;
}

void fake_abandon(struct fake_set *set, int place, uint32_t index, uint32_t generation) {
    set->attached--;
    struct entry *entry = find(set, place, index, generation);
    if (entry != NULL)
        entry->is_ghost = true;
}

bool fake_is_current(struct fake_set *set, int place, uint32_t index, uint32_t generation) {
    struct entry *entry = find(set, place, index, generation);
    return entry != NULL && is_current(entry);
}

void fake_rearm(struct fake_set *set, int place, uint32_t index, uint32_t generation) {
    struct entry *entry = find(set, place, index, generation);
    if (entry == NULL || !(entry->how & FAKE_OFF))
        return;
    entry->how &= ~FAKE_OFF;
    look(entry);
}

static struct fake_sample look_to_write(const struct entry *entry) {
    const struct file *file = entry->file;
    if (file->kind == READ_END || file->kind == OTHER_FILE)
        return (struct fake_sample){.is_active = false};
    if (file->kind == PLAIN_FILE)
        return (struct fake_sample){.is_active = true};
    return (struct fake_sample){.is_active = is_ready(entry), .is_end = file->write_over, .data = room_of(file)};
}

struct fake_sample fake_look(struct fake_set *set, int place, uint32_t index, uint32_t generation) {
    const struct entry *entry = find(set, place, index, generation);
    if (entry == NULL || !is_current(entry))
        return (struct fake_sample){.is_gone = true};
    const struct file *file = entry->file;
    switch (entry->filter) {
        case EVFILT_WRITE: return look_to_write(entry);
        case EVFILT_EMPTY:
            return (struct fake_sample){.is_active = !file->peer || file->peer->bytes == 0, .is_end = file->write_over};
        case EVFILT_EXCEPT: return (struct fake_sample){.is_active = false};
    }
    if (file->kind == WRITE_END)
        return (struct fake_sample){.is_active = is_ready(entry), .is_end = is_ready(entry)};
    if (file->kind == QUEUE_FILE)
        return (struct fake_sample){.is_active = is_ready(entry), .data = 1};
    return (struct fake_sample){.is_active = is_ready(entry),
                                .is_end = file->read_over,
                                .data = file->kind == PLAIN_FILE ? file->bytes - file->offset : file->bytes};
}

long fake_take_count(struct fake_set *set, int place, uint32_t index, uint32_t generation) {
    struct entry *entry = find(set, place, index, generation);
    long count = entry ? entry->count : 0;
    if (entry)
        entry->count = 0;
    return count;
}

/* ---- Closed numbers ---- */

bool fake_forget(struct fake_set *set, int number) {
    const struct file *file = fake_file_of(number);
    int next, forgotten = 0;
    for (int place = set->entries; place; place = next) {
        next = entries[place].next_of_set;
        if (file != NULL && entries[place].file == file && entries[place].ident == (uintptr_t)number)
            remove_entry(place), forgotten++;
    }
    return forgotten > 0;
}

int fake_origin(struct fake_set *set, uint32_t index, uint32_t generation) {
    for (int place = set->entries; place; place = entries[place].next_of_set)
        if (entries[place].index == index && entries[place].generation == generation && entries[place].file)
            return (int)entries[place].ident;
    return -1;
}

bool fake_dismiss(struct fake_set *set, int number) {
    int next, dismissed = 0;
    for (int place = set->entries; place; place = next) {
        const struct entry *entry = &entries[place];
        next = entry->next_of_set;
        if (entry->is_ghost && entry->file && entry->ident == (uintptr_t)number && is_current(entry))
            remove_entry(place), dismissed++;
    }
    return dismissed > 0;
}

int fake_rebuild(struct fake_set *set, struct fake_report *reports, int room, bool has_waiters) {
    int next;
    for (int place = set->entries; place; place = next) {
        next = entries[place].next_of_set;
        if (entries[place].is_ghost || (entries[place].file && !is_current(&entries[place])))
            remove_entry(place);
    }
    int count = fake_poll_set(set, reports, room);
    if (has_waiters)
        fake_wake(set);
    return count;
}

/* ---- What happens ---- */

void fake_notify(struct file *file, int filter) {
    for (int place = file->entries; place; place = entries[place].next_of_file) {
        struct entry *entry = &entries[place];
        bool is_recorded = file->kind == PLAIN_FILE || entry->filter == EVFILT_EMPTY;
        if (entry->filter != filter || !entry->set->is_open)
            continue;
        if (!is_recorded)
            look(entry);
        else if (fake_is_ready(file, filter))
            entry->bits = 1, push(entry->set, &entry->set->files);
    }
}

void fake_happen(struct file *file, unsigned notes) {
    for (int place = file->entries; place; place = entries[place].next_of_file) {
        struct entry *entry = &entries[place];
        if (entry->filter != EVFILT_VNODE)
            continue;
        entry->bits |= notes;
        push(entry->set, &entry->set->files);
    }
}

static void for_idents(int filter, uintptr_t ident, int count) {
    for (struct fake_set *set = sets; set < sets + FAKE_SETS; set++)
        for (int place = set->is_open ? set->entries : 0; place; place = entries[place].next_of_set) {
            struct entry *entry = &entries[place];
            if (entry->filter != filter || entry->ident != ident)
                continue;
            entry->count += count;
            push(set, &entry->source);
        }
}

void fake_signal(int number) {
    for_idents(EVFILT_SIGNAL, (uintptr_t)number, 1);
}

void fake_process_ended(int process) {
    for_idents(EVFILT_PROC, (uintptr_t)process, 1);
}

/* ---- Time ---- */

static void note_time(struct fake_set *set) {
    struct source *timers[] = {&set->monotonic, &set->realtime};
    for (int clock = 0; clock < 2; clock++)
        if (set->deadlines[clock] != 0 && set->deadlines[clock] <= fake_time + (clock ? fake_epoch : 0)) {
            set->deadlines[clock] = 0;
            push(set, timers[clock]);
        }
}

void fake_advance(uint64_t nanoseconds) {
    fake_time += nanoseconds;
    for (struct fake_set *set = sets; set < sets + FAKE_SETS; set++)
        if (set->is_open)
            note_time(set);
}

void fake_arm(struct fake_set *set, bool is_realtime, uint64_t deadline) {
    unqueue(is_realtime ? &set->realtime : &set->monotonic);
    set->deadlines[is_realtime] = deadline;
    note_time(set);
}

void fake_wake(struct fake_set *set) {
    push(set, &set->wake);
}

void fake_take_back_wake(struct fake_set *set) {
    unqueue(&set->wake);
}

/* ---- Reports ---- */

static struct fake_report report_of(struct source *source, struct fake_set *set) {
    if (source->kind != ENTRY_SOURCE) {
        if (source->kind == WAKE_SOURCE && set->is_woken_for_good)
            push(set, source);
        return (struct fake_report){.kind = (uint32_t)source->kind};
    }
    struct entry *entry = entry_of(source);
    if (entry->file != NULL && !(entry->how & (FAKE_EDGE | FAKE_ONCE)))
        push(set, source);
    if (entry->file != NULL && entry->how & FAKE_ONCE)
        entry->how |= FAKE_OFF;
    return (struct fake_report){.kind = FAKE_KNOTE, .index = entry->index, .generation = entry->generation};
}

int fake_poll_set(struct fake_set *set, struct fake_report *reports, int room) {
    int count = 0, queued = 0;
    for (struct source *source = set->queue.next; source != &set->queue; source = source->next)
        queued++;
    for (; queued > 0 && count < room; queued--) {
        struct source *source = set->queue.next;
        unqueue(source);
        if (is_due(source))
            reports[count++] = report_of(source, set);
    }
    return count;
}

int fake_wait_set(struct fake_set *set, struct fake_report *reports, int room, int64_t nanoseconds) {
    uint64_t end = nanoseconds < 0 ? UINT64_MAX : fake_time + (uint64_t)nanoseconds;
    for (;;) {
        int count = fake_poll_set(set, reports, room);
        if (count > 0 || fake_time >= end)
            return count;
        uint64_t next = end;
        if (set->deadlines[0] != 0 && set->deadlines[0] < next)
            next = set->deadlines[0];
        if (set->deadlines[1] != 0 && set->deadlines[1] - fake_epoch < next)
            next = set->deadlines[1] - fake_epoch;
        if (next == UINT64_MAX)
            violate("a wait that nothing ends");
        fake_advance(next - fake_time);
    }
}

int fake_gather(struct fake_set *set, struct fake_happening *happenings, int room) {
    int count = 0;
    for (int place = set->entries; place; place = entries[place].next_of_set) {
        struct entry *entry = &entries[place];
        if (entry->bits == 0)
            continue;
        if (count == room)
            break;
        happenings[count++] = (struct fake_happening){entry->index, entry->generation, entry->bits};
        entry->bits = 0;
    }
    settle_files(set);
    return count;
}

void fake_set_renumber(struct fake_set *set, int number) {
    set->number = number;
}
