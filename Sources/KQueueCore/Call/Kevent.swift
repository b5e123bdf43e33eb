import CKQueue
import CKQueueShims

/// kevent() on one kqueue: changes in, then events out, waiting where there are none (contract 1.2).
extension KQueueHandle where Backend: ~Copyable {
  /// - Parameters:
  ///   - number: the descriptor that the caller named; the slot may be another's by now.
  ///   - cancelled: see `PlatformBackend.wait`; its context is a `Parked`.
  /// - Returns: the number of entries written.
  /// - Throws: EBADF, EINVAL, EINTR, ENOMEM, and the errno of a change for which there was no room.
  public func kevent(
    _ number: CInt, _ changes: Changelist, _ events: Eventlist, _ timeout: UnsafePointer<timespec>?,
    cancelled: CancelHandler?
  ) throws(Errno) -> Int {
    var signals = kq_wait_signals()
    kq_abandon_left_waits()
    if Jumps.areKnown { signals.hold() }
    defer { if signals.are_held { signals.letGo() } }
    if lock() { signals.hold() }
    guard isOpen(as: number) else {
      unlock()
      throw Errno(EBADF)
    }
    reclaimClosed()
    if isClosedUnseen() {
      closeUnseen()
      throw Errno(registry.isForeign(number) ? EINVAL : EBADF)
    }
    guard queue.pointee.checkIntact() else {
      unlock()
      throw Errno(EBADF)
    }
    do throws(Errno) {
      var result = try applyAll(changes, events)
      if result == nil { result = events.isForEvents ? try collect(events, timeout, &signals, cancelled) : 0 }
      flushAndUnlock()
      return result.unsafelyUnwrapped
    } catch {
      // A kqueue that was closed during the wait has nothing to flush.
      if slot.pointee.number == number + 1 { flushAndUnlock() } else { unlock() }
      throw error
    }
  }

  /// Applies the changelist.
  /// - Returns: how many entries it wrote to the eventlist, or nil where the call goes on to collect.
  private func applyAll(_ changes: Changelist, _ events: Eventlist) throws(Errno) -> Int? {
    var written = 0
    for place in 0..<changes.count {
      // Read before anything is written: the lists may be one array (C-039).
      var entry = changes[place]
      let ext = changes.ext(place)
      entry.flags &= ~UInt16(EV_SYSFLAGS & ~EV_OOBAND)
      do throws(Errno) {
        guard changes.fits(place) else { throw Errno(EINVAL) }
        let answers = try applyOne(&entry, changes.isExtended ? ext : nil)
        Backend.reach(.changed)
        guard answers else { continue }
        if written == events.count { return written }
      } catch {
        guard written < events.count else { throw error }
        entry.flags |= UInt16(EV_ERROR)
        entry.data = Int(error.code)
      }
      events.write(entry, at: written, ext)
      written += 1
    }
    return written > 0 ? written : nil
  }

  /// Applies one change; `entry` becomes what is to be written where it returns true.
  @inline(__always)
  private func applyOne(_ entry: inout Kevent, _ ext: Extension?) throws(Errno) -> Bool {
    if entry.filter == Filter.libkqueue.rawValue {
      try answerQuery(&entry)
      return true
    }
    if entry.filter == 0 { return false }  // skipped, as FreeBSD does (C-040)
    do throws(Errno) {
      try requireReadOfKQueue(entry)
      if let ext { try queue.pointee.apply(entry, ext) } else { try queue.pointee.apply(entry) }
      if kq_tracing() { trace(entry, 0) }
    } catch {
      if kq_tracing() { trace(entry, error.code) }
      throw error
    }
    guard entry.flags & UInt16(EV_RECEIPT) != 0 else { return false }
    entry.flags |= UInt16(EV_ERROR)
    entry.data = 0
    return true
  }

  /// A kqueue can be read and nothing else (contract 3.8). One that was replaced unseen is closed, and is none.
  @inline(__always)
  private func requireReadOfKQueue(_ entry: Kevent) throws(Errno) {
    guard entry.has(EV_ADD), entry.ident <= UInt(CInt.max), let filter = Filter(rawValue: entry.filter),
      filter.watchesDescriptor, let other = registry.find(CInt(truncatingIfNeeded: entry.ident))
    else { return }
    if other.closeIfReplaced() || filter == .read { return }
    // Another thread may be about to find out that it was replaced, and hold its lock.
    if !Backend.namesNoKQueue(CInt(truncatingIfNeeded: entry.ident)) { throw Errno(EINVAL) }
  }

  @inline(never)
  private func trace(_ entry: Kevent, _ error: CInt) {
    kq_trace_change(
      slot.pointee.number - 1, entry.ident, CInt(entry.filter), UInt32(entry.flags), entry.fflags, entry.data, error)
  }
}

extension KQueue where Backend: ~Copyable {
  /// Whether the kqueue has all that it needs inside, which a program may close, as a daemon's closefrom does (F7).
  @inline(__always)
  mutating func checkIntact() -> Bool {
    if seenLost != OwnDescriptors.lost {
      seenLost = OwnDescriptors.lost
      isBroken = isBroken || !backend.isIntact
    }
    return !isBroken
  }
}
