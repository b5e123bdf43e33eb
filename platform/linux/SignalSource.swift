import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// The signals of a kqueue (contract 6.8).
///
/// A handler counts for the whole process and writes to an eventfd, one for each signal that is watched: a kqueue
/// that watches another signal is not woken. Each knote stands in its kqueue's epoll set with its signal's eventfd,
/// edge-triggered, and remembers the count that it has seen; the eventfd is never read.
///
/// A signal that every thread blocks reaches no handler. A signalfd tells that it is there; what it tells of is
/// counted as a handler would have counted it.
struct SignalSource: ~Copyable {
  /// Signals have numbers below this.
  static var limit: CInt { 128 }

  /// The signalfd, or -1.
  private(set) var descriptor: CInt = -1
  /// Knotes by signal.
  private var knotesOfSignal = HashIndex()
  private var watched = SignalNumbers()
  /// Those whose knotes are enabled.
  private var wanted = SignalNumbers()
  /// Something was left for another thread to take, which it may fail to do.
  private var leftSomething = false

  func watches(_ number: CInt) -> Bool {
    watched.contains(number)
  }

  /// Whether there is anything to look at again.
  var isWatchful: Bool {
    @inline(__always) get { leftSomething || !watched.isEmpty && !kq_signals_are_seen() }
  }

  // MARK: Knotes

  /// - Throws: EMFILE, ENFILE, ENOMEM.
  mutating func prepare(_ knotes: borrowing LinuxBackend.Knotes, in set: EpollSet) throws(Errno) {
    try knotesOfSignal.reserve { Self.hash(CInt(truncatingIfNeeded: knotes[$0].pointee.ident)) }
    guard descriptor < 0 else { return }
    let fresh = try Errno.check(kq_move_high(kq_signalfd(-1, 0, 0)))
    do throws(Errno) {
      try set.add(fresh, EPOLLIN.rawValue | EPOLLET.rawValue, EpollToken.source(.signals))
    } catch {
      kq_close_descriptor(fresh)
      throw error
    }
    descriptor = fresh
  }

  mutating func add(_ index: UInt32, _ number: CInt) {
    knotesOfSignal.insert(Self.hash(number), index)
    watched.insert(number)
  }

  mutating func remove(_ index: UInt32, _ number: CInt) {
    knotesOfSignal.remove(Self.hash(number), index)
    watched.remove(number)
    want(number, false)
  }

  /// Has the signalfd tell of a signal, or not; what is pending by now it tells at once.
  mutating func want(_ number: CInt, _ isWanted: Bool) {
    guard wanted.contains(number) != isWanted else { return }
    if isWanted { wanted.insert(number) } else { wanted.remove(number) }
    _ = kq_signalfd(descriptor, wanted.low, wanted.high)
  }

  // MARK: Signals that are pending

  /// Counts what no handler will count, and writes what that is to knotes of this kqueue; others are told of it.
  mutating func gather(
    _ knotes: borrowing LinuxBackend.Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>
  ) -> Int {
    var written = 0
    for number in 0..<Self.limit where wanted.contains(number) && written < buffer.count {
      if !kq_signal_collect(number) { leftSomething = true }
      guard let index = find(number, knotes) else { continue }
      buffer[written] = knotes[index].pointee.takeOccurrences(index)
      written += 1
    }
    return written
  }

  private func find(_ number: CInt, _ knotes: borrowing LinuxBackend.Knotes) -> UInt32? {
    knotesOfSignal.find(Self.hash(number)) { knotes[$0].pointee.ident == UInt(number) }
  }

  /// Sees to what another thread may not have taken after all, and to handlers that were put in place of ours.
  mutating func look(in set: EpollSet) {
    if leftSomething {
      leftSomething = false
      try? set.modify(descriptor, EPOLLIN.rawValue | EPOLLET.rawValue, EpollToken.source(.signals))
    }
    guard !kq_signals_are_seen() else { return }
    for number in 0..<Self.limit where watched.contains(number) { kq_signal_look(number) }
  }

  // MARK: The set

  /// Enters the signalfd into a set that takes another's place.
  func enter(_ set: EpollSet) {
    guard descriptor >= 0 else { return }
    try? set.add(descriptor, EPOLLIN.rawValue | EPOLLET.rawValue, EpollToken.source(.signals))
  }

  mutating func close() {
    if descriptor >= 0 { kq_close_own(descriptor) }
    descriptor = -1
    knotesOfSignal.removeAll()
  }

  private static func hash(_ number: CInt) -> UInt {
    HashIndex.hash(UInt(bitPattern: Int(number)))
  }
}

/// A set of signal numbers.
struct SignalNumbers: BitwiseCopyable {
  private(set) var low: UInt64 = 0
  private(set) var high: UInt64 = 0

  var isEmpty: Bool { low | high == 0 }

  func contains(_ number: CInt) -> Bool {
    (number < 64 ? low >> UInt64(number) : high >> UInt64(number - 64)) & 1 != 0
  }

  mutating func insert(_ number: CInt) {
    if number < 64 { low |= 1 << UInt64(number) } else { high |= 1 << UInt64(number - 64) }
  }

  mutating func remove(_ number: CInt) {
    if number < 64 { low &= ~(1 << UInt64(number)) } else { high &= ~(1 << UInt64(number - 64)) }
  }
}
