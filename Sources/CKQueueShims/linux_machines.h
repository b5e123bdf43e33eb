/*
 * Linux: what is told of a machine's own ways where a system call is made by hand: the
 * stack pointer, the call, and how far below the stack pointer a handler's frame begins.
 * Where KQ_HAS_CALLS is not defined nothing is known of the machine.
 *
 * The sixth argument is none of those that any call needs here; where a machine passes
 * it in a register that is hard to come by it is left out.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_LINUX_MACHINES_H
#define KQUEUE_LINUX_MACHINES_H

#include <stdint.h>

#define KQ_ALWAYS static inline __attribute__((always_inline))

#if defined __x86_64__ && defined __LP64__
#define KQ_HAS_CALLS
enum { KQ_RED_ZONE = 128, KQ_FRAME_FIRST = 192 }; /* the kernel leaves the red zone out; rounding may take 64 bytes */

KQ_ALWAYS uintptr_t kq_stack_pointer(void) {
    uintptr_t here;
    __asm__ volatile("mov %%rsp, %0" : "=r"(here));
    return here;
}

KQ_ALWAYS long kq_make_call(long number, const long *a) {
    long result;
    register long fourth __asm__("r10") = a[3];
    register long fifth __asm__("r8") = a[4];
    register long sixth __asm__("r9") = a[5];
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(fourth), "r"(fifth), "r"(sixth)
                     : "rcx", "r11", "memory");
    return result;
}

#elif defined __i386__
#define KQ_HAS_CALLS
enum { KQ_RED_ZONE = 0, KQ_FRAME_FIRST = 64 };

KQ_ALWAYS uintptr_t kq_stack_pointer(void) {
    uintptr_t here;
    __asm__ volatile("mov %%esp, %0" : "=r"(here));
    return here;
}

KQ_ALWAYS long kq_make_call(long number, const long *a) {
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4])
                     : "memory");
    return result;
}

#elif defined __aarch64__ && defined __LP64__
#define KQ_HAS_CALLS
enum { KQ_RED_ZONE = 0, KQ_FRAME_FIRST = 16 }; /* the frame begins with a link, here */

KQ_ALWAYS uintptr_t kq_stack_pointer(void) {
    uintptr_t here;
    __asm__ volatile("mov %0, sp" : "=r"(here));
    return here;
}

KQ_ALWAYS long kq_make_call(long of, const long *a) {
    register long number __asm__("x8") = of;
    register long first __asm__("x0") = a[0];
    register long second __asm__("x1") = a[1];
    register long third __asm__("x2") = a[2];
    register long fourth __asm__("x3") = a[3];
    register long fifth __asm__("x4") = a[4];
    register long sixth __asm__("x5") = a[5];
    __asm__ volatile("svc #0"
                     : "+r"(first)
                     : "r"(number), "r"(second), "r"(third), "r"(fourth), "r"(fifth), "r"(sixth)
                     : "memory", "cc");
    return first;
}

#elif defined __arm__ && defined __ARM_EABI__
#define KQ_HAS_CALLS
enum { KQ_RED_ZONE = 0, KQ_FRAME_FIRST = 16 };

KQ_ALWAYS uintptr_t kq_stack_pointer(void) {
    uintptr_t here;
    __asm__ volatile("mov %0, sp" : "=r"(here));
    return here;
}

/* The call's number goes into r7, which may be the frame pointer of Thumb code. */
KQ_ALWAYS long kq_make_call(long number, const long *a) {
    long saved;
    register long first __asm__("r0") = a[0];
    register long second __asm__("r1") = a[1];
    register long third __asm__("r2") = a[2];
    register long fourth __asm__("r3") = a[3];
    register long fifth __asm__("r4") = a[4];
    __asm__ volatile("mov %[saved], r7\n\tmov r7, %[number]\n\tsvc #0\n\tmov r7, %[saved]"
                     : "+r"(first), [saved] "=&r"(saved)
                     : [number] "r"(number), "r"(second), "r"(third), "r"(fourth), "r"(fifth)
                     : "memory", "cc");
    return first;
}

#elif defined __riscv && __riscv_xlen == 64
#define KQ_HAS_CALLS
enum { KQ_RED_ZONE = 0, KQ_FRAME_FIRST = 16 };

KQ_ALWAYS uintptr_t kq_stack_pointer(void) {
    uintptr_t here;
    __asm__ volatile("mv %0, sp" : "=r"(here));
    return here;
}

KQ_ALWAYS long kq_make_call(long of, const long *a) {
    register long number __asm__("a7") = of;
    register long first __asm__("a0") = a[0];
    register long second __asm__("a1") = a[1];
    register long third __asm__("a2") = a[2];
    register long fourth __asm__("a3") = a[3];
    register long fifth __asm__("a4") = a[4];
    register long sixth __asm__("a5") = a[5];
    __asm__ volatile("ecall"
                     : "+r"(first)
                     : "r"(number), "r"(second), "r"(third), "r"(fourth), "r"(fifth), "r"(sixth)
                     : "memory");
    return first;
}

#elif defined __s390x__
#define KQ_HAS_CALLS
enum { KQ_RED_ZONE = 0, KQ_FRAME_FIRST = 16 };

KQ_ALWAYS uintptr_t kq_stack_pointer(void) {
    uintptr_t here;
    __asm__ volatile("lgr %0, %%r15" : "=r"(here));
    return here;
}

KQ_ALWAYS long kq_make_call(long of, const long *a) {
    register long number __asm__("r1") = of;
    register long first __asm__("r2") = a[0];
    register long second __asm__("r3") = a[1];
    register long third __asm__("r4") = a[2];
    register long fourth __asm__("r5") = a[3];
    register long fifth __asm__("r6") = a[4];
    register long sixth __asm__("r7") = a[5];
    __asm__ volatile("svc 0"
                     : "+d"(first)
                     : "d"(number), "d"(second), "d"(third), "d"(fourth), "d"(fifth), "d"(sixth)
                     : "memory", "cc");
    return first;
}

#elif defined __powerpc64__
#define KQ_HAS_CALLS
enum { KQ_RED_ZONE = 512, KQ_FRAME_FIRST = 512 + 64 }; /* what the kernel leaves out, more than the ABI's 288 */

KQ_ALWAYS uintptr_t kq_stack_pointer(void) {
    uintptr_t here;
    __asm__ volatile("mr %0, 1" : "=r"(here));
    return here;
}

/* That it failed stands in a flag, and the errno is positive. */
KQ_ALWAYS long kq_make_call(long of, const long *a) {
    register long number __asm__("r0") = of;
    register long first __asm__("r3") = a[0];
    register long second __asm__("r4") = a[1];
    register long third __asm__("r5") = a[2];
    register long fourth __asm__("r6") = a[3];
    register long fifth __asm__("r7") = a[4];
    register long sixth __asm__("r8") = a[5];
    __asm__ volatile("sc\n\tbns+ 1f\n\tneg 3, 3\n1:"
                     : "+r"(number), "+r"(first), "+r"(second), "+r"(third), "+r"(fourth), "+r"(fifth), "+r"(sixth)
                     :
                     : "memory", "cr0", "ctr", "r9", "r10", "r11", "r12");
    return first;
}
#endif

#endif /* KQUEUE_LINUX_MACHINES_H */
