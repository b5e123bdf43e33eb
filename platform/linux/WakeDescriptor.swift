import CKQueueShims.Linux
import KQueueCore

/// One eventfd a kqueue. It is reported once for each write, and read only to take a write back.
struct WakeDescriptor: BitwiseCopyable {
  private(set) var descriptor: CInt = -1

  private static var events: UInt32 { EPOLLIN.rawValue | EPOLLET.rawValue }

  /// - Throws: EMFILE, ENFILE, ENOMEM.
  mutating func open(in set: EpollSet) throws(Errno) {
    guard descriptor < 0 else { return }
    let fresh = try Errno.check(OwnDescriptors.move(Self.make()))
    do throws(Errno) {
      try set.add(fresh, Self.events, EpollToken.source(.wake))
    } catch {
      kq_close_descriptor(fresh)
      throw error
    }
    descriptor = fresh
  }

  /// A new one, or a negative errno.
  static func make() -> CInt {
    adopt(systemCall(KQ_SYS_EVENTFD2, 0, Int(EFD_CLOEXEC) | Int(EFD_NONBLOCK)))
  }

  /// Enters it into a set that takes another's place.
  func enter(_ set: EpollSet) {
    if descriptor >= 0 { try? set.add(descriptor, Self.events, EpollToken.source(.wake)) }
  }

  /// - Returns: whether it could be.
  @discardableResult
  @inline(never)
  func signal() -> Bool {
    let one: UInt64 = 1
    return withUnsafePointer(to: one) {
      kq_system_call(KQ_SYS_WRITE, Int(descriptor), Int(bitPattern: $0), MemoryLayout<UInt64>.size, 0, 0, 0) >= 0
    }
  }

  @inline(never)
  func takeBack() {
    var count: UInt64 = 0
    withUnsafeMutablePointer(to: &count) {
      _ = kq_system_call(KQ_SYS_READ, Int(descriptor), Int(bitPattern: $0), MemoryLayout<UInt64>.size, 0, 0, 0)
    }
  }

  /// Reported from now on to every wait, as its counter is never taken back.
  func signalAll(in set: EpollSet) {
    signal()
    try? set.modify(descriptor, EPOLLIN.rawValue, EpollToken.source(.wake))
  }

  mutating func close() {
    if descriptor >= 0 { OwnDescriptors.close(descriptor) }
    descriptor = -1
  }
}
