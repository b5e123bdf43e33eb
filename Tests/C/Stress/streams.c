/*
 * Bytes: every byte that is written is read exactly once, in order, by somebody
 * whom an event told of it. Nobody reads without an event. What may overtake
 * begins with its place, so that it is known wherever it comes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "load.h"

enum {
    UNREAD_MAX = 4096,   /* so that no buffer is ever full */
    CHUNK_MAX = 300,
    MESSAGE_MIN = 250,   /* and no queue of datagrams: some hold ten */
    MESSAGES_MAX = 8,
    MARK_MAX = 64,      /* of NOTE_LOWAT */
};

struct stream {
    struct source source;
    enum transport transport;
    int mode, reader, writer;
    unsigned mark;               /* NOTE_LOWAT, or 0 */
    bool disabled, duplex;       /* duplex: there is a knote of WRITE beside it */
    _Atomic uint64_t written, taken; /* bytes; an eventfd's counts */
    _Atomic uint64_t writes;     /* begun */
    uint64_t told, armed;        /* events; what else may make one: adding, enabling */
    uint64_t told_writable;
};

static uint8_t byte_at(uint64_t place) {
    return (uint8_t)(place * 31 + (place >> 8));
}

/* ---- Opening ---- */

static void add_reader(struct stream *stream, int more) {
    unsigned fflags = stream->mark ? NOTE_LOWAT : 0;
    SOURCE_CHANGE(&stream->source, stream->source.kq, EVFILT_READ, EV_ADD | stream->mode | more, fflags, stream->mark);
    stream->armed++;
}

static void open_pair(struct stream *stream, enum transport transport) {
    int pair[2];
    open_transport(transport, pair);
    stream->transport = transport;
    stream->reader = pair[0];
    stream->writer = pair[1];
    stream->source.ident = (uintptr_t)pair[0];
    stream->source.late = arrives_late(transport);
}

static bool can_be_marked(enum transport transport) {
    return transport == UNIX_STREAM || transport == TCP;
}

static void put_some(struct stream *stream, struct random *random);

/*
 * poll(2) does not say that as many bytes came as were told and taken: where another thread looks than the one that
 * was told, POSIX tells it a second later, which a single look does not wait for.
 */
static void choose_mode(struct stream *stream, struct random *random) {
    stream->mode = random_mode(random);
    if (on_posix() && stream->mode == EV_CLEAR)
        stream->source.late = true;
}

static void open_stream(struct source *source, struct random *random) {
    struct stream *stream = (struct stream *)source;
    enum transport transport = random_below(random, TRANSPORTS);
    if (transport == EVENTFD && on_posix())
        transport = PIPE; /* there are no eventfds */
    if (arrives_late(transport) && source->load->prompt_only)
        transport -= TCP - UNIX_STREAM;
    open_pair(stream, transport);
    choose_mode(stream, random);
    if (can_be_marked(transport) && random_chance(random, 30))
        stream->mark = random_between(random, 2, MARK_MAX);
    if (random_chance(random, 30))
        put_some(stream, random);
    source->lingers = (stream->mode & EV_CLEAR) != 0 && keeps_messages_apart(transport);
    add_reader(stream, 0);
}

static void open_duplex(struct source *source, struct random *random) {
    struct stream *stream = (struct stream *)source;
    open_pair(stream, random_chance(random, 50) || source->load->prompt_only ? UNIX_STREAM : TCP);
    choose_mode(stream, random);
    stream->duplex = true;
    source->lingers = true;
    bool reader_first = random_chance(random, 50);
    if (reader_first)
        add_reader(stream, 0);
    SOURCE_CHANGE(source, source->kq, EVFILT_WRITE, EV_ADD | EV_CLEAR, 0, 0);
    if (!reader_first)
        add_reader(stream, 0);
}

/* ---- Writing ---- */

static void put_count(struct stream *stream, uint64_t count) {
    stream->writes++;
    stream->written += count;
    REQUIRE_EQ(write(stream->writer, &count, sizeof count), sizeof count);
}

