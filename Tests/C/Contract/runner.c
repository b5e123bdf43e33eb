/*
 * Runs contract cases, each in a child process, so that one that crashes,
 * hangs or changes limits touches no other.
 *
 *   contract            all
 *   contract C-145 ...  these (a prefix such as C-14 names several)
 *                       (F7: what went wrong in the field, by number)
 *   contract --list     statement and title of each, a line each
 *
 * KQUEUE_TEST_SLOWNESS=N in the environment gives each case N times its time; 3 where it is not set.  From 4 on the
 * processor's time that it may use grows alike.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "contract.h"

#include <stdarg.h>
#include <sys/mman.h>

enum { STATUS_FAILED = 1, STATUS_SKIPPED = 77, DEFAULT_SECONDS = 10 };

static const struct contract_case *const tables[] = {
    call_cases, wait_cases, interruption_cases, interruption_step_cases, change_cases, robust_cases, abi_cases,
    kevent64_cases, corner_cases, generic_cases, order_cases, full_call_cases, sharing_cases, kq_cases,
    read_cases, read_socket_cases, read_object_cases, read_item_cases, read_end_cases, read_write_cases,
    write_cases, write_object_cases, urgent_cases, empty_cases, filesystem_cases,
    vnode_cases, vnode_directory_cases, vnode_knote_cases, vnode_limit_cases,
    timer_cases, user_cases, libkqueue_cases, kq_closing_cases, kq_readable_cases, own_table_cases,
    jump_cases, jump_step_cases, fork_order_cases, fork_handler_cases, closing_cases, concurrent_cases,
    closing_call_cases, forking_cases, fork_copy_cases, field_cases,
    proc_cases, proc_tree_cases, procdesc_cases, proc_readable_cases,
    signal_cases, signal_action_cases, signal_thread_cases, signal_pending_cases, signal_mask_cases,
    signal_terminal_cases, signal_process_cases,
};

_Noreturn void contract_fail(const char *file, int line, const char *format, ...) {
    const char *slash = strrchr(file, '/');
    va_list arguments;
    va_start(arguments, format);
    printf("    %s:%d: ", slash ? slash + 1 : file, line);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    fflush(stdout);
    _exit(STATUS_FAILED);
}

_Noreturn void contract_skip(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("    skipped: ");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    fflush(stdout);
    _exit(STATUS_SKIPPED);
}

void contract_equal(const char *file, int line, const char *what, long long got, long long want) {
    if (got != want)
        contract_fail(file, line, "%s is %lld (0x%llx); wanted %lld (0x%llx)", what, got,
                      (unsigned long long)got, want, (unsigned long long)want);
}

/*
 * How long a case may take, in seconds. The tables say what is ample on a machine of its own; on one that has much else
 * to do it takes several times that, and more on a slow one.
 */
static unsigned limit_of(const struct contract_case *test) {
    return (unsigned)(test->seconds ? test->seconds : DEFAULT_SECONDS) * (unsigned)test_slowness();
}

/*
 * The arrays of the program have megabytes.  Where huge pages are for everybody (Debian), the system puts one in place
 * of a few small ones in its own time, which would look as memory that the library took.
 */
static void refuse_huge_pages(void) {
#if defined MADV_NOHUGEPAGE && defined __linux__
    extern char __bss_start[], _end[];
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = ((uintptr_t)__bss_start + page - 1) & ~(page - 1);
    if (first < (uintptr_t)_end)
        (void)madvise((void *)first, (uintptr_t)_end - first, MADV_NOHUGEPAGE);
#endif
}

/* In a process of its own: runs the case, and ends. The runner looks where it stands when its time is up. */
static _Noreturn void run_here(const struct contract_case *test) {
    alarm(limit_of(test) + 10);
    refuse_huge_pages();
    test->run();
    fflush(stdout);
    exit(0); /* with atexit handlers: leak checkers report there */
}

static void end_wait(int signal) {
    (void)signal;
}

/* Waits for a case's process, and ends whatever it left running. */
static int finish_case(pid_t child, unsigned limit) {
    struct sigaction action = {.sa_handler = end_wait};
    int status = 0;
    sigaction(SIGALRM, &action, NULL);
    alarm(limit);
    bool ended = waitpid(child, &status, 0) == child;
    alarm(0);
    if (!ended) {
        printf("    timed out\n");
        contract_print_stuck(child);
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
    }
    kill(-child, SIGKILL);
    if (ended && WIFEXITED(status))
        return WEXITSTATUS(status);
    if (ended)
        printf("    %s\n", strsignal(WTERMSIG(status)));
    return STATUS_FAILED;
}

/* valgrind answers readlink(2) of the program's link with the program; to execve(2) the link is valgrind itself. */
static void start_again(char *name) {
    static char path[PATH_MAX];
    const char *link = seen_proc("self/exe");
    if (on_valgrind() && readlink(link, path, sizeof path - 1) > 0)
        link = path;
    execl(link, "contract", "--case", name, (char *)NULL);
}

/*
 * Runs one case in a child; the exit status, or STATUS_FAILED where it died.  The
 * child starts the program anew, so a case never is a forked process of somebody
 * else's state, such as a language runtime's.
 */
static int run_case(size_t table, size_t place) {
    char name[48];
    snprintf(name, sizeof name, "%zu:%zu", table, place);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        setpgid(0, 0);
        start_again(name);
        run_here(&tables[table][place]); /* no /proc */
    }
    return finish_case(child, limit_of(&tables[table][place]));
}

static bool selected(const struct contract_case *test, int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (strncmp(test->statement, argv[i], strlen(argv[i])) == 0)
            return true;
    return argc == 1;
}

int main(int argc, char **argv) {
    /* A parent with threads may start programs with every signal blocked, alarm's too. */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int passed = 0, failed = 0, skipped = 0;
    bool list = argc > 1 && strcmp(argv[1], "--list") == 0;
    size_t table, place;
    if (argc == 3 && strcmp(argv[1], "--case") == 0 && sscanf(argv[2], "%zu:%zu", &table, &place) == 2)
        run_here(&tables[table][place]);
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        for (const struct contract_case *test = tables[t]; test->statement; test++) {
            if (list) {
                printf("%s %s\n", test->statement, test->title);
                continue;
            }
            if (!selected(test, argc, argv))
                continue;
            int status = run_case(t, (size_t)(test - tables[t]));
            const char *word = status == 0 ? "ok" : status == STATUS_SKIPPED ? "skip" : "FAIL";
            printf("%-4s %s %s\n", word, test->statement, test->title);
            passed += status == 0;
            skipped += status == STATUS_SKIPPED;
            failed += status != 0 && status != STATUS_SKIPPED;
        }
    }
    if (list)
        return 0;
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return failed || passed + skipped == 0;
}
