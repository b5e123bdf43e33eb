/*
 * The registers of a traced thread at a system call.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "faults.h"

#include <elf.h>
#include <linux/ptrace.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <unistd.h>

/* libc's header and the kernel's do not go together. */
static long ask(long request, pid_t thread, long place, long data) {
    return syscall(SYS_ptrace, request, (long)thread, place, data);
}

bool read_registers(pid_t thread, struct registers *registers) {
    struct ptrace_syscall_info info;
    memset(&info, 0, sizeof info);
    if (ask(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, (long)&info) < 0)
        return false;
    registers->is_entry = info.op == PTRACE_SYSCALL_INFO_ENTRY;
    registers->result = info.op == PTRACE_SYSCALL_INFO_EXIT ? (long)info.exit.rval : 0;
    if (registers->is_entry) {
        registers->number = info.entry.nr;
        for (int i = 0; i < 6; i++)
            registers->arguments[i] = info.entry.args[i];
    }
    return true;
}

#if defined(__x86_64__)
void skip_call(pid_t thread) {
    ask(PTRACE_POKEUSR, thread, offsetof(struct user_regs_struct, orig_rax), -1);
}

void set_result(pid_t thread, long result) {
    ask(PTRACE_POKEUSR, thread, offsetof(struct user_regs_struct, rax), result);
}
#elif defined(__aarch64__)
void skip_call(pid_t thread) {
    int none = -1;
    struct iovec vector = {&none, sizeof none};
    ask(PTRACE_SETREGSET, thread, NT_ARM_SYSTEM_CALL, (long)&vector);
}

void set_result(pid_t thread, long result) {
    struct user_regs_struct all;
    struct iovec vector = {&all, sizeof all};
    ask(PTRACE_GETREGSET, thread, NT_PRSTATUS, (long)&vector);
    all.regs[0] = (unsigned long)result;
    ask(PTRACE_SETREGSET, thread, NT_PRSTATUS, (long)&vector);
}
#else
void skip_call(pid_t thread) {
    (void)thread;
}
void set_result(pid_t thread, long result) {
    (void)thread, (void)result;
}
#endif
