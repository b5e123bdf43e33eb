/*
 * Who closes in a descriptor table of its own, or in a program with more rights than its user.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "process.h"

#include <sys/auxv.h>

/* A kqueue with a knote, and who closes both in a table of its own. */
struct own_table {
    int kq, inner, pair[2];
    int way;
    bool is_done;
};

enum { CLOSES, REPLACES, CLOSES_A_RANGE, CLOSES_ALL_FROM, WAYS };

static void close_them(const struct own_table *own) {
    int first = own->kq < own->pair[0] ? own->kq : own->pair[0];
    switch (own->way) {
    case CLOSES:
        close(own->pair[0]);
        close(own->inner);
        close(own->kq);
        break;
    case REPLACES:
        dup2(own->pair[1], own->pair[0]);
        dup2(own->pair[1], own->inner);
        dup2(own->pair[1], own->kq);
        break;
    case CLOSES_A_RANGE: close_range((unsigned)first, ~0u, 0); break;
    case CLOSES_ALL_FROM: closefrom(first); break;
    }
}

static void open_table(struct own_table *own, int way) {
    *own = (struct own_table){.kq = new_kqueue(), .inner = new_kqueue(), .way = way};
    new_pipe(own->pair);
    add_read(own->kq, own->pair[0], 0);
    add_read(own->kq, own->inner, 0);
    add_user(own->inner, 1, EV_CLEAR);
}

/* What the others closed is here as it was. */
static void require_untouched(const struct own_table *own) {
    require_silent(own->kq);
    put(own->pair[1], "abc");
    EXPECT(own->kq, own->pair[0], EV_ADD, 0, 3);
    take(own->pair[0], 3);
    trigger(own->inner, 1);
    REQUIRE_EQ(next_event(own->kq).ident, own->inner);
    REQUIRE_EQ(next_event(own->inner).ident, 1);
    require_silent(own->kq);
    REQUIRE_EQ(close(own->pair[0]), 0); /* which is seen as ever */
    REQUIRE_NO_KNOTE(own->kq, own->pair[0], EVFILT_READ, EBADF);
    REQUIRE_EQ(close(own->pair[1]), 0);
    REQUIRE_EQ(close(own->inner), 0);
    REQUIRE_EQ(close(own->kq), 0);
}

static void *close_in_an_own_table(void *argument) {
    struct own_table *own = argument;
    if (unshare(CLONE_FILES) == -1)
        return NULL;
    close_them(own);
    own->is_done = true;
    return NULL;
}

static void threads_with_tables_of_their_own(void) {
    for (int way = 0; way < WAYS; way++) {
        struct own_table own;
        open_table(&own, way);
        join_thread(start_thread(close_in_an_own_table, &own));
        if (!own.is_done)
            contract_skip("unshare(CLONE_FILES) is refused");
        require_untouched(&own);
    }
}

static void *close_a_range_unshared(void *argument) {
    struct own_table *own = argument;
    own->is_done = close_range(3, ~0u, CLOSE_RANGE_UNSHARE) == 0;
    return NULL;
}

static void close_range_unshare(void) {
    struct own_table own;
    open_table(&own, CLOSES_A_RANGE);
    join_thread(start_thread(close_a_range_unshared, &own));
    if (!own.is_done)
        contract_skip("no close_range()");
    require_untouched(&own);
}

static int close_in_a_child(void *argument) {
    close_them(argument);
    _exit(0);
}

/* Children that share this memory, and not the table. */
static void close_in_children(int flags) {
    for (int way = 0; way < WAYS; way++) {
        static char stack[1 << 16] __attribute__((aligned(16)));
        struct own_table own;
        open_table(&own, way);
        pid_t child = clone(close_in_a_child, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD | flags, &own);
        if (child == -1)
            contract_skip("clone() is refused");
        finish_child(child);
        require_untouched(&own);
    }
}

static void processes_that_share_memory(void) { close_in_children(0); }

/* The next child is the first of a namespace of process numbers. */
static void begin_namespace(void) {
    if (sanitized())
        contract_skip("a leak checker cannot look at what has its children elsewhere");
    if (unshare(CLONE_NEWPID) == -1)
        contract_skip("no namespace of process numbers without more rights");
}

/* Both are number 1, each of its own namespace. */
static void number_one_and_a_child_that_is_another(void) {
    begin_namespace();
    pid_t first = fork();
    if (first == 0) {
        REQUIRE_EQ(getpid(), 1);
        close_in_children(CLONE_NEWPID);
        exit(0);
    }
    finish_child(first);
}

