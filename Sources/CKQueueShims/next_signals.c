/*
 * The signal functions that ours stand in front of, looked up when the library is
 * loaded, as next.c does.
 *
 * A static program has no dlsym, and one definition of each: ours.  There libc's
 * sigaction() is reached by the name that libc itself uses, or the system call is.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "include/kqueue_shims.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#pragma weak dlsym

static struct kq_next_signals next;

#define LOOK_UP(member, name) (*(void **)&next.member = dlsym(RTLD_NEXT, name))

__attribute__((constructor)) static void look_up(void) {
    if (dlsym == NULL)
        return;
    LOOK_UP(signal, "signal");
    LOOK_UP(sysv_signal, "__sysv_signal");
    LOOK_UP(siginterrupt, "siginterrupt");
    LOOK_UP(sigpending, "sigpending");
    LOOK_UP(sigaction, "sigaction");
}

/* Another library's constructor may run before ours. */
__attribute__((noinline)) const struct kq_next_signals *kq_next_signals(void) {
    if (next.sigaction == NULL)
        look_up();
    return &next;
}

/* ---- Where there is no next one ---- */

int __sigaction(int number, const struct sigaction *action, struct sigaction *old);
#pragma weak __sigaction

#if defined __linux__ && (defined __x86_64__ || defined __aarch64__)
struct kernel_action {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

#ifdef __x86_64__
enum { RESTORER = 0x04000000 };
/* The kernel has a handler return to where it is told, on this machine. */
void kq_restore(void) __attribute__((visibility("hidden")));
__asm__(".pushsection .text\n.hidden kq_restore\n.type kq_restore,@function\n.globl kq_restore\n"
        "kq_restore: mov $15, %eax\n syscall\n.size kq_restore, .-kq_restore\n.popsection");
#else
enum { RESTORER = 0 };
#define kq_restore NULL
#endif

static int raw_sigaction(int number, const struct sigaction *action, struct sigaction *old) {
    struct kernel_action wanted, found;
    if (action != NULL) {
        wanted = (struct kernel_action){.handler = action->sa_handler,
                                        .flags = (unsigned)action->sa_flags | RESTORER,
                                        .restorer = kq_restore};
        memcpy(&wanted.mask, &action->sa_mask, sizeof wanted.mask);
    }
    long result = syscall(SYS_rt_sigaction, number, action == NULL ? NULL : &wanted,
                          old == NULL ? NULL : &found, sizeof wanted.mask);
    if (result == 0 && old != NULL) {
        memset(old, 0, sizeof *old);
        old->sa_handler = found.handler;
        old->sa_flags = (int)found.flags;
        memcpy(&old->sa_mask, &found.mask, sizeof found.mask);
    }
    return (int)result;
}
#else
static int raw_sigaction(int number, const struct sigaction *action, struct sigaction *old) {
    (void)number, (void)action, (void)old;
    errno = ENOSYS;
    return -1;
}
#endif

int kq_next_sigaction(int number, const void *action, void *old) {
    if (kq_next_signals()->sigaction != NULL)
        return next.sigaction(number, action, old);
    return __sigaction != NULL ? __sigaction(number, action, old) : raw_sigaction(number, action, old);
}
