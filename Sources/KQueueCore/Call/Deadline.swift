import CKQueue
import CKQueueShims

/// When a call of kevent() times out (contract 1.2, step 8).
struct Deadline: BitwiseCopyable {
  /// Nanoseconds from the beginning of the call; nil: without limit. The first wait takes them as they are: it needs no
  /// other look at the clock, and whole milliseconds cost the system less.
  let timeout: Int64?
  /// When they are over.
  private let time: UInt64

  /// - Parameter timeout: nil waits without limit, as does one too long to count.
  /// - Throws: EINVAL.
  init<Backend: PlatformBackend & ~Copyable>(
    _ timeout: UnsafePointer<timespec>?, _ backend: borrowing Backend
  ) throws(Errno) {
    guard let timeout else {
      (self.timeout, time) = (nil, .max)
      return
    }
    let (seconds, nanoseconds) = (Int64(timeout.pointee.tv_sec), Int64(timeout.pointee.tv_nsec))
    guard seconds >= 0, 0..<1_000_000_000 ~= nanoseconds else { throw Errno(EINVAL) }
    if seconds > Int64(Int32.max) {
      (self.timeout, time) = (nil, .max)
      return
    }
    let total = seconds * 1_000_000_000 + nanoseconds
    self.timeout = total
    time = total == 0 ? 0 : backend.now(.monotonic) + UInt64(total)
  }

  var isPoll: Bool {
    timeout == 0
  }

  /// Nanoseconds that are left; nil where there is no limit. The system may have waited for less than it was asked to.
  func left<Backend: PlatformBackend & ~Copyable>(_ backend: borrowing Backend) -> Int64? {
    guard timeout != nil else { return nil }
    let now = backend.now(.monotonic)
    return time > now ? Int64(time - now) : 0
  }
}
