import CKQueue
import CKQueueShims

/// Collecting: delivers the knotes that are ready, and waits where there are none (contract 1.2).
extension KQueueHandle where Backend: ~Copyable {
  /// Collects at least one event, or none when the timeout expires. The lock is held, but not while the thread waits.
  ///
  /// A handler that runs between two waits of one call would not end the call with EINTR (C-347). The call therefore
  /// blocks signals after a wait that delivers nothing. It blocks them before the first wait if the kqueue's last wait
  /// ended early and delivered nothing, or if the wait is shorter than the timeout.
  func collect(
    _ events: Eventlist, _ timeout: UnsafePointer<timespec>?, _ signals: UnsafeMutablePointer<kq_wait_signals>,
    _ cancelled: CancelHandler?
  ) throws(Errno) -> Int {
    let deadline = try Deadline(timeout, queue.pointee.backend)
    let own = queue.pointee.deliverOwn(events)
    if own > 0 { return own }
    let buffer = try queue.pointee.takeBuffer(events.count)
    var parked = Parked(handle: self, buffer: buffer, signals: signals, waiter: nil)
    var whole = deadline.timeout
    while true {
      let (delivered, isComplete) = queue.pointee.collectNow(
        events, buffer, poll: deadline.isPoll || queue.pointee.rebuildIsPending)
      if delivered != 0 || isComplete && deadline.isPoll { return try finish(delivered, buffer) }

      let left = sliced(whole)
      if queue.pointee.lastWaitWasEmpty || left != whole { signals.pointee.hold() }
      if queue.pointee.backend.validates && !queue.pointee.backend.isAlive {
        queue.pointee.buffers.give(back: buffer)
        throw Errno(EBADF)
      }
      let lastPass = queue.pointee.pass
      guard let reports = try park(&parked, left, min(events.count, buffer.count), cancelled) else {
        throw Errno(EBADF)
      }
      // The kqueue was closed unseen while the thread waited: its reports are of the file that has the number now.
      if isClosedUnseen() {
        queue.pointee.buffers.give(back: buffer)
        throw Errno(EBADF)
      }
      let count = queue.pointee.deliverAwaited(reports, of: buffer, to: events, asked: lastPass)
      if count > 0 { queue.pointee.lastWaitWasEmpty = false }
      if count == 0 { whole = deadline.left(queue.pointee.backend) }
      if count != 0 || whole == 0 { return try finish(count, buffer) }
      if signals.pointee.interrupted { return try finish(Int(-EINTR), buffer) }
      queue.pointee.lastWaitWasEmpty = true
      signals.pointee.hold()
    }
  }

  /// Where a close of the kqueue would go unseen, a waiter checks for it from time to time.
  @inline(__always)
  private func sliced(_ nanoseconds: Int64?) -> Int64? {
    queue.pointee.backend.validates ? min(nanoseconds ?? .max, Self.unwokenInterval) : nanoseconds
  }

  @inline(__always)
  private func finish(_ delivered: Int, _ buffer: UnsafeMutableBufferPointer<Backend.RawEvent>) throws(Errno) -> Int {
    queue.pointee.buffers.give(back: buffer)
    if delivered < 0 { throw Errno(CInt(-delivered)) }
    return delivered
  }
}

extension KQueue where Backend: ~Copyable {
  typealias Buffer = UnsafeMutableBufferPointer<Backend.RawEvent>

  /// A buffer with room for every report that there could be, or for as many as the eventlist has entries.
  mutating func takeBuffer(_ room: Int) throws(Errno) -> Buffer {
    try buffers.take(min(room, knotes.count + 8))
  }

