// EV_SET and the four functions, as a C++ program meets them.
//
// SPDX-License-Identifier: BSD-2-Clause
#include <sys/event.h>

#include <iostream>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

static void require(bool holds, const std::string &what) {
    if (!holds)
        throw std::runtime_error(what);
}

class Queue {
  public:
    Queue() : descriptor(kqueue()) { require(descriptor >= 0, "kqueue"); }
    Queue(const Queue &) = delete;
    Queue &operator=(const Queue &) = delete;
    ~Queue() { close(descriptor); }

    std::vector<struct kevent> call(const std::vector<struct kevent> &changes) {
        std::vector<struct kevent> events(8);
        struct timespec limit = {5, 0};
        int count = kevent(descriptor, changes.data(), static_cast<int>(changes.size()), events.data(),
                           static_cast<int>(events.size()), &limit);
        require(count >= 0, "kevent");
        events.resize(static_cast<size_t>(count));
        return events;
    }

  private:
    int descriptor;
};

int main() try {
    Queue queue;
    std::string text = "handed back";
    std::vector<struct kevent> changes(2);
    EV_SET(&changes[0], 1, EVFILT_USER, EV_ADD, 0, 0, &text);
    EV_SET(&changes[1], 1, EVFILT_USER, 0, NOTE_FFCOPY | NOTE_TRIGGER | 5, 0, &text);
    auto events = queue.call(changes);
    require(events.size() == 1 && events[0].udata == &text && events[0].fflags == 5, "the event");
    std::cout << "smoke: ok" << std::endl;
    return 0;
} catch (const std::exception &error) {
    std::cerr << "smoke: " << error.what() << std::endl;
    return 1;
}
