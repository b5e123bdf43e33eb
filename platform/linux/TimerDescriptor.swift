import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// One timerfd a clock, for the earliest of all timers. It is reported once when it goes off and never read.
///
/// One on CLOCK_REALTIME follows steps of that clock by itself.
struct TimerDescriptor: BitwiseCopyable {
  private var descriptor: CInt = -1

  /// - Throws: EMFILE, ENFILE, ENOMEM.
  mutating func open(_ clock: Clock, in set: EpollSet) throws(Errno) {
    guard descriptor < 0 else { return }
    let fresh = try Errno.check(kq_move_high(kq_timerfd(clock == .realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC)))
    let source: EpollSource = clock == .realtime ? .realtimeTimer : .monotonicTimer
    do throws(Errno) {
      try set.add(fresh, EPOLLIN.rawValue | EPOLLET.rawValue, EpollToken.source(source))
    } catch {
      kq_close_descriptor(fresh)
      throw error
    }
    descriptor = fresh
  }

  func arm(_ deadline: UInt64?) {
    guard descriptor >= 0 else { return }
    _ = kq_timerfd_arm(descriptor, deadline ?? 0)
  }

  mutating func close() {
    if descriptor >= 0 { kq_close_descriptor(descriptor) }
    descriptor = -1
  }
}
