import CKQueue
import CKQueueShims
import KQueueCore
import NullShims

/// What a thread waits with: the times as they were when it began. It stands in memory, since `wait` notes there what
/// it told, and `leave` may also run in a thread that was cancelled.
public struct NullSleeper: BitwiseCopyable {
  let bell: OpaquePointer
  let monotonic: UInt64
  let realtime: UInt64
  private(set) var toldMonotonic = false
  private(set) var toldRealtime = false

  init(_ bell: OpaquePointer, _ deadlines: (monotonic: UInt64, realtime: UInt64)) {
    self.bell = bell
    (monotonic, realtime) = deadlines
  }

  /// Nanoseconds until the first of its times, or the caller's if that is earlier; negative: for ever.
  func left(_ nanoseconds: Int64?) -> Int64 {
    let least = min(nanoseconds ?? .max, left(until: monotonic, CLOCK_MONOTONIC), left(until: realtime, CLOCK_REALTIME))
    return least == .max ? -1 : least
  }

  private func left(until time: UInt64, _ clock: clockid_t) -> Int64 {
    guard time != 0 else { return .max }
    let now = kq_clock(clock)
    return time > now ? Int64(clamping: time - now) : 0
  }

  /// Writes what there is to report. What finds no room stays due.
  mutating func report(_ rang: Bool, _ buffer: UnsafeMutableBufferPointer<NullReport>) -> CInt {
    var written = 0
    func write(_ report: NullReport) -> Bool {
      guard written < buffer.count else { return false }
      buffer[written] = report
      written += 1
      return true
    }
    if rang { _ = write(.wake) }
    toldMonotonic = left(until: monotonic, CLOCK_MONOTONIC) == 0 && write(.monotonicTimer)
    toldRealtime = left(until: realtime, CLOCK_REALTIME) == 0 && write(.realtimeTimer)
    return CInt(written)
  }
}

/// One report.
public enum NullReport: UInt8, BitwiseCopyable {
  case wake
  case monotonicTimer
  case realtimeTimer
}
