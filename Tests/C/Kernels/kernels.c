/*
 * Runs a program as on another kernel: a filter of seccomp(2) takes away what that
 * one does not have, or what a filter that is older than a call denies; or in
 * surroundings where something else is lacking.
 *
 *   kernels 4.18 COMMAND...                the calls and options that came later fail
 *   kernels eperm COMMAND...               calls that came since 4.11 are denied with EPERM
 *   kernels container COMMAND...           as in an engine's container: its own processes, few capabilities, a filter
 *   kernels noproc COMMAND...              no /proc but one at /proc/contract for cases, for root alone
 *   kernels memory COMMAND...              an address space of 64 MiB
 *   kernels descriptors COMMAND...         64 descriptors
 *   kernels user COMMAND...                a user without rights, where this is root
 *   kernels rootless COMMAND...            namespaces of users and of processes, as of a container without rights
 *   kernels short COMMAND...               four bytes of TCP_INFO, as an emulator answers
 *   kernels without NAME[=ERRNO] COMMAND...  one call, ENOSYS unless a number is given
 *   kernels --list                         the calls that can be named
 *
 * Exit status 77 where that cannot be done.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "kernels.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- What came when ---- */

#define VERSION(major, minor) ((major) * 1000 + (minor))

/* What an argument has to be, in some of its bits, for a rule to apply. */
struct condition {
    uint32_t mask, value;
    int argument;
};
#define ALL 0xffffffffu
#define IS(number, what) {.mask = ALL, .value = (uint32_t)(what), .argument = (number)}
#define HAS(number, bits, what) {.mask = (bits), .value = (what), .argument = (number)}

struct rule {
    const char *name; /* of a whole call; NULL: an option of one */
    int number, since, error, conditions;
    struct condition condition[2];
};
#define CALL(name, number, major, minor) {name, number, VERSION(major, minor), ENOSYS, 0, {{0, 0, 0}}}
#define OPTION(number, major, minor, error, one) {NULL, number, VERSION(major, minor), error, 1, {one}}
#define OPTIONS(number, major, minor, error, one, two) {NULL, number, VERSION(major, minor), error, 2, {one, two}}
#define ALWAYS(name, number) {name, number, 0, ENOSYS, 0, {{0, 0, 0}}}

/* Numbers are the same for all machines from 424 on. */
static const struct rule rules[] = {
    CALL("memfd_create", SYS_memfd_create, 3, 17),
    CALL("getrandom", SYS_getrandom, 3, 17),
    CALL("execveat", SYS_execveat, 3, 19),
    CALL("membarrier", SYS_membarrier, 4, 3),
    CALL("copy_file_range", SYS_copy_file_range, 4, 5),
    CALL("statx", SYS_statx, 4, 11),
    CALL("pidfd_send_signal", 424, 5, 1),
    CALL("pidfd_open", 434, 5, 3),
    CALL("clone3", 435, 5, 3),
    CALL("openat2", 437, 5, 6),
    CALL("pidfd_getfd", 438, 5, 6),
    CALL("faccessat2", 439, 5, 8),
    CALL("close_range", 436, 5, 9),
    CALL("epoll_pwait2", 441, 5, 11),
    CALL("futex_waitv", 449, 5, 16),
    OPTIONS(SYS_getsockopt, 4, 12, ENOPROTOOPT, IS(1, 1), IS(2, 55)), /* SOL_SOCKET, SO_MEMINFO */
    OPTIONS(SYS_getsockopt, 4, 14, ENOPROTOOPT, IS(1, 1), IS(2, 60)), /* SO_ZEROCOPY */
    OPTIONS(SYS_setsockopt, 4, 14, ENOPROTOOPT, IS(1, 1), IS(2, 60)),
    OPTION(SYS_madvise, 4, 14, EINVAL, IS(2, 18)),                    /* MADV_WIPEONFORK */
    OPTIONS(SYS_getsockopt, 5, 11, EINVAL, IS(1, 6), IS(2, 35)),      /* TCP_ZEROCOPY_RECEIVE, of no memory */
    OPTION(SYS_waitid, 5, 4, EINVAL, IS(0, 3)),                       /* P_PIDFD */
    OPTION(436, 5, 11, EINVAL, HAS(2, 4, 4)),                         /* CLOSE_RANGE_CLOEXEC */
    OPTION(SYS_fcntl, 6, 10, EINVAL, IS(1, 1027)),                    /* F_DUPFD_QUERY */
    OPTION(SYS_ioctl, 6, 13, ENOTTY, HAS(1, 0xff00, 0xff00)),         /* PIDFD_GET_INFO */
    ALWAYS("inotify_init1", SYS_inotify_init1),
    ALWAYS("perf_event_open", SYS_perf_event_open),
    ALWAYS("kcmp", SYS_kcmp),
    ALWAYS("waitid", SYS_waitid),
};
enum { RULES = sizeof rules / sizeof rules[0] };

