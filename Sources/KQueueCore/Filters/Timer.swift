import CKQueue
import CKQueueShims

/// TIMER (contract 6.9). A timer that runs is in the heap of its clock; one that has expired and waits for
/// its delivery, or is disabled, is not. `data` holds the interval and `occurrence` the next expiry, in ns.
extension KQueue where Backend: ~Copyable {
  /// The least time between two timer wake-ups, in ns: the default slack of Linux, times up to 4 if many timers expire
  /// together. It bounds the cost of short timers; every expiration is still counted.
  private static func wakeSpacing(after expired: Int) -> UInt64 {
    50_000 * UInt64(min(max(expired, 1), 4))
  }

  mutating func attachTimer(_ knote: KnoteRef, _ change: Kevent) throws(Errno) {
    let interval = try timerInterval(change, oneshot: knote.has(EV_ONESHOT))
    try prepareTimer(change.clock)
    knote.status.insert(.recorded)
    timers[change.clock.rawValue].join()
    start(knote, interval, change)
  }

  mutating func modifyTimer(_ knote: KnoteRef, _ change: Kevent) throws(Errno) {
    guard change.has(EV_ADD) else { return resumeTimer(knote) }
    let interval = try timerInterval(change, oneshot: knote.has(EV_ONESHOT))
    try prepareTimer(change.clock)
    leaveTimers(knote)
    ready.remove(knote, knotes)
    knote.status.remove(.active)
    knote.ticksBeforePause = 0
    timers[change.clock.rawValue].join()
    start(knote, interval, change)
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

  private mutating func start(_ knote: KnoteRef, _ interval: Int64, _ change: Kevent) {
    knote.fflags = change.fflags & NOTE_ABSOLUTE.bits
    knote.data = interval
    let now = backend.now(knote.clock)
    knote.occurrence = knote.clock == .realtime ? UInt64(interval) : now &+ UInt64(interval)
    // Beyond what clocks can say is never.
    knote.occurrence = min(knote.occurrence, UInt64(Int64.max))
    if !knote.isDisabled { run(knote, now) }
  }

  /// How long a timer that is due waits before time(2) is asked once more, in ns.
  private static var secondsInterval: UInt64 { 1_000_000 }

  /// Whether time(2), whose clock lags behind, does not say the full second yet that an absolute timer is for: programs
  /// compare the two, and the timer is early by neither (C-304).
  private func precedesSeconds(_ knote: KnoteRef) -> Bool {
    guard knote.clock == .realtime && knote.occurrence % 1_000_000_000 == 0 else { return false }
    return backend.seconds < knote.occurrence / 1_000_000_000
  }

  /// Puts a timer into its heap, or into the ready list where its time has come.
  private mutating func run(_ knote: KnoteRef, _ now: UInt64) {
    var deadline = knote.occurrence
    if deadline <= now {
      guard precedesSeconds(knote) else { return raise(knote) }
      deadline = now &+ Self.secondsInterval
    }
    timers[knote.clock.rawValue].insert(knote, deadline: deadline, knotes)
  }

  private mutating func stopTimer(_ knote: KnoteRef) {
    timers[knote.clock.rawValue].remove(knote, knotes)
  }

  /// Removes a timer from its clock, on removal or before a restart, which may be on another clock.
  mutating func leaveTimers(_ knote: KnoteRef) {
    timers[knote.clock.rawValue].leave(knote, knotes)
  }

  /// Requeues a timer after a repair.
  mutating func repairTimer(_ knote: KnoteRef) {
    guard (try? timers[knote.clock.rawValue].reserve()) != nil else {
      knotes.beginRemoval(knote)
      return discard(knote, .timer)
    }
    timers[knote.clock.rawValue].join()
    if knote.isDisabled || knote.isSpent { return }
    if knote.status.contains(.active) { activate(knote) } else { run(knote, backend.now(knote.clock)) }
  }

  /// Continues a timer from the state of another.
  mutating func restoreTimer(_ knote: KnoteRef, from old: Knote<Backend.KnoteState>) {
    stopTimer(knote)
    deactivate(knote)
    knote.status.remove(.active)
    knote.data = old.data
    knote.occurrence = old.occurrence
    if old.isDisabled {
      knote.previous = old.previous  // its ticks
    } else if !knote.isSpent {
      run(knote, backend.now(knote.clock))
    }
  }

  /// Follows EV_ENABLE and EV_DISABLE: the phase goes on, and what ticks meanwhile is not counted (C-310).
  private mutating func resumeTimer(_ knote: KnoteRef) {
    let runs = knote.heapPlace != nil || knote.status.contains(.queued)
    if runs && knote.isDisabled { pause(knote) }
    if !runs && !knote.isDisabled && !knote.isSpent { resume(knote) }
  }

  private mutating func pause(_ knote: KnoteRef) {
    stopTimer(knote)
    deactivate(knote)
    guard knote.repeats else { return }
    let ticks = knote.skipTicks(until: backend.now(.monotonic))
    knote.ticksBeforePause = UInt32(clamping: ticks)
    if ticks > 0 { knote.status.insert(.active) }
  }

  private mutating func resume(_ knote: KnoteRef) {
    let now = backend.now(knote.clock)
    if knote.repeats {
      knote.skipTicks(until: now)
      // What `pause` skipped is taken back, no more than the expiry was moved by.
      knote.occurrence &-= UInt64(knote.ticksBeforePause) &* UInt64(knote.data)
      knote.ticksBeforePause = 0
    }
    if knote.status.contains(.active) { activate(knote) } else { run(knote, now) }
  }

  /// Queues the timers of a clock whose time has come.
  mutating func expireTimers(_ clock: Clock) {
    armed[clock.rawValue] = 0  // it went off
    let now = backend.now(clock)
    var expired = 0
    while let first = timers[clock.rawValue].first, first.deadline <= now {
      let knote = knotes[first.knote]
      timers[clock.rawValue].remove(knote, knotes)
      run(knote, now)
      expired += 1
    }
    // Not for the realtime clock, which may be set back.
    guard clock == .monotonic else { return }
    if expired > 0 { nextTimerWake = now &+ Self.wakeSpacing(after: expired) }
    if !samples.polled.isEmpty && nextLook <= now { queuePolled() }
  }

  /// Counts the expirations up to now; the timer runs on from there.
  mutating func sampleTimer(_ knote: KnoteRef) -> Readiness {
    guard knote.status.contains(.active) else { return .inactive }
    knote.status.remove(.active)
    guard knote.repeats else {
      knote.occurrence = 0
      return Readiness(data: 1)
    }
    let now = backend.now(.monotonic)
    let ticks = knote.skipTicks(until: now)
    if !knote.has(EV_DISPATCH) { run(knote, now) }
    return Readiness(data: max(ticks, 1))
  }
}

extension Kevent {
  fileprivate var clock: Clock {
    fflags & NOTE_ABSOLUTE.bits != 0 ? .realtime : .monotonic
  }
}

extension KnoteRef {
  fileprivate var clock: Clock {
    fflags & NOTE_ABSOLUTE.bits != 0 ? .realtime : .monotonic
  }

  fileprivate var repeats: Bool {
    clock == .monotonic && !has(EV_ONESHOT)
  }

  /// What a timer had counted when it was disabled. It then stands in no list, so the link is free.
  fileprivate var ticksBeforePause: UInt32 {
    get { previous.rawValue }
    nonmutating set { previous = KnoteLink(rawValue: newValue) }
  }

  /// A delivered absolute timer: never runs again, but EV_DELETE finds it (C-306).
  fileprivate var isSpent: Bool {
    occurrence == 0
  }

  /// Moves the next expiry behind `now`, in phase, and returns how many lay before.
  @discardableResult
  fileprivate func skipTicks(until now: UInt64) -> Int {
    guard occurrence <= now else { return 0 }
    // Neither can overflow: both times are below 2^63, and an interval is at least 1 and below 2^63.
    let ticks = (now &- occurrence) / UInt64(max(data, 1)) &+ 1
    occurrence = min(occurrence &+ ticks &* UInt64(data), UInt64(Int64.max))
    return Int(clamping: ticks)
  }
}
