import CKQueueShims.Linux
import KQueueCore

/// The eventfds of the signals of a kqueue, in a set of their own, where what they report can be dropped.
///
/// The handler writes to an eventfd, one for each signal that is watched in the process, and nobody reads it: an entry
/// reports each write once. It counts before it writes. Who takes a count may so be told of it once more, by a write
/// that comes after, and its kqueue would be readable for nothing (C-351). So the writes are awaited, then all reports
/// are dropped, and what has been counted but not taken is reported again.
struct HandledSignals: ~Copyable {
  private(set) var descriptor: CInt = -1

  private static func events(_ isWanted: Bool) -> UInt32 {
    isWanted ? EPOLLIN.rawValue | EPOLLET.rawValue : EPOLLET.rawValue
  }

  private var set: EpollSet { EpollSet(descriptor: descriptor) }

  /// - Throws: EMFILE, ENFILE, ENOMEM.
  mutating func open(in main: EpollSet) throws(Errno) {
    guard descriptor < 0 else { return }
    let fresh = try EpollSet(high: ())
    do throws(Errno) {
      try main.add(fresh.descriptor, EPOLLIN.rawValue, EpollToken.source(.handled))
    } catch {
      kq_close_descriptor(fresh.descriptor)
      throw error
    }
    descriptor = fresh.descriptor
  }

  /// - Throws: ENOMEM.
  func add(_ number: CInt, _ notifier: CInt, isWanted: Bool) throws(Errno) {
    try set.add(notifier, Self.events(isWanted), UInt64(number))
  }

  func remove(_ number: CInt) {
    try? set.remove(Signals.notifier(number))
  }

  /// Whether a signal is reported. One that ever came is reported at once.
  /// - Throws: EBADF, ENOENT, ENOMEM.
  func want(_ number: CInt, _ isWanted: Bool) throws(Errno) {
    try set.modify(Signals.notifier(number), Self.events(isWanted), UInt64(number))
  }

  func dropReports() {
    set.dropAll()
  }

  func isKept(_ number: CInt) -> Bool {
    set.holds(Signals.notifier(number))
  }

  /// Enters it into a set that takes another's place.
  func enter(_ main: EpollSet) {
    if descriptor >= 0 { try? main.add(descriptor, EPOLLIN.rawValue, EpollToken.source(.handled)) }
  }

  mutating func close() {
    if descriptor >= 0 { OwnDescriptors.close(descriptor) }
    descriptor = -1
  }
}
