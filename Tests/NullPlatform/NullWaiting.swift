import CKQueue
import CKQueueShims
import KQueueCore
import NullShims

extension NullBackend {
  // MARK: Waking

  public func wake() -> Bool {
    null_bell_ring(bell)
    return true
  }

  public func takeBackWake() {
    _ = null_bell_take(bell)
  }

  public mutating func wakeAll() {
    null_bell_ring_for_all(bell)
  }

  /// One sleeper has to know the times; when that one leaves, another looks anew.
  public mutating func flush(_ knotes: borrowing Knotes, isWoken: Bool) {
    if sleepers > 0 && isStale { null_bell_ring(bell) }
  }

  // MARK: Waiting

  public mutating func poll(_ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<NullReport>) -> CInt {
    var sleeper = NullSleeper(bell, deadlines)
    let reports = sleeper.report(null_bell_take(bell), buffer)
    forgetTold(sleeper)
    return reports
  }

  public mutating func enter(_ knotes: borrowing Knotes) throws(Errno) -> Waiter {
    let sleeper = try Arena.map(NullSleeper.self, count: 1)
    sleeper.initialize(to: NullSleeper(bell, deadlines))
    sleepers += 1
    isStale = false
    return sleeper
  }

  public mutating func leave(_ sleeper: Waiter) {
    sleepers -= 1
    isStale = true
    forgetTold(sleeper.pointee)
    Arena.unmap(sleeper, count: 1)
  }

  /// A time that was reported is over; the core asks for the next.
  private mutating func forgetTold(_ sleeper: NullSleeper) {
    if sleeper.toldMonotonic && deadlines.monotonic == sleeper.monotonic { deadlines.monotonic = 0 }
    if sleeper.toldRealtime && deadlines.realtime == sleeper.realtime { deadlines.realtime = 0 }
  }

  public static func wait(
    _ sleeper: Waiter, _ buffer: UnsafeMutableBufferPointer<NullReport>, nanoseconds: Int64?,
    signals: UnsafeMutablePointer<kq_wait_signals>, cancelled: CancelHandler?, context: UnsafeMutableRawPointer?
  ) -> CInt {
    // It sleeps by what cannot let signals in for its own time alone. The core holds them again afterwards.
    if signals.pointee.are_held { kq_signals_let_go(signals) }
    let rang = null_bell_wait(sleeper.pointee.bell, sleeper.pointee.left(nanoseconds), cancelled, context)
    return rang < 0 ? rang : sleeper.pointee.report(rang > 0, buffer)
  }

  public static func decode(_ report: NullReport) -> Report<NoSource> {
    switch report {
    case .wake: .wake
    case .monotonicTimer: .timer(.monotonic)
    case .realtimeTimer: .timer(.realtime)
    }
  }
}