  /// Delivers the queued knotes and those that the system reports now, without waiting.
  ///
  /// If a knote is queued, the poll asks for every report: delivery then follows the order of activation, and a second
  /// edge joins the first (contract 3.4, 3.6). Otherwise the kernel rotates its reports, and a poll of the eventlist's size
  /// suffices.
  /// - Parameter poll: ask it even where nothing is queued.
  /// - Returns: how many were delivered or a negative errno, and whether that is all there is: the system was polled,
  ///   or has nothing to report.
  mutating func collectNow(_ events: Eventlist, _ buffer: Buffer, poll: Bool) -> (delivered: Int, isComplete: Bool) {
    lookAgain()
    if backend.hasUntold { gatherUntold() }
    if ready.isEmpty {
      let isQuiet = isQuiet
      guard poll && !isQuiet else { return (0, isQuiet) }
      if backend.hasDeferredLooks { gatherDeferred() }
      armTimers()
    }
    let room = ready.isEmpty ? min(events.count, buffer.count) : buffer.count
    let delivered = harvest(events, buffer, room: room)
    if delivered == 0 && poll && !samples.polled.isEmpty { dropFinished() }
    return (delivered, true)
  }

  /// Gathers what was put off, since the caller is about to be told that there is nothing (C-351).
  @inline(never)
  private mutating func gatherDeferred() {
    backend.gatherDeferredNext()
    gatherUntold()
  }

  /// Whether the system has nothing to report but the kqueue's own wake descriptor.
  private var isQuiet: Bool {
    @inline(__always) get {
      backend.isIdle && !mayReportStale && timers[0].count == 0 && timers[1].count == 0 && samples.isEmpty
    }
  }

  /// Delivers the queued knotes where the system need not be polled: nothing else can be due, as in a kqueue of USER
  /// knotes.
  @inline(__always)
  mutating func deliverOwn(_ events: Eventlist) -> Int {
    guard !ready.isEmpty && isQuiet else { return 0 }
    beginPass()
    return deliverReady(to: events, after: 0)
  }

  /// Delivers the knotes that the system reports now.
  ///
  /// A full buffer may hold nothing to deliver. The poll repeats until every knote has had room to be reported, and no
  /// longer, since other threads may produce reports without end (C-352). It also repeats after a knote was removed or
  /// its watch changed: that watch may have produced the report, and the next poll would find nothing (C-351).
  private mutating func harvest(_ events: Eventlist, _ buffer: Buffer, room: Int) -> Int {
    for _ in 0...(knotes.count / room &+ 4) {
      let asked = pass
      mustPollAgain = false
      let reports = Int(backend.poll(knotes, UnsafeMutableBufferPointer(rebasing: buffer[..<room])))
      if reports < 0 { return reports }
      let delivered = deliverAll(reports, of: buffer, room, to: events, asked: asked)
      if delivered > 0 || reports < room && !mustPollAgain { return delivered }
    }
    return 0
  }

  /// Delivers the reports of a wait. After a signal it polls, for what other threads queued and for the signal itself
  /// (C-026, contract 6.8).
  mutating func deliverAwaited(_ reports: CInt, of buffer: Buffer, to events: Eventlist, asked: UInt32) -> Int {
    guard reports >= 0 else {
      let delivered = harvest(events, buffer, room: min(events.count, buffer.count))
      return delivered == 0 ? Int(reports) : delivered
    }
    let room = min(events.count, buffer.count)
    let delivered = deliverAll(Int(reports), of: buffer, room, to: events, asked: asked)
    // What filled the room was nothing to deliver, and the time may be up for what is behind it (C-079).
    return delivered == 0 && Int(reports) == room ? harvest(events, buffer, room: room) : delivered
  }

  /// Delivers these reports, and what is behind them where they filled the room and not the eventlist.
  @inline(__always)
  private mutating func deliverAll(
    _ reports: Int, of buffer: Buffer, _ room: Int, to events: Eventlist, asked: UInt32
  ) -> Int {
    var delivered = deliver(reports, of: buffer, to: events, asked: asked)
    if reports == room && delivered > 0 && delivered < events.count {
      delivered = deliverFurther(buffer, to: events, after: delivered)
    }
    confirmStale(buffer)
    return delivered
  }
}