static void number_one_forks_another(void) {
    need_wiping();
    begin_namespace();
    pid_t first = fork();
    if (first == 0) {
        struct own_table own;
        open_table(&own, CLOSES);
        pid_t child = raw_clone(CLONE_NEWPID | SIGCHLD);
        if (child == 0) {
            REQUIRE_EQ(getpid(), 1);
            REQUIRE_EQ(change_errno(own.kq, 1, EVFILT_USER, EV_ADD, 0, 0, NULL), EBADF);
            close_them(&own);
            require_working_kqueue();
            _exit(0);
        }
        finish_child(child);
        require_untouched(&own);
        exit(0);
    }
    finish_child(first);
}

/* ---- C-358 ---- */

/* Runs this case again as another program; what it wrote to its standard error is counted. */
static long traced_bytes(const char *program, bool as_nobody, int *status) {
    static char line[256]; /* the arguments of this program: "contract --case T:P" */
    char *arguments[4] = {line}, text[4096];
    int output[2], fd = open(seen_proc("self/cmdline"), O_RDONLY | O_CLOEXEC);
    long bytes = 0;
    ssize_t got = read(fd, line, sizeof line - 1);
    REQUIRE(got > 0 && close(fd) == 0);
    for (int i = 1; i < 3; i++)
        arguments[i] = arguments[i - 1] + strlen(arguments[i - 1]) + 1;
    new_pipe(output);
    pid_t child = fork();
    if (child == 0) {
        if (as_nobody)
            become_nobody();
        setenv("KQUEUE_DEBUG", "1", 1);
        setenv("KQUEUE_VALIDATE", "1", 1);
        setenv("CONTRACT_SECURE", "1", 1);
        dup2(output[1], STDERR_FILENO);
        execv(program, arguments);
        _exit(126);
    }
    REQUIRE_EQ(close(output[1]), 0);
    while ((got = read(output[0], text, sizeof text)) > 0)
        bytes += got;
    REQUIRE_EQ(close(output[0]), 0);
    *status = reap(child);
    return bytes;
}

enum { SAW_CLOSES = 40, SAW_NONE, NOT_SECURE };

/* In the other program. */
static _Noreturn void report_what_holds(void) {
    bool sees = closes_are_seen();
    exit(getauxval(AT_SECURE) == 0 ? NOT_SECURE : sees ? SAW_CLOSES : SAW_NONE);
}

static void copy_program(const char *path) {
    char bytes[65536];
    int from = open(seen_proc("self/exe"), O_RDONLY | O_CLOEXEC),
        to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    REQUIRE(from >= 0 && to >= 0);
    for (ssize_t got; (got = read(from, bytes, sizeof bytes)) > 0;)
        REQUIRE_EQ(write(to, bytes, (size_t)got), got);
    REQUIRE_EQ(fchmod(to, 04755), 0);
    REQUIRE(close(from) == 0 && close(to) == 0);
}

static void set_user_id_programs_ignore_the_environment(void) {
    need_seen_proc();
    if (getenv("CONTRACT_SECURE") != NULL)
        report_what_holds();
    if (geteuid() != 0)
        contract_skip("only root makes a set-user-ID program of another user");
    if (on_valgrind())
        contract_skip("valgrind executes no set-user-ID program");
    need_nobody();
    bool seen = closes_are_seen();
    char directory[] = "/tmp/contract.XXXXXX", path[64];
    int ordinary, secure;
    REQUIRE(mkdtemp(directory) != NULL && chmod(directory, 0755) == 0);
    snprintf(path, sizeof path, "%s/program", directory);
    copy_program(path);
    long control = traced_bytes(path, false, &ordinary), bytes = traced_bytes(path, true, &secure);
    REQUIRE(unlink(path) == 0 && rmdir(directory) == 0);
    REQUIRE_EQ(WEXITSTATUS(ordinary), NOT_SECURE);
    REQUIRE(control > 0);
    if (WEXITSTATUS(secure) == NOT_SECURE || WEXITSTATUS(secure) >= 126)
        contract_skip("/tmp is mounted nosuid, or the loader finds no library for such a program");
    REQUIRE_EQ(bytes, 0);
    REQUIRE(WEXITSTATUS(secure) == SAW_CLOSES || (WEXITSTATUS(secure) == SAW_NONE && !seen));
}

const struct contract_case own_table_cases[] = {
    {"C-356", "threads with descriptor tables of their own", threads_with_tables_of_their_own, 30},
    {"C-356", "close_range() that gives a thread a table of its own", close_range_unshare, 0},
    {"C-356", "processes that share memory, and not the table", processes_that_share_memory, 30},
    {"C-356", "process 1 and a child that is process 1 of another namespace", number_one_and_a_child_that_is_another,
     30},
    {"C-356", "process 1 forks one that is process 1 of another namespace", number_one_forks_another, 30},
    {"C-358", "set-user-ID programs ignore the environment", set_user_id_programs_ignore_the_environment, 30},
    {NULL, NULL, NULL, 0},
};
