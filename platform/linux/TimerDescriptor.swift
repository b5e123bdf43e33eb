import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// One timerfd a clock, for the earliest of all timers. It is reported once when it goes off and never read.
///
/// One on CLOCK_REALTIME follows steps of that clock by itself.
struct TimerDescriptor: BitwiseCopyable {
  private(set) var descriptor: CInt = -1

  /// - Throws: EMFILE, ENFILE, ENOMEM.
  mutating func open(_ clock: Clock, in set: EpollSet) throws(Errno) {
    guard descriptor < 0 else { return }
    let fresh = try Errno.check(kq_move_high(kq_timerfd(clock == .realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC)))
    do throws(Errno) {
      try Self.add(fresh, clock, set)
    } catch {
      kq_close_descriptor(fresh)
      throw error
    }
    descriptor = fresh
  }

  /// Enters it into a set that takes another's place.
  func enter(_ clock: Clock, _ set: EpollSet) {
    if descriptor >= 0 { try? Self.add(descriptor, clock, set) }
  }

  private static func add(_ descriptor: CInt, _ clock: Clock, _ set: EpollSet) throws(Errno) {
    let source: EpollSource = clock == .realtime ? .realtimeTimer : .monotonicTimer
    try set.add(descriptor, EPOLLIN.rawValue | EPOLLET.rawValue, EpollToken.source(source))
  }

  /// - Returns: whether it could be.
  func arm(_ deadline: UInt64?) -> Bool {
    descriptor < 0 || kq_timerfd_arm(descriptor, deadline ?? 0) == 0
  }

  mutating func close() {
    if descriptor >= 0 { kq_close_own(descriptor) }
    descriptor = -1
  }
}
