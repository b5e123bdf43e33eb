/* Asks the library who it is, and whether it sees the calls that close descriptors.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/event.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void) {
    struct kevent question, answer;
    int kq = kqueue();

    EV_SET(&question, 0, EVFILT_LIBKQUEUE, EV_ADD, NOTE_VERSION_STR, 0, NULL);
    if (kq < 0 || kevent(kq, &question, 1, &answer, 1, NULL) != 1)
        err(1, "kevent");
    printf("libkqueue %s", (const char *)answer.udata);
    EV_SET(&question, 0, EVFILT_LIBKQUEUE, EV_ADD, NOTE_INTERPOSED, 0, NULL);
    if (kevent(kq, &question, 1, &answer, 1, NULL) != 1)
        err(1, "kevent");
    printf(", closes are %s\n", answer.data ? "seen" : "looked for");
    return 0;
}