/* How much of TCP_INFO each kernel tells. */
static unsigned bytes_of_tcp(int version) {
    static const struct {
        int before;
        unsigned bytes;
    } steps[] = {{VERSION(3, 15), 104}, {VERSION(4, 1), 120}, {VERSION(4, 2), 136}, {VERSION(4, 6), 144},
                 {VERSION(4, 9), 160}, {VERSION(4, 10), 168}, {VERSION(4, 18), 192}, {VERSION(4, 19), 200}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (version < steps[i].before)
            return steps[i].bytes;
    return 0;
}

/* ---- The filter ---- */

static struct sock_filter filter[16 * (RULES + 32)];
static unsigned short length;

static void put(unsigned short code, uint32_t value, unsigned char yes, unsigned char no) {
    filter[length++] = (struct sock_filter){.code = code, .jt = yes, .jf = no, .k = value};
}

static void load(size_t offset) { put(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0); }
static void finish(uint32_t action) { put(BPF_RET | BPF_K, action, 0, 0); }

/* Goes on behind the rule unless what was loaded is the value; `left` instructions of the rule follow. */
static void require(uint32_t value, int left) {
    put(BPF_JMP | BPF_JEQ | BPF_K, value, 0, (unsigned char)left);
}

/* The lower half of an argument, which is all of those that rules are about. */
static size_t place_of(int argument) {
    size_t half = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0;
    return offsetof(struct seccomp_data, args) + 8 * (size_t)argument + half;
}

enum { CONDITION_LENGTH = 3 };

static void add(const struct rule *rule, int error) {
    int left = CONDITION_LENGTH * rule->conditions + 1;
    load(offsetof(struct seccomp_data, nr));
    require((uint32_t)rule->number, left);
    for (int i = 0; i < rule->conditions; i++) {
        left -= CONDITION_LENGTH;
        load(place_of(rule->condition[i].argument));
        put(BPF_ALU | BPF_AND | BPF_K, rule->condition[i].mask, 0, 0);
        require(rule->condition[i].value, left);
    }
    finish(SECCOMP_RET_ERRNO | (uint32_t)error);
}

static void begin(void) {
    load(offsetof(struct seccomp_data, arch));
    put(BPF_JMP | BPF_JEQ | BPF_K, MACHINE, 1, 0);
    finish(SECCOMP_RET_ALLOW);
}

static void install(void) {
    finish(SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = length, .filter = filter};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
        return; /* as root: what is executed may still gain rights */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        printf("skipped: no filter can be installed: %s\n", strerror(errno));
        exit(STATUS_SKIPPED);
    }
}

/* ---- Kernels and filters ---- */

/* Before 6.6 the process connector is for those with CAP_NET_ADMIN. */
static void add_connector(int version) {
    static const struct rule connector = OPTIONS(SYS_socket, 6, 6, EPERM, IS(0, 16), IS(2, 11));
    if (version < connector.since && geteuid() != 0)
        add(&connector, EPERM);
}

static void take_away_later(int version) {
    if (bytes_of_tcp(version) != 0)
        (void)shorten_answers(bytes_of_tcp(version)); /* or this kernel cannot do that */
    for (int i = 0; i < RULES; i++)
        if (rules[i].since > version)
            add(&rules[i], rules[i].error);
    add_connector(version);
}

/* A filter that knows the calls of 4.10, and denies all others; but clone3(), which libc must be told is missing. */
static void deny_unknown(void) {
    for (int i = 0; i < RULES; i++)
        if (rules[i].name != NULL && rules[i].since > VERSION(4, 10))
            add(&rules[i], rules[i].number == 435 ? ENOSYS : EPERM);
}

/* What container engines deny unless a capability is given. */
static void contain(void) {
    static const struct rule denied[] = {
        ALWAYS("perf_event_open", SYS_perf_event_open), ALWAYS("bpf", SYS_bpf), ALWAYS("mount", SYS_mount),
        ALWAYS("umount2", SYS_umount2), ALWAYS("unshare", SYS_unshare), ALWAYS("setns", SYS_setns),
        ALWAYS("kcmp", SYS_kcmp), ALWAYS("pidfd_getfd", 438), ALWAYS("keyctl", SYS_keyctl),
        OPTION(SYS_clone, 0, 0, EPERM, HAS(0, 0x20000000, 0x20000000)), /* CLONE_NEWPID */
        OPTION(SYS_clone, 0, 0, EPERM, HAS(0, 0x10000000, 0x10000000)), /* CLONE_NEWUSER */
    };
    static const struct rule clone3 = ALWAYS("clone3", 435);
    for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++)
        add(&denied[i], EPERM);
    add(&clone3, ENOSYS);
}

static void hide_proc(void) {
    if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
        mount("none", "/proc", "tmpfs", 0, NULL) == 0 && mkdir("/proc/contract", 0755) == 0 &&
        mount("proc", "/proc/contract", "proc", 0, NULL) == 0)
        return;
    printf("skipped: /proc cannot be hidden: %s\n", strerror(errno));
    exit(STATUS_SKIPPED);
}

/* ---- Limits, users and namespaces ---- */

