import CKQueue
import CKQueueShims

/// When a call of kevent() times out (contract 1.2, step 8).
struct Deadline: BitwiseCopyable {
  /// nil: never. 0: at once.
  private let time: UInt64?

  /// - Parameter timeout: nil waits without limit, as does one too long to count.
  /// - Throws: EINVAL.
  init<Backend: PlatformBackend & ~Copyable>(
    _ timeout: UnsafePointer<timespec>?, _ backend: borrowing Backend
  ) throws(Errno) {
    guard let timeout else {
      time = nil
      return
    }
    let (seconds, nanoseconds) = (Int64(timeout.pointee.tv_sec), Int64(timeout.pointee.tv_nsec))
    guard seconds >= 0, 0..<1_000_000_000 ~= nanoseconds else { throw Errno(EINVAL) }
    if seconds == 0 && nanoseconds == 0 {
      time = 0
    } else if seconds > Int64(Int32.max) {
      time = nil
    } else {
      time = backend.now(.monotonic) + UInt64(seconds * 1_000_000_000 + nanoseconds)
    }
  }

  var isPoll: Bool {
    time == 0
  }

  /// Whether the deadline has passed; the system may have waited for less than it was asked to.
  func isOver<Backend: PlatformBackend & ~Copyable>(_ backend: borrowing Backend) -> Bool {
    left(backend) == 0
  }

  /// Nanoseconds that are left; nil where there is no limit.
  func left<Backend: PlatformBackend & ~Copyable>(_ backend: borrowing Backend) -> Int64? {
    guard let time else { return nil }
    let now = backend.now(.monotonic)
    return time > now ? Int64(time - now) : 0
  }
}
