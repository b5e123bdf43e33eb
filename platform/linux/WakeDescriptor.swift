import CKQueueShims.Linux
import KQueueCore

/// One eventfd a kqueue. It is reported once for each write, and read only to take a write back.
struct WakeDescriptor: BitwiseCopyable {
  private(set) var descriptor: CInt = -1

  private static var events: UInt32 { EPOLLIN.rawValue | EPOLLET.rawValue }

  /// - Throws: EMFILE, ENFILE, ENOMEM.
  mutating func open(in set: EpollSet) throws(Errno) {
    guard descriptor < 0 else { return }
    let fresh = try Errno.check(kq_move_high(kq_eventfd()))
    do throws(Errno) {
      try set.add(fresh, Self.events, EpollToken.source(.wake))
    } catch {
      kq_close_descriptor(fresh)
      throw error
    }
    descriptor = fresh
  }

  /// Enters it into a set that takes another's place.
  func enter(_ set: EpollSet) {
    if descriptor >= 0 { try? set.add(descriptor, Self.events, EpollToken.source(.wake)) }
  }

  /// - Returns: whether it could be.
  @discardableResult
  func signal() -> Bool {
    kq_eventfd_signal(descriptor) >= 0
  }

  func takeBack() {
    _ = kq_eventfd_clear(descriptor)
  }

  /// Reported from now on to every wait, as its counter is never taken back.
  func signalAll(in set: EpollSet) {
    signal()
    try? set.modify(descriptor, EPOLLIN.rawValue, EpollToken.source(.wake))
  }

  mutating func close() {
    if descriptor >= 0 { kq_close_own(descriptor) }
    descriptor = -1
  }
}
