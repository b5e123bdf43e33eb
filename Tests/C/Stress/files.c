/*
 * VNODE: what is done to a file is told, all of it, and nothing else.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "load.h"

#include <sys/stat.h>

/* A mode that comes again between two samples shows in neither.  A sample is older than its event, at most by the modes
   that are given between two events, so twice as many are fewer than there are. */
enum { FILES_MAX = 24, MODES = 0777 + 1, MODES_BETWEEN_EVENTS = MODES / 2 - 1 };
static const unsigned watched_notes = NOTE_WRITE | NOTE_EXTEND | NOTE_ATTRIB;

struct file {
    struct source source;
    int fd, mode;
    unsigned untold; /* done, and no event has said so */
    unsigned done;   /* since the beginning */
    unsigned told;   /* events */
    unsigned modes;  /* given so far: none is given twice between two samples, which would show nothing */
    unsigned modes_when_told; /* how many were given when the last event came */
};

static int open_nameless(void) {
    const char *folder = getenv("TMPDIR");
    char path[256];
    snprintf(path, sizeof path, "%s/stress-XXXXXX", folder ? folder : "/tmp");
    int fd = mkostemp(path, O_CLOEXEC | O_APPEND);
    REQUIRE(fd >= 0);
    REQUIRE_EQ(unlink(path), 0);
    return fd;
}

static void open_file(struct source *source, struct random *random) {
    static const int modes[] = {EV_CLEAR, EV_CLEAR | EV_DISPATCH, EV_CLEAR | EV_ONESHOT};
    struct file *file = (struct file *)source;
    file->mode = modes[random_below(random, 3)];
    file->fd = open_nameless();
    file->modes = file->modes_when_told = 0600; /* as it is made */
    source->ident = (uintptr_t)file->fd;
    source->late = on_posix(); /* sampled */
    SOURCE_CHANGE(source, source->kq, EVFILT_VNODE, EV_ADD | file->mode, watched_notes, 0);
}

/* Books before doing, and under the lock, so that no event of it can be booked before. */
static void change_file(struct file *file, struct random *random) {
    pthread_mutex_lock(&file->source.lock);
    bool has_mode_left = file->modes - file->modes_when_told < MODES_BETWEEN_EVENTS;
    bool append = random_chance(random, 60) || !has_mode_left;
    unsigned notes = append ? NOTE_WRITE | NOTE_EXTEND : NOTE_ATTRIB;
    if (!(file->mode & EV_ONESHOT) || file->told == 0) {
        file->untold |= notes;
        file->done |= notes;
    }
    if (append)
        REQUIRE_EQ(write(file->fd, "line\n", 5), 5);
    else
        REQUIRE_EQ(fchmod(file->fd, ++file->modes % MODES), 0);
    pthread_mutex_unlock(&file->source.lock);
}

static void act_on_file(struct source *source, struct random *random) {
    if (random_chance(random, 3))
        source_retire(source);
    else
        change_file((struct file *)source, random);
}

static void told_file(struct source *source, const struct kevent *event, const struct collection *collection) {
    struct file *file = (struct file *)source;
    (void)collection;
    REQUIRE_EQ(event->filter, EVFILT_VNODE);
    if (event->fflags == 0 || (event->fflags & ~file->done && !on_posix())) /* a sample shows less and more */
        FAIL("file %d: told of 0x%x; what was done is 0x%x", file->fd, event->fflags, file->done);
    file->untold &= ~event->fflags;
    file->modes_when_told = file->modes;
    if (++file->told > 1 && file->mode & EV_ONESHOT)
        FAIL("file %d, EV_ONESHOT: told %u times", file->fd, file->told);
    if (file->mode & EV_ONESHOT)
        file->untold = 0;
    if (file->mode & EV_DISPATCH)
        SOURCE_CHANGE(source, source->kq, EVFILT_VNODE, EV_ENABLE, 0, 0);
}

static bool file_settled(const struct source *source) {
    return ((const struct file *)source)->untold == 0;
}

static void describe_file(const struct source *source, char *text, size_t size) {
    const struct file *file = (const struct file *)source;
    snprintf(text, size, "expected an event with fflags 0x%x; seen %u events, flags 0x%x", file->untold, file->told,
             (unsigned)file->mode);
}

/* The inode may be the next file's at once, under the same number: where closes go unseen nothing tells the two
   apart. */
static void close_file(struct source *source) {
    if (!closes_are_seen())
        (void)source_change(source, source->kq, EVFILT_VNODE, EV_DELETE, 0, 0);
    REQUIRE_EQ(close(((struct file *)source)->fd), 0);
}

const struct kind file_kind = {
    .name = "VNODE of file", .size = sizeof(struct file), .slots_max = FILES_MAX,
    .looked_at = true, /* inotify has word of a watch that went with its file */
    .open = open_file, .act = act_on_file, .told = told_file, .settled = file_settled,
    .describe = describe_file, .close = close_file,
};
