/*
 * Linux: CAP_NET_ADMIN, which older kernels want of who uses the process connector.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "include/kqueue_shims_linux.h"

#ifdef KQUEUE_LIBCAP
#include <sys/capability.h>

static bool set_effective(cap_t state, cap_flag_value_t value) {
    cap_value_t capability = CAP_NET_ADMIN;
    return cap_set_flag(state, CAP_EFFECTIVE, 1, &capability, value) == 0 && cap_set_proc(state) == 0;
}

static bool is_permitted_alone(cap_t state) {
    cap_flag_value_t permitted = CAP_CLEAR, effective = CAP_CLEAR;
    return cap_get_flag(state, CAP_NET_ADMIN, CAP_PERMITTED, &permitted) == 0 && permitted == CAP_SET &&
           cap_get_flag(state, CAP_NET_ADMIN, CAP_EFFECTIVE, &effective) == 0 && effective == CAP_CLEAR;
}

/* No handler of the program's runs with more than the program has. */
bool kq_capability_raise(struct kq_capability *capability) {
    cap_t state;
    capability->signals = kq_block_signals();
    capability->state = state = cap_get_proc();
    if (state != NULL && is_permitted_alone(state) && set_effective(state, CAP_SET))
        return true;
    if (state != NULL)
        cap_free(state);
    kq_unblock_signals(capability->signals);
    return false;
}

void kq_capability_lower(struct kq_capability *capability) {
    if (!set_effective(capability->state, CAP_CLEAR))
        kq_bug("a capability was raised and cannot be lowered");
    cap_free(capability->state);
    kq_unblock_signals(capability->signals);
}
#else
bool kq_capability_raise(struct kq_capability *capability) {
    (void)capability;
    return false;
}

void kq_capability_lower(struct kq_capability *capability) {
    (void)capability;
}
#endif
#endif
