import CKQueue
import CKQueueShims
import KQueueCore

// The C functions of <sys/event.h>, whose errno is set here: as a system call does, one that succeeds leaves it alone
// (C-369), whatever the calls inside it gave. What stands in front of libc's functions sets it in the core: SignalCalls,
// NextClose, SeparateTables.

@_cdecl("kqueue")
public func exportedKqueue() -> CInt {
  returning { () throws(Errno) in try makeKQueue(copies: false) }
}

@_cdecl("kqueue1")
public func exportedKqueue1(_ flags: CInt) -> CInt {
  // Every kqueue is close-on-exec, and none ever blocks in anything but kevent.
  guard flags & ~(O_CLOEXEC | O_NONBLOCK) == 0 else { return failing(EINVAL) }
  return exportedKqueue()
}

@_cdecl("kqueuex")
public func exportedKqueuex(_ flags: CUnsignedInt) -> CInt {
  guard flags & ~(KQUEUE_CLOEXEC | KQUEUE_CPONFORK) == 0 else { return failing(EINVAL) }
  return returning { () throws(Errno) in try makeKQueue(copies: flags & KQUEUE_CPONFORK != 0) }
}

@_cdecl("kevent")
public func exportedKevent(
  _ kq: CInt, _ changelist: UnsafePointer<Kevent>?, _ nchanges: CInt, _ eventlist: UnsafeMutablePointer<Kevent>?,
  _ nevents: CInt, _ timeout: UnsafePointer<timespec>?
) -> CInt {
  answering(
    kq, Changelist(start: changelist, count: Int(nchanges)), Eventlist(start: eventlist, count: Int(nevents)), timeout)
}

@_cdecl("kevent64")
public func exportedKevent64(
  _ kq: CInt, _ changelist: UnsafePointer<kevent64_s>?, _ nchanges: CInt,
  _ eventlist: UnsafeMutablePointer<kevent64_s>?, _ nevents: CInt, _ flags: CUnsignedInt,
  _ timeout: UnsafePointer<timespec>?
) -> CInt {
  guard flags & ~(KEVENT_FLAG_IMMEDIATE | KEVENT_FLAG_ERROR_EVENTS) == 0 else { return failing(EINVAL) }
  let changes = Changelist(extended: changelist, count: Int(nchanges))
  let takesEvents = flags & KEVENT_FLAG_ERROR_EVENTS == 0
  let events = Eventlist(extended: eventlist, count: Int(nevents), takesEvents: takesEvents)
  guard flags & KEVENT_FLAG_IMMEDIATE != 0 else { return answering(kq, changes, events, timeout) }
  return withUnsafePointer(to: timespec()) { answering(kq, changes, events, $0) }
}

@_cdecl("libkqueue_drain_pending_close")
public func exportedDrainPendingClose() {
  // The closer or the last thread inside frees a closed kqueue, so only kqueues whose close went unseen are pending.
  let error = kq_errno()
  if let registry = sharedRegistry(), registry.isOwn { registry.reap() }
  kq_set_errno(error)
}

@inline(__always)
private func answering(
  _ kq: CInt, _ changes: Changelist, _ events: Eventlist, _ timeout: UnsafePointer<timespec>?
) -> CInt {
  let before = kq_errno()
  let result: CInt
  do throws(Errno) {
    result = try call(kq, changes, events, timeout)
  } catch {
    trace(kq, changes, events, -error.code)
    return failing(error.code)
  }
  trace(kq, changes, events, result)
  kq_set_errno(before)
  return result
}

@inline(__always)
private func trace(_ kq: CInt, _ changes: Changelist, _ events: Eventlist, _ result: CInt) {
  if kq_tracing() { kq_trace_call(kq, CInt(changes.count), CInt(events.count), result) }
}

@inline(__always)
private func call(
  _ kq: CInt, _ changes: Changelist, _ events: Eventlist, _ timeout: UnsafePointer<timespec>?
) throws(Errno) -> CInt {
  guard let handle = sharedRegistry()?.find(kq) else { throw Errno(isForeign(kq) ? EINVAL : EBADF) }
  guard changes.count >= 0 && events.count >= 0 else { throw Errno(EINVAL) }
  guard changes.hasMemory && events.hasMemory else { throw Errno(EFAULT) }
  // A call that may wait is a cancellation point, also where it finds events and so does not (C-027).
  if events.mayWait(timeout) { pthread_testcancel() }
  let written = try handle.kevent(
    kq, changes, events, timeout, cancelled: { Parked<NativeBackend>.abandon($0!) })
  return CInt(truncatingIfNeeded: written)
}

/// Whether the number is open and is no kqueue of this library.
private func isForeign(_ number: CInt) -> Bool {
  sharedRegistry()?.isForeign(number) ?? kq_is_open(number)
}

// MARK: errno

@inline(__always)
private func returning(_ body: () throws(Errno) -> CInt) -> CInt {
  let before = kq_errno()
  do throws(Errno) {
    let result = try body()
    kq_set_errno(before)
    return result
  } catch {
    return failing(error.code)
  }
}

@inline(never)
private func failing(_ code: CInt) -> CInt {
  kq_set_errno(code)
  return -1
}
