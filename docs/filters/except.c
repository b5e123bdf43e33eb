/* Hears of urgent data.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/event.h>

#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {0}};
    socklen_t length = sizeof address;
    struct kevent change, event;
    int kq = kqueue(), listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), server;
    char byte = 0;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 1) != 0
        || getsockname(listener, (struct sockaddr *)&address, &length) != 0
        || connect(client, (struct sockaddr *)&address, length) != 0 || (server = accept(listener, NULL, NULL)) < 0)
        err(1, "a connection");
    EV_SET(&change, server, EVFILT_EXCEPT, EV_ADD, NOTE_OOB, 0, NULL);
    if (send(client, "!", 1, MSG_OOB) != 1 || kevent(kq, &change, 1, &event, 1, NULL) != 1)
        err(1, "kevent");
    if (event.fflags & NOTE_OOB && recv(server, &byte, 1, MSG_OOB) == 1)
        printf("urgent: %c\n", byte);
    return byte == '!' ? 0 : 1;
}