static void limit(int resource, rlim_t most) {
    struct rlimit both = {.rlim_cur = most, .rlim_max = most};
    if (setrlimit(resource, &both) == 0)
        return;
    printf("skipped: the limit cannot be set: %s\n", strerror(errno));
    exit(STATUS_SKIPPED);
}

static void become_nobody(void) {
    gid_t none;
    if (geteuid() != 0)
        return;
    if (setgroups(0, &none) == 0 && setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0)
        return;
    printf("skipped: no other user: %s\n", strerror(errno));
    exit(STATUS_SKIPPED);
}

static bool put_line(const char *path, const char *line) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool is_put = fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line);
    close(fd);
    return is_put;
}

static bool map_root(uid_t user, gid_t group) {
    char users[32], groups[32];
    snprintf(users, sizeof users, "0 %u 1", user);
    snprintf(groups, sizeof groups, "0 %u 1", group);
    return put_line("/proc/self/setgroups", "deny") && put_line("/proc/self/uid_map", users) &&
           put_line("/proc/self/gid_map", groups);
}

/* The first of processes with numbers of their own, and with a /proc of these; who began them waits for it. */
static void begin_numbers(bool is_apart) {
    int status = 0;
    pid_t first = is_apart ? fork() : -1;
    if (first == 0 && mount("proc", "/proc", "proc", 0, NULL) == 0)
        return;
    if (first == 0 || !is_apart) {
        printf("skipped: no namespaces: %s\n", strerror(errno));
        exit(STATUS_SKIPPED);
    }
    exit(waitpid(first, &status, 0) == first && WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

/* What a container without privileges is: nobody but root, its own process numbers, and a /proc of these. */
static void go_rootless(void) {
    uid_t user = geteuid();
    gid_t group = getegid();
    begin_numbers(unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS) == 0 && map_root(user, group));
}

/* What engines leave to the root of a container: its own process numbers, and the harmless capabilities. */
static void go_into_container(void) {
    static const unsigned kept = 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER | 1u << CAP_FSETID |
                                 1u << CAP_KILL | 1u << CAP_SETGID | 1u << CAP_SETUID | 1u << CAP_SETPCAP |
                                 1u << CAP_NET_BIND_SERVICE | 1u << CAP_NET_RAW | 1u << CAP_SYS_CHROOT |
                                 1u << CAP_MKNOD | 1u << CAP_AUDIT_WRITE | 1u << CAP_SETFCAP;
    if (geteuid() != 0)
        return;
    begin_numbers(unshare(CLONE_NEWPID | CLONE_NEWNS) == 0 &&
                  mount("none", "/", "", MS_REC | MS_PRIVATE, NULL) == 0);
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
        if (capability >= 32 || !(kept >> capability & 1))
            (void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

static void take_away_one(const char *what) {
    const char *error = strchr(what, '=');
    size_t size = error == NULL ? strlen(what) : (size_t)(error - what);
    for (int i = 0; i < RULES; i++) {
        const char *name = rules[i].name;
        if (name != NULL && strlen(name) == size && memcmp(name, what, size) == 0)
            return add(&rules[i], error == NULL ? ENOSYS : atoi(error + 1));
    }
    fprintf(stderr, "no call is named %s\n", what);
    exit(STATUS_WRONG);
}

static void tell_little(void) {
    if (shorten_answers(4))
        return;
    printf("skipped: no answers can be made shorter: %s\n", strerror(errno));
    exit(STATUS_SKIPPED);
}

static int list(void) {
    for (int i = 0; i < RULES; i++)
        if (rules[i].name != NULL)
            printf("%s\n", rules[i].name);
    return 0;
}

int main(int count, char **words) {
    int major, minor, next = 2;
    if (count == 2 && strcmp(words[1], "--list") == 0)
        return list();
    if (count < 3)
        return STATUS_WRONG;
    if (MACHINE == 0) {
        printf("skipped: filters for this machine are not known here\n");
        return STATUS_SKIPPED;
    }
    begin();
    if (strcmp(words[1], "eperm") == 0)
        deny_unknown();
    else if (strcmp(words[1], "container") == 0) {
        go_into_container();
        contain();
    } else if (strcmp(words[1], "noproc") == 0)
        hide_proc();
    else if (strcmp(words[1], "memory") == 0)
        limit(RLIMIT_AS, 64 << 20);
    else if (strcmp(words[1], "descriptors") == 0)
        limit(RLIMIT_NOFILE, 64);
    else if (strcmp(words[1], "user") == 0)
        become_nobody();
    else if (strcmp(words[1], "rootless") == 0)
        go_rootless();
    else if (strcmp(words[1], "short") == 0)
        tell_little();
    else if (strcmp(words[1], "without") == 0)
        take_away_one(words[next++]);
    else if (sscanf(words[1], "%d.%d", &major, &minor) == 2)
        take_away_later(VERSION(major, minor));
    else
        return STATUS_WRONG;
    install();
    execvp(words[next], words + next);
    perror(words[next]);
    return STATUS_WRONG;
}
