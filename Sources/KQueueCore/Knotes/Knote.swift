import CKQueue

/// `struct kevent` of the header, under a name that its function does not share.
public typealias Kevent = CKQueue.kevent

/// One registration: what the kernel calls a knote. All-zero bytes are a free place in the slab.
public struct Knote<PlatformState: BitwiseCopyable>: BitwiseCopyable {
  /// What is watched: a descriptor number, a timer's name, ... (contract 3.1).
  public var ident: UInt
  public var udata: UnsafeMutableRawPointer?
  /// The threshold of READ and WRITE, the interval in nanoseconds of TIMER, which needs 64 bits everywhere, the value
  /// of USER.
  public var data: Int64
  /// Stored fflags: what the knote watches for, or USER's bits.
  public var fflags: UInt32
  /// Grows each time the place is freed, so that an event for a former knote is known for what it is.
  public var generation: UInt32
  public var filter: Int16
  /// Stored flags, as events show them: EV_ADD and CLEAR, ONESHOT, DISPATCH, RECEIPT (contract 3.3).
  public var flags: UInt16
  public var status: KnoteStatus
  /// TIMER: the next expiry. Conditions: the readiness reported in the pass under way. Filters that record: what
  /// happened, fflags below and a value above.
  var occurrence: UInt64
  /// Neighbours in the ready list, or the next free place.
  var next: KnoteLink
  var previous: KnoteLink
  /// The next knote of the same descriptor, or a timer's place in its heap.
  public internal(set) var link: KnoteLink
  /// What the platform keeps with the knote.
  public var platform: PlatformState
}

/// The state of a knote, beside its stored flags.
public struct KnoteStatus: OptionSet, BitwiseCopyable, Sendable {
  public let rawValue: UInt16

  public init(rawValue: UInt16) {
    self.rawValue = rawValue
  }

  /// The place is in use.
  static let live = KnoteStatus(rawValue: 1 << 0)
  /// The knote is made, and nobody has begun to remove it. A repair keeps these, and frees what else is live.
  static let whole = KnoteStatus(rawValue: 1 << 15)
  /// Whole, in no list, and with no state to keep.
  static let resting = KnoteStatus(rawValue: 1 << 15 | 1 << 0)
  /// EV_DISABLE, or delivered under EV_DISPATCH.
  public static let disabled = KnoteStatus(rawValue: 1 << 1)
  /// Stands in the ready list.
  static let queued = KnoteStatus(rawValue: 1 << 2)
  /// An occurrence is recorded and waits: a USER trigger, an expired timer.
  static let active = KnoteStatus(rawValue: 1 << 3)
  /// Deliver it once, whatever its condition (EV_FORCEONESHOT).
  static let forced = KnoteStatus(rawValue: 1 << 4)
  /// Its readiness is kept here, not by the kernel: it must stand in the ready list to be seen.
  static let recorded = KnoteStatus(rawValue: 1 << 5)
  /// While queued: the kernel will not report it again, so the kqueue must be kept readable for it.
  static let held = KnoteStatus(rawValue: 1 << 6)
  /// Stands in the list of those to look at again.
  static let unsettled = KnoteStatus(rawValue: 1 << 7)
  /// Stands in the list of those to look at again before long.
  static let polled = KnoteStatus(rawValue: 1 << 8)
  /// Is on a kqueue, and counted among those that its own watches.
  static let nested = KnoteStatus(rawValue: 1 << 12)
  /// Stands in the list of those that were told and may have more.
  static let told = KnoteStatus(rawValue: 1 << 13)
  /// While queued: it is looked at for the sake of what may be left of it, and nobody reported anything.
  public static let again = KnoteStatus(rawValue: 1 << 14)
  /// Stands in a list of what is looked at because nobody reports it.
  static var lookedAt: UInt16 {
    @inline(__always) get { unsettled.rawValue | polled.rawValue | told.rawValue }
  }
  /// Stands in one list or another.
  static var listed: UInt16 {
    @inline(__always) get { queued.rawValue | lookedAt }
  }
  /// The process has ended: the knote's next event is its last.
  public static let ended = KnoteStatus(rawValue: 1 << 9)
  /// A process that NOTE_TRACK found, of which the birth is to be told; it may be gone already.
  public static let born = KnoteStatus(rawValue: 1 << 10)
  /// A process that was gone when it was to be watched: others tell of its end.
  static let unseen = KnoteStatus(rawValue: 1 << 11)
}

extension Knote {
  @inline(__always)
  public func has(_ flag: CInt) -> Bool {
    flags & UInt16(truncatingIfNeeded: flag) != 0
  }

  /// Its filter; only of a knote that is registered.
  public var kind: Filter {
    @inline(__always) get { Filter(rawValue: filter).unsafelyUnwrapped }
  }

  public var isDisabled: Bool {
    @inline(__always) get { status.contains(.disabled) }
  }
}

/// Where a knote is, or none: all-zero bytes are none.
public struct KnoteLink: BitwiseCopyable, Equatable {
  /// One more than the index.
  var rawValue: UInt32

  @inline(__always)
  init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  @inline(__always)
  public init(_ index: UInt32) {
    self.init(rawValue: index &+ 1)
  }

  public static var none: KnoteLink {
    @inline(__always) get { KnoteLink(rawValue: 0) }
  }

  @inline(__always)
  public var index: UInt32? {
    rawValue == 0 ? nil : rawValue &- 1
  }
}

/// A knote's place, and which of the place's tenants is meant.
public struct KnoteToken: BitwiseCopyable, Equatable {
  public let index: UInt32
  public let generation: UInt32

  @inline(__always)
  public init(index: UInt32, generation: UInt32) {
    self.index = index
    self.generation = generation
  }
}
