import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// What is remembered of a descriptor that stands in an epoll set, where the fields of files' knotes are free.
struct Past: OptionSet, BitwiseCopyable {
  let rawValue: UInt8

  /// It has listened for connections.
  static var listened: Past { Past(rawValue: 1 << 0) }
  /// The mark is of what was told last.
  static var marked: Past { Past(rawValue: 1 << 1) }
  /// The mark may stay as it is though something was taken or came.
  static var vague: Past { Past(rawValue: 1 << 2) }
  /// An end of the side that the knote is not about was seen.
  static var otherEnd: Past { Past(rawValue: 1 << 3) }
  /// The other side of a local connection was seen to read no more; of TCP, that an end may have been acknowledged.
  static var refused: Past { Past(rawValue: 1 << 6) }
  /// The mark is no more than the size of the first item: a reader of it takes all.
  static var trusted: Past { Past(rawValue: 1 << 7) }
  /// A `Transport`, or what an anonymous descriptor is.
  static var protocolShift: UInt8 { 4 }
  static var protocolBits: Past { Past(rawValue: 3 << protocolShift) }
}

extension LinuxKnote {
  var past: Past {
    @inline(__always) get { Past(rawValue: UInt8(truncatingIfNeeded: happened)) }
    set { happened = happened & 0xff00 | UInt16(newValue.rawValue) }
  }

  /// What was told, in short: bytes, memory, a count.
  var mark: UInt32 {
    @inline(__always) get { UInt32(bitPattern: watch) }
    @inline(__always) set { watch = CInt(bitPattern: newValue) }
  }

  /// When it was told, in units of 64 ms.
  private var toldAt: UInt8 {
    get { UInt8(truncatingIfNeeded: happened >> 8) }
    set { happened = happened & 0xff | UInt16(newValue) << 8 }
  }

  /// Forgets what was told, but for a streak that goes on. A knote that shares its entry is kept as it is: it is a level
  /// one, which remembers nothing, and its mark is the sibling's index.
  mutating func forgetTold(streak: UInt8 = 0) {
    if place == .shared { return }
    past.subtract(Past.marked.union(.vague).union(.otherEnd).union(.refused).union(.trusted))
    self.streak = streak
    mark = 0
  }

  mutating func remember(_ mark: UInt32, isVague: Bool) {
    self.mark = mark
    past.insert(.marked)
    if isVague { past.insert(.vague) } else { past.remove(.vague) }
    toldAt = Self.time
  }

  /// Whether what nobody can tell from what was told has waited so long that it is told again.
  var isOverdue: Bool {
    past.contains(.vague) && Self.time &- toldAt >= 16
  }

  private static var time: UInt8 {
    UInt8(truncatingIfNeeded: kq_clock(CLOCK_MONOTONIC) >> 26)
  }

  /// An anonymous descriptor of which one read takes all, or none takes anything. Sockets alone have a protocol.
  var isWhole: Bool {
    get { past.rawValue >> Past.protocolShift & 3 != 0 }
    set { if newValue { past.insert(.protocolBits) } }
  }

  /// The protocol of a socket; asked for when first needed.
  mutating func transport(of descriptor: CInt) -> Transport {
    let known = past.rawValue >> Past.protocolShift & 3
    if known != 0 { return Transport(rawValue: known).unsafelyUnwrapped }
    let asked = Socket(descriptor).transport
    past.insert(Past(rawValue: asked.rawValue << Past.protocolShift))
    return asked
  }
}
