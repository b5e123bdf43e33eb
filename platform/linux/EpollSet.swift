import CKQueueShims.Linux
import KQueueCore

/// An epoll set. Its entries carry a knote's place and generation, or a mark of the backend's own.
struct EpollSet: BitwiseCopyable {
  let descriptor: CInt

  /// A new one, or a negative errno.
  private static func make() -> CInt {
    adopt(systemCall(KQ_SYS_EPOLL_CREATE1, Int(EPOLL_CLOEXEC)))
  }

  /// epoll_ctl(2).
  /// - Returns: 0, or a negative errno.
  @inline(never)
  static func control(_ set: CInt, _ operation: CInt, _ target: CInt, _ events: UInt32, _ token: UInt64) -> CInt {
    kq_epoll_control(set, operation, target, events, token)
  }

  /// - Throws: EMFILE, ENFILE, ENOMEM.
  init() throws(Errno) {
    descriptor = try Errno.check(Self.make())
  }

  /// One that is no kqueue, out of the way of the program's numbers.
  init(high: Void) throws(Errno) {
    descriptor = try Errno.check(OwnDescriptors.move(Self.make()))
  }

  /// The same set by a descriptor that nobody else closes.
  init(inside set: EpollSet) throws(Errno) {
    descriptor = try Errno.check(OwnDescriptors.duplicate(set.descriptor))
  }

  init(descriptor: CInt) {
    self.descriptor = descriptor
  }

  /// Gives another set's place to this one, which goes on under the other's number.
  func replace(_ other: EpollSet) throws(Errno) {
    try Errno.check(OwnDescriptors.renumber(descriptor, other.descriptor))
    kq_close_descriptor(descriptor)
  }

  /// What it has to report now: how many, or a negative errno.
  @inline(__always)
  func poll(_ buffer: UnsafeMutableBufferPointer<EpollReport>) -> CInt {
    kq_epoll_poll(descriptor, EpollReport.memory(buffer), CInt(truncatingIfNeeded: buffer.count))
  }

  /// Takes its reports and drops them. Of a set of sources that report once.
  func dropAll() {
    withUnsafeTemporaryAllocation(of: EpollReport.self, capacity: 8) { reports in
      while poll(reports) == CInt(reports.count) {}
    }
  }

  /// - Throws: EBADF, EEXIST, EPERM (cannot be polled), ELOOP, EINVAL, ENOMEM.
  func add(_ descriptor: CInt, _ events: UInt32, _ token: UInt64) throws(Errno) {
    try control(EPOLL_CTL_ADD, descriptor, events, token)
  }

  /// Also has the condition looked at anew: the kernel reports it again where it holds.
  /// - Throws: EBADF, ENOENT.
  func modify(_ descriptor: CInt, _ events: UInt32, _ token: UInt64) throws(Errno) {
    try control(EPOLL_CTL_MOD, descriptor, events, token)
  }

  /// Enters a knote; see `add`.
  @inline(never)
  func add(_ knote: LinuxKnoteRef) throws(Errno) {
    try add(knote.descriptor, knote.epollEvents, EpollToken.knote(knote.token))
  }

  /// - Throws: EBADF, ENOENT.
  func remove(_ descriptor: CInt) throws(Errno) {
    try control(EPOLL_CTL_DEL, descriptor, 0, 0)
  }

  /// Removes a descriptor of the backend's own, or none where it is -1, before it is closed. Its close would not do:
  /// a process that was forked meanwhile may hold the file, and the entry would report it to a kqueue that has no use
  /// for it (C-351).
  func forget(_ descriptor: CInt) {
    if descriptor >= 0 { try? remove(descriptor) }
  }

  /// Whether a descriptor's number and file are entered: entered again, they are refused.
  ///
  /// Where they are not, they are for a moment. Another thread may close the number meanwhile, and then the entry stays
  /// for as long as a duplicate keeps its file: it is known by its token, and reports a hang-up at the most, once.
  func holds(_ target: CInt) -> Bool {
    let probe = EpollToken.source(.probe)
    let result = Self.control(descriptor, EPOLL_CTL_ADD, target, EPOLLET.rawValue, probe)
    if result == 0 { _ = Self.control(descriptor, EPOLL_CTL_DEL, target, 0, 0) }
    return result == -EEXIST
  }

