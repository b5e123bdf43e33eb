/*
 * faults [--list] [--all] [--calls] [--verbose] [--trace] [--fault CALL:USE:ERROR] [SCENE...]
 *
 * Runs each scene once without a fault to count the library's system calls, and then once for each
 * of them, each of its uses and each error.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* What hangs does so for ever; each system call is two changes of process, for which a busy machine takes its time. */
enum { SKIPPED = 77, SECONDS = 60, FEW_USES = 3 };

static const struct scene *scene;
static struct left reference[ROUNDS];
static bool is_verbose, is_thorough;
static int runs, failures, skips;
static bool is_called[MOST_CALLS];

/* ---- In the traced program ---- */

static void require_nothing_left(int round) {
    struct left left = count_left();
    shared->left[round] = left;
    if (fault.call < 0)
        return;
    bool may_leave = (calls[fault.call].flags & LEAVES) && getenv("KQUEUE_VALIDATE") != NULL;
    if (left.descriptors > reference[round].descriptors + 2 * may_leave)
        fail("rounds", round, "%d descriptors are open, %d without the fault", left.descriptors,
             reference[round].descriptors);
    bool may_leak = calls[fault.call].flags & LEAKS;
    if (round == LAST_UNFAULTED && left.bytes > reference[round].bytes && !may_leak)
        fail("rounds", round, "%ld bytes are mapped, %ld without the fault", left.bytes, reference[round].bytes);
}

static void run_rounds(void) {
    for (int round = 0; round < ROUNDS; round++) {
        mark(MARK_ROUND, round);
        scene->run(scene);
        mark(MARK_REST, 0);
        require_nothing_left(round);
    }
    shared->is_done = true;
}

/* ---- One run ---- */

static const char *fault_name(void) {
    static char name[96];
    snprintf(name, sizeof name, "%s:%d:%d", calls[fault.call].name, fault.use, fault.error);
    return name;
}

static void report(const char *why) {
    failures++;
    printf("FAIL %s --fault %s: %s\n", scene->name, fault.call < 0 ? "none" : fault_name(), why);
    fflush(stdout);
}

static void report_unlisted(void) {
    char why[256];
    snprintf(why, sizeof why, "a system call is not in the table: %ld(%#lx, %#lx, %#lx, %#lx)",
             (long)shared->unlisted[0], (long)shared->unlisted[1], (long)shared->unlisted[2],
             (long)shared->unlisted[3], (long)shared->unlisted[4]);
    report(why);
}

static bool run_once(void) {
    runs++;
    const char *why = run_traced(run_rounds, SECONDS);
    if (shared->is_unlisted)
        report_unlisted();
    if (shared->is_skipped)
        return false;
    if (why[0] != '\0')
        report(why);
    else if (is_verbose && fault.call >= 0)
        printf("ok   %s --fault %s\n", scene->name, fault_name());
    return why[0] == '\0';
}

/* ---- All faults of a scene ---- */

static void run_errors(int call, int use) {
    for (int i = 0; i < MOST_ERRORS && calls[call].errors[i] != 0; i++) {
        fault = (struct fault){call, use, calls[call].errors[i]};
        run_once();
    }
}

static void run_denials(int call) {
    static const int denials[] = {EPERM, EACCES, ENOSYS};
    for (int i = 0; i < (int)(sizeof denials / sizeof denials[0]); i++) {
        fault = (struct fault){call, 0, denials[i]};
        run_once();
    }
}

static unsigned most_uses(const unsigned (*uses)[MOST_CALLS], int call) {
    return uses[0][call] > uses[1][call] ? uses[0][call] : uses[1][call];
}

static void run_call(int call, unsigned uses) {
    for (unsigned use = 1; use <= uses; use++)
        if (is_thorough || use <= FEW_USES || use == uses)
            run_errors(call, (int)use);
    if (calls[call].flags & DENIED)
        run_denials(call);
}