static void put_bytes(struct stream *stream, size_t count) {
    uint8_t bytes[CHUNK_MAX];
    uint64_t place = stream->written;
    for (size_t i = 0; i < count; i++)
        bytes[i] = byte_at(place + i);
    if (may_overtake(stream->transport))
        memcpy(bytes, &place, sizeof place);
    stream->writes++;
    stream->written += count;
    ssize_t put;
    do
        put = write(stream->writer, bytes, count);
    while (put == -1 && errno == EINTR);
    REQUIRE_EQ(put, count);
}

static void put_some(struct stream *stream, struct random *random) {
    bool messages = keeps_messages_apart(stream->transport);
    unsigned count = random_between(random, messages ? MESSAGE_MIN : 1, CHUNK_MAX);
    if (stream->written - stream->taken + count > (messages ? MESSAGES_MAX * MESSAGE_MIN : UNREAD_MAX))
        return;
    if (stream->transport == EVENTFD)
        put_count(stream, count);
    else
        put_bytes(stream, count);
}

/* A pause must leave no bytes below the mark, which nobody is told of. */
static void fill_to_mark(struct stream *stream) {
    uint64_t unread = stream->written - stream->taken;
    if (stream->mark != 0 && unread < stream->mark)
        put_bytes(stream, stream->mark);
}

/* ---- Changing ---- */

static void set_disabled(struct stream *stream, bool disabled) {
    pthread_mutex_lock(&stream->source.lock);
    int code = source_change(&stream->source, stream->source.kq, EVFILT_READ, disabled ? EV_DISABLE : EV_ENABLE, 0, 0);
    bool may_be_gone = stream->mode & EV_ONESHOT; /* with an event that waits for the lock */
    if (code != 0 && !(code == ENOENT && may_be_gone))
        FAIL("%s of descriptor %d, whose knote is there: %s", disabled ? "EV_DISABLE" : "EV_ENABLE", stream->reader,
             strerror(code));
    stream->armed++;
    stream->disabled = disabled;
    pthread_mutex_unlock(&stream->source.lock);
}

static void add_anew(struct stream *stream) {
    pthread_mutex_lock(&stream->source.lock);
    int code = source_change(&stream->source, stream->source.kq, EVFILT_READ, EV_DELETE, 0, 0);
    if (code != ENOENT || !(stream->mode & EV_ONESHOT))
        REQUIRE_EQ(code, 0);
    add_reader(stream, stream->disabled ? EV_DISABLE : 0);
    pthread_mutex_unlock(&stream->source.lock);
}

static void act_on_stream(struct source *source, struct random *random) {
    struct stream *stream = (struct stream *)source;
    unsigned choice = random_below(random, 100);
    if (choice < 4)
        source_retire(source);
    else if (choice < 8)
        set_disabled(stream, !stream->disabled);
    else if (choice < 10)
        add_anew(stream);
    else
        put_some(stream, random);
}

static void calm_stream(struct source *source) {
    struct stream *stream = (struct stream *)source;
    if (stream->disabled)
        set_disabled(stream, false);
    fill_to_mark(stream);
}

/* ---- Being told ---- */

static ssize_t read_once(struct stream *stream, uint8_t *bytes, size_t size) {
    ssize_t got;
    do
        got = read(stream->reader, bytes, size);
    while (got == -1 && errno == EINTR);
    if (got == 0)
        FAIL("descriptor %d, transport %d, of which the writer is open: an end was read", stream->reader,
             stream->transport);
    if (got < 0)
        REQUIRE_EQ(errno, EAGAIN);
    return got;
}

static void check_bytes(struct stream *stream, const uint8_t *bytes, size_t count) {
    uint64_t place = stream->taken;
    size_t first = 0;
    if (may_overtake(stream->transport)) {
        first = sizeof place;
        REQUIRE(count >= MESSAGE_MIN);
        memcpy(&place, bytes, sizeof place);
    }
    for (size_t i = first; i < count; i++)
        if (bytes[i] != byte_at(place + i))
            FAIL("descriptor %d, transport %d: byte %ju is 0x%02x, expected 0x%02x", stream->reader, stream->transport,
                 (uintmax_t)(place + i), bytes[i], byte_at(place + i));
    stream->taken += count;
    REQUIRE(stream->taken <= stream->written);
}

