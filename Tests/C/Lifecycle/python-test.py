# Loads the library as an extension of a scripting language would: with dlopen, which leaves the
# program's close() to libc. The library must find closes out by itself.
#
#   python3 python-test.py LIBRARY
#
# SPDX-License-Identifier: BSD-2-Clause
import ctypes
import os
import socket
import sys
import time

SKIPPED = 77
EVFILT_READ, EVFILT_TIMER, EVFILT_USER, EVFILT_LIBKQUEUE = -1, -7, -11, -12
EV_ADD, EV_DELETE, EV_ONESHOT, EV_CLEAR = 0x1, 0x2, 0x10, 0x20
NOTE_TRIGGER, NOTE_INTERPOSED = 0x01000000, 64
EBADF, ENOENT = 9, 2


class Kevent(ctypes.Structure):
    _fields_ = [
        ("ident", ctypes.c_size_t),
        ("filter", ctypes.c_short),
        ("flags", ctypes.c_ushort),
        ("fflags", ctypes.c_uint),
        ("data", ctypes.c_ssize_t),
        ("udata", ctypes.c_void_p),
    ]


class Timespec(ctypes.Structure):
    _fields_ = [("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long)]


def fail(reason):
    print(reason)
    sys.exit(1)


def require(condition, reason):
    if not condition:
        fail(reason)


class KQueue:
    def __init__(self, library):
        self.library = library
        self.number = library.kqueue()
        require(self.number >= 0, "no kqueue: " + os.strerror(ctypes.get_errno()))

    def change(self, ident, filter, flags, fflags=0, data=0):
        """The errno of a change, 0 where it succeeds."""
        entry = Kevent(ident, filter, flags, fflags, data, None)
        result = self.library.kevent(self.number, ctypes.byref(entry), 1, None, 0, None)
        return ctypes.get_errno() if result == -1 else 0

    def collect(self, seconds):
        """(ident, filter, data) of the events; None where the kqueue is gone."""
        events = (Kevent * 16)()
        timeout = Timespec(int(seconds), int(seconds % 1 * 1e9))
        count = self.library.kevent(self.number, None, 0, events, 16, ctypes.byref(timeout))
        if count == -1:
            require(ctypes.get_errno() == EBADF, os.strerror(ctypes.get_errno()))
            return None
        return [(event.ident, event.filter, event.data) for event in events[:count]]

    def is_told_of_closes(self):
        entry = Kevent(0, EVFILT_LIBKQUEUE, EV_ADD, NOTE_INTERPOSED, 0, None)
        count = self.library.kevent(self.number, ctypes.byref(entry), 1, ctypes.byref(entry), 1, None)
        require(count == 1, "no answer to NOTE_INTERPOSED")
        return entry.data


def test_events(kq):
    left, right = socket.socketpair()
    require(kq.change(left.fileno(), EVFILT_READ, EV_ADD) == 0, "EV_ADD failed")
    require(kq.collect(0) == [], "an event of an empty socket")
    right.send(b"hello")
    require(kq.collect(1) == [(left.fileno(), EVFILT_READ, 5)], "the socket is not reported")
    require(kq.change(left.fileno(), EVFILT_READ, EV_DELETE) == 0, "EV_DELETE failed")
    require(kq.change(1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 5) == 0, "no timer")
    require(kq.collect(1) == [(1, EVFILT_TIMER, 1)], "the timer is not reported")
    require(kq.change(1, EVFILT_USER, EV_ADD | EV_CLEAR) == 0, "no EVFILT_USER")
    require(kq.change(1, EVFILT_USER, 0, NOTE_TRIGGER) == 0, "no trigger")
    require([event[:2] for event in kq.collect(1)] == [(1, EVFILT_USER)], "the trigger is not reported")
    left.close()
    right.close()


def test_closes(kq):
    """Closed by os.close with data pending, while a duplicate keeps the file open."""
    for round in range(300):
        left, right = socket.socketpair()
        number = left.detach()
        copy = os.dup(number)
        require(kq.change(number, EVFILT_READ, EV_ADD | (EV_CLEAR if round % 2 else 0)) == 0, "EV_ADD failed")
        right.send(b"x")
        os.close(number)
        if round % 3 == 0:
            require(kq.collect(0) == [], "an event of a closed number")
        other = os.open("/dev/null", os.O_RDONLY)  # which gets the number
        require(other == number, "the number is not used again")
        require(kq.collect(0) == [], "an event of a number that is another file's")
        require(kq.change(number, EVFILT_READ, EV_DELETE) == ENOENT, "the knote outlived the close")
        os.close(other)
        require(kq.change(number, EVFILT_READ, EV_DELETE) == EBADF, "no EBADF of a closed number")
        os.close(copy)
        right.close()


def test_idle(kq):
    """A close that nobody saw costs no CPU."""
    read, write = os.pipe()
    copy = os.dup(read)
    require(kq.change(read, EVFILT_READ, EV_ADD) == 0, "EV_ADD failed")
    os.write(write, b"x")
    os.close(read)
    before = time.process_time()
    require(kq.collect(1) == [], "an event of a closed number")
    require(time.process_time() - before < 0.02, "waiting takes CPU time")
    os.close(copy)
    os.close(write)


def test_closed_kqueue(library):
    for _ in range(50):
        kq = KQueue(library)
        read, write = os.pipe()
        os.write(write, b"x")
        require(kq.change(read, EVFILT_READ, EV_ADD) == 0, "EV_ADD failed")
        os.close(kq.number)
        require(kq.collect(0) is None, "a closed kqueue works")
        fresh = KQueue(library)
        require(fresh.number == kq.number, "the number is not used again")
        require(fresh.collect(0) == [], "a new kqueue has an old one's knotes")
        for number in (fresh.number, read, write):
            os.close(number)


def count_descriptors():
    return len(os.listdir("/proc/self/fd"))


def main():
    if len(sys.argv) != 2:
        fail("usage: python3 python-test.py LIBRARY")
    try:
        library = ctypes.CDLL(sys.argv[1], use_errno=True)  # RTLD_LOCAL
    except OSError as error:
        if "sanitizer" in str(error) or "TLS" in str(error) or "__asan" in str(error) or "__tsan" in str(error):
            print("skipped:", error)
            sys.exit(SKIPPED)
        fail(error)
    kq = KQueue(library)
    require(kq.is_told_of_closes() == 0, "NOTE_INTERPOSED is not 0")
    test_events(kq)
    test_closes(kq)
    test_idle(kq)
    test_closed_kqueue(library)
    before = count_descriptors()
    test_closes(kq)
    test_closed_kqueue(library)
    require(count_descriptors() <= before, "descriptors leak")
    os.close(kq.number)
    print("ok")


main()