static void run_scene(void) {
    unsigned uses[ROUNDS][MOST_CALLS];
    int before = failures, first = runs;
    fault = (struct fault){.call = -1};
    if (!run_once()) {
        if (shared->is_skipped)
            skips += printf("skipped: %s: %s\n", scene->name, shared->message) > 0;
        return;
    }
    memcpy(uses, shared->uses, sizeof uses);
    memcpy(reference, shared->left, sizeof reference);
    for (int call = 0; call < count_calls(); call++)
        if (most_uses(uses, call) > 0) {
            is_called[call] = true;
            run_call(call, most_uses(uses, call));
        }
    printf("%s %s, %d faults, %d failed\n", failures == before ? "ok  " : "FAIL", scene->name, runs - first - 1,
           failures - before);
}

/* ---- The command line ---- */

static struct scene scenes[64];
static int scene_count;

static void find_scenes(void) {
    is_posix = on_posix();
    for (const struct subject *subject = subjects; subject->name != NULL; subject++)
        if (!subject->not_on_posix || !is_posix)
            scenes[scene_count++] = (struct scene){subject->name, run_subject, subject};
    for (const struct scene *other = other_scenes; other->name != NULL; other++)
        scenes[scene_count++] = *other;
}

static bool is_chosen(const char *name, char **names, int count) {
    for (int i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return count == 0;
}

static int call_of(const char *name) {
    for (int call = 0; call < count_calls(); call++)
        if (strcmp(calls[call].name, name) == 0)
            return call;
    fprintf(stderr, "no call is called %s\n", name);
    exit(2);
}

static void run_one(char *text) {
    char *use = strchr(text, ':');
    char *error = use != NULL ? strchr(use + 1, ':') : NULL;
    struct fault wanted = {.call = -1};
    fault = wanted;
    bool is_to_trace = is_traced && error != NULL;
    is_traced = is_traced && error == NULL;
    run_once();
    is_traced = is_to_trace;
    memcpy(reference, shared->left, sizeof reference);
    if (error == NULL)
        return;
    *use = '\0';
    fault = (struct fault){call_of(text), atoi(use + 1), atoi(error + 1)};
    run_once();
}

static void print_calls(void) {
    for (int call = 0; call < count_calls(); call++)
        printf("%-28s %s\n", calls[call].name, calls[call].otherwise);
}

static void print_scenes(void) {
    for (int i = 0; i < scene_count; i++)
        puts(scenes[i].name);
}

int main(int count, char **arguments) {
    char *one = NULL;
    bool is_listed = false;
    int first = 1;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (; first < count && strncmp(arguments[first], "--", 2) == 0; first++) {
        if (strcmp(arguments[first], "--list") == 0)
            is_listed = true;
        else if (strcmp(arguments[first], "--all") == 0)
            is_thorough = true;
        else if (strcmp(arguments[first], "--verbose") == 0)
            is_verbose = true;
        else if (strcmp(arguments[first], "--trace") == 0)
            is_traced = true;
        else if (strcmp(arguments[first], "--calls") == 0)
            return print_calls(), 0;
        else if (strcmp(arguments[first], "--fault") == 0 && first + 1 < count)
            one = arguments[++first];
        else
            return 2;
    }
    find_scenes();
    if (is_listed)
        return print_scenes(), 0;
    const char *why = cannot_trace();
    if (why != NULL)
        return printf("skipped: %s\n", why), SKIPPED;
    for (int i = 0; i < scene_count; i++) {
        scene = &scenes[i];
        if (!is_chosen(scene->name, arguments + first, count - first))
            continue;
        if (one != NULL)
            run_one(strdup(one));
        else
            run_scene();
    }
    printf("%d runs, %d failures\n", runs, failures);
    if (runs == skips)
        return printf("skipped: no such thing here\n"), SKIPPED;
    return failures == 0 ? 0 : 1;
}