/* Takes everything, or of what is told again anyhow a little. */
static void take(struct stream *stream) {
    uint8_t bytes[512];
    bool little = stream->mode == 0 && !keeps_messages_apart(stream->transport) && stream->mark == 0;
    ssize_t got;
    do {
        got = read_once(stream, bytes, little && stream->transport != EVENTFD ? 100 : sizeof bytes);
        if (got > 0 && stream->transport == EVENTFD)
            stream->taken += *(uint64_t *)bytes;
        else if (got > 0)
            check_bytes(stream, bytes, (size_t)got);
    } while (got > 0 && !little);
}

/* Under EV_CLEAR an event needs something new: a write, or a change of the knote (C-147). */
static void require_news(struct stream *stream, const struct kevent *event) {
    bool tells_once = stream->mode & (EV_CLEAR | EV_ONESHOT | EV_DISPATCH);
    if (tells_once && !on_posix() && stream->told > stream->writes + stream->armed)
        FAIL("descriptor %d, flags 0x%x: expected at most %ju events of %ju writes; seen one more, data %jd",
             stream->reader, event->flags, (uintmax_t)(stream->writes + stream->armed), (uintmax_t)stream->writes,
             (intmax_t)event->data);
}

static void told_writable(struct stream *stream) {
    if (++stream->told_writable > 1 && !on_posix())
        FAIL("descriptor %d: WRITE under EV_CLEAR, where nothing was written, is told %ju times", stream->reader,
             (uintmax_t)stream->told_writable);
}

static void enable_again(struct stream *stream) {
    SOURCE_CHANGE(&stream->source, stream->source.kq, EVFILT_READ, EV_ENABLE, 0, 0);
    stream->armed++;
}

static void told_stream(struct source *source, const struct kevent *event, const struct collection *collection) {
    struct stream *stream = (struct stream *)source;
    (void)collection;
    if (event->filter == EVFILT_WRITE) {
        REQUIRE(stream->duplex);
        told_writable(stream);
        return;
    }
    REQUIRE_EQ(event->filter, EVFILT_READ);
    stream->told++;
    require_news(stream, event);
    take(stream);
    if (stream->mode & EV_ONESHOT)
        add_reader(stream, stream->disabled ? EV_DISABLE : 0);
    else if (stream->mode & EV_DISPATCH && !stream->disabled)
        enable_again(stream);
}

static bool stream_settled(const struct source *source) {
    const struct stream *stream = (const struct stream *)source;
    return stream->written == stream->taken && (!stream->duplex || stream->told_writable > 0);
}

static void describe_stream(const struct source *source, char *text, size_t size) {
    const struct stream *stream = (const struct stream *)source;
    snprintf(text, size, "expected all %ju written bytes to be read, seen %ju; transport %d, flags 0x%x, mark %u, "
             "%ju events, told writable %ju times%s", (uintmax_t)stream->written, (uintmax_t)stream->taken,
             stream->transport, (unsigned)stream->mode, stream->mark, (uintmax_t)stream->told,
             (uintmax_t)stream->told_writable, stream->disabled ? ", disabled" : "");
}

/* Without EV_DELETE; a duplicate may keep the file open until the slot's next close. */
static void close_stream(struct source *source) {
    struct stream *stream = (struct stream *)source;
    struct slot *slot = source->slot;
    if (slot->copy != -1)
        REQUIRE_EQ(close(slot->copy), 0);
    slot->copy = -1;
    unsigned way = (unsigned)(stream->written + stream->writes);
    if (way % 3 == 0)
        REQUIRE((slot->copy = fcntl(stream->reader, F_DUPFD_CLOEXEC, 0)) >= 0);
    close_somehow(way & 8 ? stream->reader : stream->writer, way % CLOSE_WAYS);
    close_somehow(way & 8 ? stream->writer : stream->reader, way / 8 % CLOSE_WAYS);
}

const struct kind stream_kind = {
    .name = "stream", .size = sizeof(struct stream), .open = open_stream, .act = act_on_stream,
    .calm = calm_stream, .told = told_stream, .settled = stream_settled,
    .describe = describe_stream, .close = close_stream,
};

const struct kind duplex_kind = {
    .name = "socket with READ and WRITE", .size = sizeof(struct stream), .open = open_duplex,
    .act = act_on_stream, .calm = calm_stream, .told = told_stream, .settled = stream_settled,
    .describe = describe_stream, .close = close_stream,
};