  /// The number of the entry that has a token.
  func origin(of token: UInt64) -> StaleOrigin {
    ProcEpollEntries.origin(of: token, in: descriptor)
  }

  private func control(_ operation: CInt, _ target: CInt, _ events: UInt32, _ token: UInt64) throws(Errno) {
    var result = Self.control(descriptor, operation, target, events, token)
    // The limit on watches is a lack of memory to BSD (contract 1.2).
    if result == -ENOSPC { result = -ENOMEM }
    // An entry's number that cannot be polled, or is the set itself, names something else by now.
    if (result == -EPERM || result == -EINVAL) && operation != EPOLL_CTL_ADD { result = -ENOENT }
    try Errno.check(result)
  }
}

/// The 64 bits of an epoll entry: a knote, or with the top bit set a source of the backend's own, or two knotes by one of
/// them. A knote's index and generation have 31 bits each.
enum EpollToken {
  static func knote(_ token: KnoteToken) -> UInt64 {
    UInt64(token.generation) << 32 | UInt64(token.index)
  }

  static let own: UInt32 = 1 << 31

  static let shared: UInt32 = 1 << 31

  static func source(_ source: EpollSource) -> UInt64 {
    UInt64(own) << 32 | UInt64(source.rawValue)
  }

  static func pair(_ token: KnoteToken) -> UInt64 {
    knote(token) | UInt64(own) << 32 | UInt64(shared)
  }
}

/// What a report leads to beside one knote: a source of the backend's own, or two knotes in one entry.
public struct ReportSource: BitwiseCopyable, Equatable {
  /// The halves of the entry's 64 bits.
  private let low: UInt32
  private let high: UInt32
  /// What was reported.
  let bits: UInt32

  @inline(__always)
  init(_ low: UInt32, _ high: UInt32, bits: UInt32) {
    (self.low, self.high, self.bits) = (low, high, bits)
  }

  @inline(__always)
  init(_ source: EpollSource) {
    self.init(source.rawValue, EpollToken.own, bits: 0)
  }

  /// The same source, whatever was reported of it.
  @inline(__always)
  public static func == (one: ReportSource, other: ReportSource) -> Bool {
    one.low == other.low && one.high == other.high
  }

  /// nil of two knotes.
  @inline(__always)
  var own: EpollSource? {
    if low & EpollToken.shared != 0 { return nil }
    if low > EpollSource.probe.rawValue { bug("an unknown entry in the epoll set") }
    // The raw values count from 0, as the cases do. init(rawValue:) of so many is a call.
    return unsafeBitCast(UInt8(truncatingIfNeeded: low), to: EpollSource.self)
  }

  /// The one that two knotes are known by.
  var knote: KnoteToken {
    KnoteToken(index: low & ~EpollToken.shared, generation: high & ~EpollToken.own)
  }
}

/// What stands in the epoll set beside the knotes' descriptors.
public enum EpollSource: UInt32, BitwiseCopyable {
  case wake
  case monotonicTimer
  case realtimeTimer
  case files
  case processes
  case signals
  /// The set of the eventfds that handlers of signals write to.
  case handled
  case mounts
  case firstSide
  case secondSide
  case thirdSide
  /// Of no meaning: see `EpollSet.holds`, and where sets are nested.
  case probe

  static func side(_ place: Int) -> EpollSource {
    EpollSource(rawValue: firstSide.rawValue + UInt32(truncatingIfNeeded: place)).unsafelyUnwrapped
  }
}

/// One report of epoll_wait(2), in the kernel's layout.
public struct EpollReport: BitwiseCopyable {
  var event: kq_epoll_event

  /// A buffer as the system call takes it.
  static func memory(_ buffer: UnsafeMutableBufferPointer<EpollReport>) -> UnsafeMutablePointer<kq_epoll_event>? {
    UnsafeMutableRawPointer(buffer.baseAddress)?.assumingMemoryBound(to: kq_epoll_event.self)
  }
}
