import CKQueue
import CKQueueShims

/// TIMER (contract 6.9). A timer that runs is in the heap of its clock; one that has expired and waits for
/// its delivery, or is disabled, is not. `data` holds the interval and `occurrence` the next expiry, in ns.
extension KQueue where Backend: ~Copyable {
  /// The least time between two wake-ups for timers, in ns: what Linux takes for the slack of a sleep, too,
  /// and up to four times as much where they are dense. It bounds what they cost, also a timer of 1 ns; each
  /// expiry counts all the same.
  private static func wakeSpacing(after expired: Int) -> UInt64 {
    50_000 * UInt64(min(max(expired, 1), 4))
  }

  mutating func attachTimer(_ index: UInt32, _ change: Kevent) throws(Errno) {
    let interval = try timerInterval(change, oneshot: knotes[index].pointee.has(EV_ONESHOT))
    try prepareTimer(change.clock)
    knotes[index].pointee.status.insert(.recorded)
    timers[change.clock.rawValue].join()
    start(index, interval, change)
  }

  mutating func modifyTimer(_ index: UInt32, _ change: Kevent) throws(Errno) {
    guard change.has(EV_ADD) else { return resumeTimer(index) }
    let interval = try timerInterval(change, oneshot: knotes[index].pointee.has(EV_ONESHOT))
    try prepareTimer(change.clock)
    leaveTimers(index)
    ready.remove(index, knotes)
    knotes[index].pointee.status.remove(.active)
    knotes[index].pointee.ticksBeforePause = 0
    timers[change.clock.rawValue].join()
    start(index, interval, change)
  }

  private mutating func prepareTimer(_ clock: Clock) throws(Errno) {
    try timers[clock.rawValue].reserve()
    try backend.prepareTimer(clock)
    try backend.prepareWake()
  }

  /// The interval or deadline of a change in ns, clamped to 292 years; at least 1, but 0 for now and no more.
  /// - Throws: EINVAL.
  private func timerInterval(_ change: Kevent, oneshot: Bool) throws(Errno) -> Int64 {
    let ignored = (NOTE_LEEWAY | NOTE_CRITICAL | NOTE_BACKGROUND).bits
    let unit: Int64
    switch change.fflags & ~(ignored | NOTE_ABSOLUTE.bits) {
    case NOTE_MSECONDS.bits: unit = 1_000_000
    case NOTE_SECONDS.bits: unit = 1_000_000_000
    case NOTE_USECONDS.bits: unit = 1000
    case NOTE_NSECONDS.bits: unit = 1
    default: throw Errno(EINVAL)
    }
    if change.clock == .realtime { return max(saturating(change.data, unit), 1) }
    if change.data < 0 { throw Errno(EINVAL) }
    if change.data == 0 && oneshot { return 0 }
    return saturating(max(change.data, 1), unit)
  }

  private func saturating(_ data: Int, _ unit: Int64) -> Int64 {
    let (product, overflow) = Int64(data).multipliedReportingOverflow(by: unit)
    return overflow ? (data < 0 ? .min : .max) : product
  }

  private mutating func start(_ index: UInt32, _ interval: Int64, _ change: Kevent) {
    let knote = knotes[index]
    knote.pointee.fflags = change.fflags & NOTE_ABSOLUTE.bits
    knote.pointee.data = interval
    let now = backend.now(knote.pointee.clock)
    knote.pointee.occurrence = knote.pointee.clock == .realtime ? UInt64(interval) : now &+ UInt64(interval)
    // Beyond what clocks can say is never.
    knote.pointee.occurrence = min(knote.pointee.occurrence, UInt64(Int64.max))
    if !knote.pointee.isDisabled { run(index, now) }
  }

  /// How long a timer that is due waits before time(2) is asked once more, in ns.
  private static var secondsInterval: UInt64 { 1_000_000 }

  /// Whether time(2), whose clock lags behind, does not say the full second yet that an absolute timer is for: programs
  /// compare the two, and the timer is early by neither (C-304).
  private func precedesSeconds(_ knote: Knote<Backend.KnoteState>) -> Bool {
    guard knote.clock == .realtime && knote.occurrence % 1_000_000_000 == 0 else { return false }
    return backend.seconds < knote.occurrence / 1_000_000_000
  }

  /// Puts a timer into its heap, or into the ready list where its time has come.
  private mutating func run(_ index: UInt32, _ now: UInt64) {
    let knote = knotes[index]
    var deadline = knote.pointee.occurrence
    if deadline <= now {
      guard precedesSeconds(knote.pointee) else { return expire(index) }
      deadline = now &+ Self.secondsInterval
    }
    timers[knote.pointee.clock.rawValue].insert(index, deadline: deadline, knotes)
  }

  private mutating func expire(_ index: UInt32) {
    knotes[index].pointee.status.insert(.active)
    activate(index)
  }

  private mutating func stopTimer(_ index: UInt32) {
    timers[knotes[index].pointee.clock.rawValue].remove(index, knotes)
  }

  /// Takes a timer away from those of its clock: it is no more, or another clock's from now on.
  mutating func leaveTimers(_ index: UInt32) {
    timers[knotes[index].pointee.clock.rawValue].leave(index, knotes)
  }

