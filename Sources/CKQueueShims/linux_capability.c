/*
 * Linux: the calls of libcap, where the library is built with it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#include "include/kqueue_shims_linux.h"

#ifdef KQUEUE_LIBCAP
#include <sys/capability.h>

void *kq_capabilities(void) {
    return cap_get_proc();
}

void kq_free_capabilities(void *state) {
    cap_free(state);
}

bool kq_has_capability(void *state, bool in_effect) {
    cap_flag_value_t value = CAP_CLEAR;
    cap_flag_t flag = in_effect ? CAP_EFFECTIVE : CAP_PERMITTED;
    return cap_get_flag(state, CAP_NET_ADMIN, flag, &value) == 0 && value == CAP_SET;
}

bool kq_put_capability(void *state, bool in_effect) {
    cap_value_t number = CAP_NET_ADMIN;
    cap_flag_value_t value = in_effect ? CAP_SET : CAP_CLEAR;
    return cap_set_flag(state, CAP_EFFECTIVE, 1, &number, value) == 0 && cap_set_proc(state) == 0;
}
#else
/* There is never a state, so the core calls none of the others. */
void *kq_capabilities(void) { return NULL; }
void kq_free_capabilities(void *state) { (void)state; }
bool kq_has_capability(void *state, bool in_effect) { return state != NULL && in_effect; }
bool kq_put_capability(void *state, bool in_effect) { return state != NULL && in_effect; }
#endif
#endif
