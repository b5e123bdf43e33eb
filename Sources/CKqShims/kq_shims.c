/*
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "kq_shims.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

enum tool_kind tool_kind(int descriptor) {
    struct stat status;
    if (fstat(descriptor, &status) != 0)
        return TOOL_KIND_OTHER;
    if (S_ISREG(status.st_mode))
        return TOOL_KIND_FILE;
    if (S_ISFIFO(status.st_mode))
        return TOOL_KIND_PIPE;
    if (S_ISSOCK(status.st_mode))
        return TOOL_KIND_SOCKET;
    return isatty(descriptor) ? TOOL_KIND_TERMINAL : TOOL_KIND_OTHER;
}

int tool_is_open(int descriptor) {
    return fcntl(descriptor, F_GETFD) < 0 ? -1 : 0;
}

int tool_open(const char *path) {
    return open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

int tool_skip(int descriptor, long count) {
    static char nowhere[1 << 16];

    if (tool_kind(descriptor) == TOOL_KIND_FILE)
        return lseek(descriptor, count, SEEK_CUR) < 0 ? -1 : 1;
    /* One byte where the count is 0, since the end of input is read as well. */
    size_t room = count < 1 ? 1 : count < (long)sizeof nowhere ? (size_t)count : sizeof nowhere;
    ssize_t result = read(descriptor, nowhere, room);
    if (result < 0)
        /* Another reader of the same pipe or terminal was faster. */
        return errno == EAGAIN || errno == EINTR ? 1 : -1;
    return result > 0;
}

/* ---- Sockets ---- */

static struct sockaddr_in loopback(uint16_t port) {
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* Closes a socket that is of no use, and keeps the errno that says why. */
static int give_up(int descriptor) {
    int code = errno;
    close(descriptor);
    errno = code;
    return -1;
}

int tool_listen(uint16_t *port) {
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    if (listener < 0)
        return -1;
    if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 8) != 0
        || getsockname(listener, (struct sockaddr *)&address, &length) != 0)
        return give_up(listener);
    *port = ntohs(address.sin_port);
    return listener;
}

int tool_connect(uint16_t port) {
    struct sockaddr_in address = loopback(port);
    int client = socket(AF_INET, SOCK_STREAM, 0);

    if (client < 0)
        return -1;
    if (connect(client, (struct sockaddr *)&address, sizeof address) != 0)
        return give_up(client);
    return client;
}

int tool_accept(int listener) {
    return accept(listener, NULL, NULL);
}

int tool_never_wait(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return flags < 0 ? -1 : fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
}

/* ---- Files ---- */

int tool_temporary_file(int *reader) {
    const char *folder = getenv("TMPDIR");
    char path[4096];

    if (folder == NULL || *folder == '\0')
        folder = "/tmp";
    if (snprintf(path, sizeof path, "%s/kq-XXXXXX", folder) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int writer = mkstemp(path);
    if (writer < 0)
        return -1;
    *reader = open(path, O_RDONLY);
    int code = errno;
    unlink(path);
    errno = code;
    return *reader < 0 ? give_up(writer) : writer;
}

/* ---- The system ---- */

void tool_kernel(char *room, long size) {
    struct utsname name;
    if (uname(&name) == 0)
        snprintf(room, (size_t)size, "%s %s %s", name.sysname, name.release, name.machine);
}

void tool_c_library(char *room, long size) {
#ifdef _CS_GNU_LIBC_VERSION
    if (confstr(_CS_GNU_LIBC_VERSION, room, (size_t)size) > 0)
        return;
#endif
    snprintf(room, (size_t)size, "another than GNU's");
}

long tool_processors(void) {
    return sysconf(_SC_NPROCESSORS_ONLN);
}

long tool_descriptor_limit(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (long)limit.rlim_cur : -1;
}

long tool_read_number(const char *path) {
    FILE *file = fopen(path, "re");
    long number = LONG_MIN;

    if (file == NULL)
        return number;
    if (fscanf(file, "%ld", &number) != 1)
        number = LONG_MIN;
    fclose(file);
    return number;
}

/* What a descriptor is, of what no path leads to; NULL where it is nothing of interest. */
static const char *facility(const char *link, int descriptor) {
    static const char *const kinds[][2] = {
        {"[eventpoll]", "epoll"}, {"[timerfd]", "timerfd"},     {"inotify", "inotify"},   {"[pidfd]", "pidfd"},
        {"[eventfd]", "eventfd"}, {"[perf_event]", "perf events"}, {"[signalfd]", "signalfd"},
    };
    struct sockaddr address;
    socklen_t length = sizeof address;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strstr(link, kinds[i][0]) != NULL)
            return kinds[i][1];
#ifdef AF_NETLINK
    if (strncmp(link, "socket:", 7) == 0 && getsockname(descriptor, &address, &length) >= 0
        && address.sa_family == AF_NETLINK)
        return "netlink";
#endif
    (void)address, (void)length, (void)descriptor;
    return strncmp(link, "/proc/", 6) == 0 && strstr(link, "/mountinfo") != NULL ? "mountinfo" : NULL;
}

void tool_facilities(char *room, long size) {
    DIR *folder = opendir("/proc/self/fd");
    struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        char link[256] = "";
        size_t used = strlen(room);
        const char *name;

        if (readlinkat(dirfd(folder), entry->d_name, link, sizeof link - 1) < 0)
            continue;
        name = facility(link, atoi(entry->d_name));
        if (name != NULL && strstr(room, name) == NULL)
            snprintf(room + used, (size_t)size - used, "%s%s", used > 0 ? ", " : "", name);
    }
    if (folder != NULL)
        closedir(folder);
}

int tool_pidfd(void) {
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, getpid(), 0);
#else
    return -1;
#endif
}

/* ---- Input ---- */

char *tool_read_line(void) {
    char *line = NULL;
    size_t size = 0;

    for (;;) {
        ssize_t length = getline(&line, &size, stdin);
        if (length < 0)
            return NULL;
        if (length > 0 && line[length - 1] == '\n')
            line[--length] = '\0';
        if (length > 0)
            return line;
    }
}