  /// Puts a timer of which only the knote is known where it belongs.
  mutating func repairTimer(_ index: UInt32) {
    let knote = knotes[index]
    guard (try? timers[knote.pointee.clock.rawValue].reserve()) != nil else {
      knotes.beginRemoval(index)
      return discard(index, .timer)
    }
    timers[knote.pointee.clock.rawValue].join()
    if knote.pointee.isDisabled || knote.pointee.isSpent { return }
    if knote.pointee.status.contains(.active) { activate(index) } else { run(index, backend.now(knote.pointee.clock)) }
  }

  /// Has a timer go on from where another is.
  mutating func restoreTimer(_ index: UInt32, from old: Knote<Backend.KnoteState>) {
    stopTimer(index)
    deactivate(index)
    knotes[index].pointee.status.remove(.active)
    knotes[index].pointee.data = old.data
    knotes[index].pointee.occurrence = old.occurrence
    if old.isDisabled {
      knotes[index].pointee.ticksBeforePause = old.ticksBeforePause
    } else if !knotes[index].pointee.isSpent {
      run(index, backend.now(knotes[index].pointee.clock))
    }
  }

  /// Follows EV_ENABLE and EV_DISABLE: the phase goes on, and what ticks meanwhile is not counted (C-310).
  private mutating func resumeTimer(_ index: UInt32) {
    let knote = knotes[index]
    let runs = knote.pointee.link != 0 || knote.pointee.status.contains(.queued)
    if runs && knote.pointee.isDisabled { pause(index, knote) }
    if !runs && !knote.pointee.isDisabled && !knote.pointee.isSpent { resume(index, knote) }
  }

  private mutating func pause(_ index: UInt32, _ knote: KnoteSlab<Backend.KnoteState>.Pointer) {
    stopTimer(index)
    deactivate(index)
    guard knote.pointee.repeats else { return }
    let ticks = knote.pointee.skipTicks(until: backend.now(.monotonic))
    knote.pointee.ticksBeforePause = UInt32(clamping: ticks)
    if ticks > 0 { knote.pointee.status.insert(.active) }
  }

  private mutating func resume(_ index: UInt32, _ knote: KnoteSlab<Backend.KnoteState>.Pointer) {
    let now = backend.now(knote.pointee.clock)
    if knote.pointee.repeats {
      knote.pointee.skipTicks(until: now)
      // What `pause` skipped is taken back, no more than the expiry was moved by.
      knote.pointee.occurrence &-= UInt64(knote.pointee.ticksBeforePause) &* UInt64(knote.pointee.data)
      knote.pointee.ticksBeforePause = 0
    }
    if knote.pointee.status.contains(.active) { activate(index) } else { run(index, now) }
  }

  /// Queues the timers of a clock whose time has come.
  mutating func expireTimers(_ clock: Clock) {
    armed[clock.rawValue] = 0  // it went off
    let now = backend.now(clock)
    var expired = 0
    while let first = timers[clock.rawValue].first, first.deadline <= now {
      timers[clock.rawValue].remove(first.knote, knotes)
      run(first.knote, now)
      expired += 1
    }
    // Not for the realtime clock, which may be set back.
    guard clock == .monotonic else { return }
    if expired > 0 { nextTimerWake = now &+ Self.wakeSpacing(after: expired) }
    if !polled.isEmpty && nextLook <= now { look() }
  }

  /// Counts the expirations up to now; the timer runs on from there.
  mutating func sampleTimer(_ index: UInt32) -> Readiness {
    let knote = knotes[index]
    guard knote.pointee.status.contains(.active) else { return .inactive }
    knote.pointee.status.remove(.active)
    guard knote.pointee.repeats else {
      knote.pointee.occurrence = 0
      return Readiness(data: 1)
    }
    let now = backend.now(.monotonic)
    let ticks = knote.pointee.skipTicks(until: now)
    if !knote.pointee.has(EV_DISPATCH) { run(index, now) }
    return Readiness(data: max(ticks, 1))
  }
}

extension Kevent {
  fileprivate var clock: Clock {
    fflags & NOTE_ABSOLUTE.bits != 0 ? .realtime : .monotonic
  }
}

extension Knote {
  fileprivate var clock: Clock {
    fflags & NOTE_ABSOLUTE.bits != 0 ? .realtime : .monotonic
  }

  fileprivate var repeats: Bool {
    clock == .monotonic && !has(EV_ONESHOT)
  }

  /// What a timer had counted when it was disabled. It then stands in no list, so the link is free.
  fileprivate var ticksBeforePause: UInt32 {
    get { previous }
    set { previous = newValue }
  }

  /// An absolute timer that was delivered: nothing to come, but it is there to be deleted (C-306).
  fileprivate var isSpent: Bool {
    occurrence == 0
  }

  /// Moves the next expiry behind `now`, in phase, and returns how many lay before.
  @discardableResult
  fileprivate mutating func skipTicks(until now: UInt64) -> Int {
    guard occurrence <= now else { return 0 }
    // Neither can overflow: both times are below 2^63, and an interval is at least 1 and below 2^63.
    let ticks = (now &- occurrence) / UInt64(max(data, 1)) &+ 1
    occurrence = min(occurrence &+ ticks &* UInt64(data), UInt64(Int64.max))
    return Int(clamping: ticks)
  }
}
