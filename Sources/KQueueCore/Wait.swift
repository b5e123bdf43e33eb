import CKQueue
import CKQueueShims
import Synchronization

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
    if kq_jumps() { kq_signals_hold(&signals) }
    defer { if signals.are_held { kq_signals_let_go(&signals) } }
    if lock() { kq_signals_hold(&signals) }
    guard isOpen(as: number) else {
      unlock()
      throw Errno(EBADF)
    }
    seeToClosed()
    if isClosedUnseen() {
      closeUnseen()
      throw Errno(registry.isForeign(number) ? EINVAL : EBADF)
    }
    if queue.pointee.seesItselfBroken() {
      unlock()
      throw Errno(EBADF)
    }
    do throws(Errno) {
      var result = try applyAll(changes, events)
      if result == nil { result = events.isForEvents ? try collect(events, timeout, &signals, cancelled) : 0 }
      flushAndUnlock()
      return result.unsafelyUnwrapped
    } catch {
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
    if entry.filter == Filter.libkqueue.rawValue { return try answerQuery(&entry) }
    if entry.filter == 0 { return false }  // skipped, as FreeBSD does (C-040)
    do throws(Errno) {
      try refuseOtherThanRead(entry)
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

  /// A kqueue can be read and nothing else (contract 3.8).
  @inline(__always)
  private func refuseOtherThanRead(_ entry: Kevent) throws(Errno) {
    guard entry.has(EV_ADD), entry.ident <= UInt(CInt.max), let filter = Filter(rawValue: entry.filter),
      filter.watchesDescriptor, let other = registry.find(CInt(truncatingIfNeeded: entry.ident))
    else { return }
    if !other.closeIfReplaced() && filter != .read { throw Errno(EINVAL) }
  }

  private func trace(_ entry: Kevent, _ error: CInt) {
    kq_trace_change(
      slot.pointee.number - 1, entry.ident, CInt(entry.filter), UInt32(entry.flags), entry.fflags, entry.data, error)
  }

  // MARK: Collecting

  /// Collects at least one event, or none when the time is up. The lock is held, but not while it waits.
  ///
  /// Signals are held once a wait brought nothing, so that none comes unseen before the next wait (C-347). Where the
  /// call before woke for nothing, or the wait is going to be cut, they are held from the first wait on, whose end would
  /// be such a moment again.
  private func collect(
    _ events: Eventlist, _ timeout: UnsafePointer<timespec>?, _ signals: UnsafeMutablePointer<kq_wait_signals>,
    _ cancelled: CancelHandler?
  ) throws(Errno) -> Int {
    let deadline = try Deadline(timeout, queue.pointee.backend)
    let own = queue.pointee.deliverOwn(events)
    if own > 0 { return own }
    let buffer = try queue.pointee.takeBuffer(events.count)
    var parked = Parked(handle: self, buffer: buffer, signals: signals, waiter: nil)
    while true {
      let (delivered, asked) = queue.pointee.collectNow(
        events, buffer, poll: deadline.isAtOnce || queue.pointee.isClogged)
      if delivered != 0 || asked && deadline.isAtOnce { return try finish(delivered, buffer) }

      let whole = deadline.left(queue.pointee.backend)
      let left = sliced(whole)
      if queue.pointee.wakesForNothing || left != whole { kq_signals_hold(signals) }
      if queue.pointee.backend.validates && !queue.pointee.backend.isAlive {
        queue.pointee.buffers.give(back: buffer)
        throw Errno(EBADF)
      }
      let lastPass = queue.pointee.pass
      guard let reports = try park(&parked, left, min(events.count, buffer.count), cancelled) else {
        parked.unmapBuffer()
        throw Errno(EBADF)
      }
      // Closed unseen while it waited: what came with it is of a file that has the number now.
      if isClosedUnseen() {
        queue.pointee.buffers.give(back: buffer)
        throw Errno(EBADF)
      }
      let count = queue.pointee.deliverAwaited(reports, of: buffer, to: events, asked: lastPass)
      if count > 0 { queue.pointee.wakesForNothing = false }
      if count != 0 || deadline.isOver(queue.pointee.backend) { return try finish(count, buffer) }
      if signals.pointee.interrupted { return try finish(Int(-EINTR), buffer) }
      queue.pointee.wakesForNothing = true
      kq_signals_hold(signals)
    }
  }

  /// Where a close of the kqueue would go unseen, a waiter looks for it now and then.
  @inline(__always)
  private func sliced(_ nanoseconds: Int64?) -> Int64? {
    queue.pointee.backend.validates ? min(nanoseconds ?? .max, 50_000_000) : nanoseconds
  }

  @inline(__always)
  private func finish(_ delivered: Int, _ buffer: UnsafeMutableBufferPointer<Backend.RawEvent>) throws(Errno) -> Int {
    queue.pointee.buffers.give(back: buffer)
    if delivered < 0 { throw Errno(CInt(-delivered)) }
    return delivered
  }

  /// How long a thread sleeps at a time, in ns, where nobody could wake it: it looks for a close by itself.
  private static var unwokenInterval: Int64 { 50_000_000 }

  /// How long a thread sleeps, in ns, where a wait would end at once for what nobody can remove as yet.
  private static var cloggedInterval: Int64 { 10_000_000 }

  /// Waits without the lock. It is the only place where a thread sleeps.
  /// - Returns: as `PlatformBackend.wait`, or nil where the kqueue was closed meanwhile.
  private func park(
    _ parked: inout Parked<Backend>, _ nanoseconds: Int64?, _ room: Int, _ cancelled: CancelHandler?
  ) throws(Errno) -> CInt? {
    // For close(kq) to wake us; without it all else works.
    let canBeWoken = (try? queue.pointee.backend.prepareWake()) != nil
    let left = canBeWoken ? nanoseconds : min(nanoseconds ?? .max, Self.unwokenInterval)
    let waiter = try enter(&parked)
    let buffer = UnsafeMutableBufferPointer(rebasing: parked.buffer[..<room])
    queue.pointee.waiters += 1
    let nanoseconds = announceWait() ? left : 0
    let isClogged = queue.pointee.isClogged
    let signals = parked.signals.unsafelyUnwrapped
    Backend.reach(.announced)
    let place = parked.keep(cancelled)
    flushAndUnlock()
    let reports = withUnsafeMutablePointer(to: &parked) {
      isClogged
        ? kq_nap(min(nanoseconds ?? .max, Self.cloggedInterval), cancelled, $0)
        : Backend.wait(
          waiter, buffer, nanoseconds: nanoseconds, signals: signals, cancelled: cancelled, context: $0)
    }
    kq_wait_ends(place)
    lock()
    guard leave(waiter) else { return nil }
    Backend.reach(.left)
    seeToClosed()
    return reports
  }

  /// Tells closers that a thread waits.
  /// - Returns: whether there is no close that it has to see to first.
  @inline(__always)
  private func announceWait() -> Bool {
    guard Backend.waitsKeepFiles else { return true }
    queue.pointee.publishWatchSets()
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    return slot.pointee.closedNumbers.count.load(ordering: .acquiring) == queue.pointee.seenClosed
  }

  @inline(__always)
  private func enter(_ parked: inout Parked<Backend>) throws(Errno) -> Backend.Waiter {
    do throws(Errno) {
      let waiter = try queue.pointee.enter()
      parked.waiter = waiter
      return waiter
    } catch {
      queue.pointee.buffers.give(back: parked.buffer)
      throw error
    }
  }
}

/// A thread that waits, as its cancellation finds it.
public struct Parked<Backend: PlatformBackend & ~Copyable>: BitwiseCopyable {
  let handle: KQueueHandle<Backend>
  let buffer: UnsafeMutableBufferPointer<Backend.RawEvent>
  /// Nil once the frame is gone: whoever jumped out of it had the mask set.
  private(set) var signals: UnsafeMutablePointer<kq_wait_signals>?
  fileprivate var waiter: Backend.Waiter?

  /// Cleans up after a thread that was cancelled while it waited. Reports that the kernel may have handed
  /// to it are asked for again, so no other thread misses them (C-028).
  public static func abandon(_ context: UnsafeMutableRawPointer) {
    let parked = context.assumingMemoryBound(to: Parked.self).pointee
    let handle = parked.handle
    if parked.signals != nil { kq_forget_waits() }
    defer { if let signals = parked.signals, signals.pointee.are_held { kq_signals_let_go(signals) } }
    handle.lock()
    // A child finds nothing there.
    guard handle.slot.pointee.isInitialised else { return handle.unlock() }
    if handle.leave(parked.waiter.unsafelyUnwrapped) {
      handle.queue.pointee.buffers.give(back: parked.buffer)
      handle.queue.pointee.askAgain()
      handle.flushAndUnlock()
    } else {
      parked.unmapBuffer()
      handle.unlock()
    }
  }

  /// Has a later call of the thread abandon this wait, should a handler jump out of it.
  fileprivate mutating func keep(_ abandon: CancelHandler?) -> CInt {
    let own = signals
    signals = nil
    defer { signals = own }
    return withUnsafePointer(to: &self) { kq_wait_begins(abandon, $0, MemoryLayout<Parked>.size) }
  }

  /// Frees the buffer of a kqueue that was closed meanwhile.
  func unmapBuffer() {
    Arena.unmap(buffer.baseAddress.unsafelyUnwrapped, count: buffer.count)
  }
}

extension KQueue where Backend: ~Copyable {
  /// Whether the program closed what the kqueue needs inside, as a daemon's closefrom does (F7).
  @inline(__always)
  mutating func seesItselfBroken() -> Bool {
    if seenLost != kq_lost() {
      seenLost = kq_lost()
      isBroken = isBroken || !backend.isIntact
    }
    return isBroken
  }

  typealias Buffer = UnsafeMutableBufferPointer<Backend.RawEvent>

  /// The timers are armed first, so that the thread knows them.
  mutating func enter() throws(Errno) -> Backend.Waiter {
    armTimers()
    return try backend.enter(knotes)
  }

  /// A buffer that is large enough for everything that could be reported, or for the eventlist.
  mutating func takeBuffer(_ room: Int) throws(Errno) -> Buffer {
    try buffers.take(min(room, knotes.count + 8))
  }

  /// Delivers what is queued, together with what the system has by now, without waiting.
  ///
  /// The system is asked for all that it has where something is queued that it will not report again: only so
  /// are they delivered in the order of their activation, and a second edge joins the first (contract 3.4, 3.6).
  /// What it reports again it also hands out in turn, so there the eventlist's room is enough.
  /// - Parameter poll: ask it even where nothing is queued.
  /// - Returns: how many were delivered or a negative errno, and whether the system was asked.
  mutating func collectNow(_ events: Eventlist, _ buffer: Buffer, poll: Bool) -> (delivered: Int, asked: Bool) {
    lookAgain()
    if backend.hasUntold { gatherUntold() }
    if ready.isEmpty {
      guard poll && !isQuiet else { return (0, isQuiet) }
      armTimers()
    }
    let room = ready.held > 0 ? buffer.count : min(events.count, buffer.count)
    let delivered = harvest(events, buffer, room: room)
    if delivered == 0 && poll && !polled.isEmpty { dropOver() }
    return (delivered, true)
  }

  /// Whether the system has nothing that it could report but our own wake.
  private var isQuiet: Bool {
    @inline(__always) get {
      backend.isIdle && !mayReportStale && timers[0].count == 0 && timers[1].count == 0 && polled.isEmpty
        && unsettled.isEmpty && told.isEmpty
    }
  }

  /// Delivers what is queued where the system need not be asked at all: a kqueue of USER knotes alone.
  @inline(__always)
  mutating func deliverOwn(_ events: Eventlist) -> Int {
    guard !ready.isEmpty && isQuiet else { return 0 }
    beginPass()
    return deliverReady(to: events, after: 0)
  }

  /// Delivers what the system has by now.
  ///
  /// What fills the room may be the platform's own, with the knotes behind it, or nothing to deliver; it is asked again
  /// until it has had the room to report each knote, and no longer: others may make work all the time (C-352). So it is
  /// where a knote was lost, whose watch may have told of its own end: nothing would be there for the next poll (C-351).
  private mutating func harvest(_ events: Eventlist, _ buffer: Buffer, room: Int) -> Int {
    for _ in 0...(knotes.count / room &+ 4) {
      let asked = pass
      hasLost = false
      let reports = Int(backend.poll(knotes, UnsafeMutableBufferPointer(rebasing: buffer[..<room])))
      if reports < 0 { return reports }
      let delivered = deliver(reports, of: buffer, to: events, asked: asked)
      confirmStale(buffer)
      if delivered > 0 || reports < room && !hasLost { return delivered }
    }
    return 0
  }

  /// Delivers what a wait brought; after a signal, what others queued meanwhile, and what came of the signal itself
  /// (C-026, contract 6.8).
  mutating func deliverAwaited(_ reports: CInt, of buffer: Buffer, to events: Eventlist, asked: UInt32) -> Int {
    guard reports >= 0 else {
      let delivered = harvest(events, buffer, room: min(events.count, buffer.count))
      return delivered == 0 ? Int(reports) : delivered
    }
    let delivered = deliver(Int(reports), of: buffer, to: events, asked: asked)
    confirmStale(buffer)
    // What filled the room was nothing to deliver, and the time may be up for what is behind it (C-079).
    let room = min(events.count, buffer.count)
    return delivered == 0 && Int(reports) == room ? harvest(events, buffer, room: room) : delivered
  }

  /// Has every report made again that a thread may have taken with it.
  mutating func askAgain() {
    wakePending = false
    armed = InlineArray(repeating: 0)
    var place: UInt32 = 0
    while let index = knotes.next(&place) {
      let filter = knotes[index].pointee.kind
      guard filter.isPlatforms, filter.recordsOccurrences || !knotes[index].pointee.isDisabled else { continue }
      try? backend.update(index, knotes)
    }
  }
}
