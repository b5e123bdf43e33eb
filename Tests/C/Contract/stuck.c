/*
 * Where the threads of a case stand that does not end: the system call each is in,
 * and what of its stack looks like return addresses. For Linux; elsewhere nothing
 * is printed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "contract.h"

#include <dirent.h>

enum { MAPPINGS = 64, WORDS = 400, ADDRESSES = 24 };

/* What of a process's memory is code. */
struct code {
    int count;
    struct mapping {
        unsigned long first, end, offset;
        char name[64];
    } mappings[MAPPINGS];
};

static bool read_line(pid_t process, pid_t thread, const char *name, char *text, size_t size) {
    char path[96];
    snprintf(path, sizeof path, "/proc/%d/task/%d/%s", (int)process, (int)thread, name);
    FILE *file = fopen(path, "r");
    bool has = file != NULL && fgets(text, (int)size, file) != NULL;
    if (file != NULL)
        fclose(file);
    text[has ? strcspn(text, "\n") : 0] = '\0';
    return has;
}

static void read_code(pid_t process, struct code *code) {
    char path[64], line[512], mode[8];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)process);
    FILE *file = fopen(path, "r");
    code->count = 0;
    while (file != NULL && code->count < MAPPINGS && fgets(line, sizeof line, file)) {
        struct mapping *mapping = &code->mappings[code->count];
        if (sscanf(line, "%lx-%lx %7s %lx", &mapping->first, &mapping->end, mode, &mapping->offset) != 4 ||
            mode[2] != 'x')
            continue;
        char *name = strrchr(line, '/');
        snprintf(mapping->name, sizeof mapping->name, "%.*s", name ? (int)strcspn(name + 1, "\n") : 1,
                 name ? name + 1 : "?");
        code->count++;
    }
    if (file != NULL)
        fclose(file);
}

static bool print_address(const struct code *code, unsigned long address) {
    for (int i = 0; i < code->count; i++) {
        const struct mapping *mapping = &code->mappings[i];
        if (address < mapping->first || address >= mapping->end)
            continue;
        printf(" %s+0x%lx", mapping->name, address - mapping->first + mapping->offset);
        return true;
    }
    return false;
}

static void print_stack(pid_t process, const struct code *code, unsigned long stack) {
    unsigned long words[WORDS];
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", (int)process);
    FILE *memory = fopen(path, "r");
    size_t count = 0;
    if (memory != NULL && fseeko(memory, (off_t)stack, SEEK_SET) == 0)
        count = fread(words, sizeof *words, WORDS, memory);
    for (size_t i = 0, found = 0; i < count && found < ADDRESSES; i++)
        found += print_address(code, words[i]);
    if (memory != NULL)
        fclose(memory);
}

static void print_thread(pid_t process, pid_t thread, const struct code *code) {
    char name[32], call[256], sleep[64];
    unsigned long stack, place;
    if (!read_line(process, thread, "comm", name, sizeof name) ||
        !read_line(process, thread, "syscall", call, sizeof call))
        return;
    (void)read_line(process, thread, "wchan", sleep, sizeof sleep);
    printf("    process %d, thread %d (%s), in %s: system call %s\n     ", (int)process, (int)thread, name, sleep,
           call);
    char *last = strrchr(call, ' ');
    if (last != NULL && sscanf(last, " %lx", &place) == 1) {
        *last = '\0';
        last = strrchr(call, ' ');
        print_address(code, place);
        if (last != NULL && sscanf(last, " %lx", &stack) == 1)
            print_stack(process, code, stack);
    }
    printf("\n");
}

static void print_process(pid_t process) {
    static struct code code;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)process);
    DIR *threads = opendir(path);
    read_code(process, &code);
    for (struct dirent *entry; threads != NULL && (entry = readdir(threads)) != NULL;)
        if (entry->d_name[0] != '.')
            print_thread(process, (pid_t)strtol(entry->d_name, NULL, 10), &code);
    if (threads != NULL)
        closedir(threads);
}

void contract_print_stuck(pid_t group) {
    DIR *processes = opendir("/proc");
    for (struct dirent *entry; processes != NULL && (entry = readdir(processes)) != NULL;) {
        pid_t process = (pid_t)strtol(entry->d_name, NULL, 10);
        if (process > 0 && getpgid(process) == group)
            print_process(process);
    }
    if (processes != NULL)
        closedir(processes);
}
