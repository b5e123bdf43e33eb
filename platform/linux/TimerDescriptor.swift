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
    let fresh = try Errno.check(OwnDescriptors.move(Self.make(clock == .realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC)))
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

  /// A new one, or a negative errno.
  static func make(_ clock: clockid_t) -> CInt {
    adopt(systemCall(KQ_SYS_TIMERFD_CREATE, Int(clock), Int(TFD_CLOEXEC) | Int(TFD_NONBLOCK)))
  }

  /// Has a timer go off at a time of its clock, in ns; never with 0.
  /// - Returns: whether it could be.
  @inline(never)
  static func arm(_ descriptor: CInt, _ deadline: UInt64) -> Bool {
    var setting = itimerspec()
    setting.it_value.tv_sec = time_t(truncatingIfNeeded: deadline / 1_000_000_000)
    setting.it_value.tv_nsec = Int(deadline % 1_000_000_000)
    return kq_timer_control(descriptor, &setting) == 0
  }

  /// - Returns: whether it could be.
  func arm(_ deadline: UInt64?) -> Bool {
    descriptor < 0 || Self.arm(descriptor, deadline ?? 0)
  }

  mutating func close() {
    if descriptor >= 0 { OwnDescriptors.close(descriptor) }
    descriptor = -1
  }
}
