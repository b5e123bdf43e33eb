import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// What the Linux platform keeps with a knote on a descriptor. All zeroes: not attached, kind not known.
public struct LinuxKnote: BitwiseCopyable {
  /// Where a knote's readiness comes from.
  ///
  /// Each knote has an epoll entry of its own, with its own mode: an edge of one filter can then not be
  /// taken for one of another's, and a level one is not held up by an edge one. A set has one entry for each
  /// number, so further knotes of a descriptor stand in sets of their own, nested in the first, but for two level ones.
  enum Place: UInt8 {
    case none
    case main
    /// In the main set, in one entry with a sibling; see `SharedEntries.swift`.
    case shared
    case firstSide
    case secondSide
    case thirdSide
    /// epoll refuses it: a file, which inotify tells about.
    case file
    /// epoll refuses it: a device that is always ready.
    case always
    /// The filter's own facility tells.
    case facility
    /// Processes of which there is no descriptor; see `ProcessLooks`.
    case child
    case lookedAt

    static func side(_ place: Int) -> Place {
      Place(rawValue: firstSide.rawValue + UInt8(truncatingIfNeeded: place)).unsafelyUnwrapped
    }

    /// Which of the side sets it is.
    var side: Int? {
      let place = Int(rawValue) - Int(Place.firstSide.rawValue)
      return 0..<SideSets.limit ~= place ? place : nil
    }

    var isInSet: Bool {
      self == .main || self == .shared || side != nil
    }
  }

  /// The facility's own: the place of a file's watch, the descriptor of a process or -1, ...
  var watch: CInt
  private var placeValue: UInt8
  /// What the descriptor is, where that was asked for.
  private(set) var kindIfKnown: DescriptorKind
  /// The entry reports changes only, because what it reported by level was nothing to deliver.
  var isMuted: Bool
  /// PROC: the number is another process's by now.
  var isSucceeded: Bool {
    get { isMuted }
    set { isMuted = newValue }
  }
  /// The end or error that was delivered last; an edge that says it again is nothing new to EV_CLEAR.
  var toldEnd: ToldEnd {
    get { ToldEnd(rawValue: toldValue & 3).unsafelyUnwrapped }
    set { toldValue = newValue.rawValue }
  }
  private var toldValue: UInt8
  /// EMPTY under EV_CLEAR: delivered, and nothing was sent since.
  var isEmptyTold: Bool {
    get { toldValue != 0 }
    set { toldValue = newValue ? 1 : 0 }
  }
  /// What has bytes is readable, and nothing else is to be said: it is no socket of which SO_RCVLOWAT asks for more.
  var isPlain: Bool
  /// A file whose end was told under NOTE_EOF.
  var isEndTold: Bool {
    get { isPlain }
    set { isPlain = newValue }
  }
  private var verifiedOrStreak: UInt8
  /// What happened to a file and was not gathered yet; see `InotifyWatches`.
  var happened: UInt16

  /// In which look a file's number was seen to name it still, see `InotifyWatches.looks`; 0: in none.
  var verifiedIn: UInt8 {
    get { verifiedOrStreak }
    set { verifiedOrStreak = newValue }
  }
  /// Under EV_CLEAR, how often in a row a connection had as many bytes as were told before, see `isSuspicious`; or
  /// all of a local socket's items were taken, see `newsOfItems`.
  var streak: UInt8 {
    @inline(__always) get { verifiedOrStreak }
    @inline(__always) set { verifiedOrStreak = newValue }
  }

  /// Of a file that nobody tells of, what it was like when it was told: a number of 24 bits, not 0.
  var toldMark: UInt32 {
    get { UInt32(happened) << 8 | UInt32(verifiedOrStreak) }
    set {
      happened = UInt16(truncatingIfNeeded: newValue >> 8)
      verifiedOrStreak = UInt8(truncatingIfNeeded: newValue)
    }
  }

  var longerStreak: UInt8 {
    streak < .max ? streak + 1 : streak
  }

  /// PROC: what it wants to hear of from `ProcessFamilies`; in the byte that only conditions need else.
  var familyInterest: FamilyInterest {
    get { FamilyInterest(rawValue: toldValue).unsafelyUnwrapped }
    set { toldValue = newValue.rawValue }
  }

  var place: Place {
    // The raw values count from 0, as the cases do. init(rawValue:) of so many is a call, at each event.
    @inline(__always) get { unsafeBitCast(placeValue, to: Place.self) }
    set { placeValue = newValue.rawValue }
  }

  /// What the descriptor is; asked for when first needed.
  mutating func kind(of descriptor: CInt) -> DescriptorKind {
    kindIfKnown == .unknown ? askedKind(of: descriptor) : kindIfKnown
  }

  /// Takes over what is known of the descriptor from a knote that stands in the same entry.
  mutating func learn(from sibling: LinuxKnote) {
    kindIfKnown = sibling.kindIfKnown
    past.formUnion(sibling.past.intersection(.protocolBits))
  }

  mutating func forgetKind() {
    kindIfKnown = .unknown
    past.subtract(.protocolBits)
  }

  /// Apart, so that a call for a kind that is known stays small.
  @inline(never)
  private mutating func askedKind(of descriptor: CInt) -> DescriptorKind {
    (try? findKind(of: descriptor)) ?? .other
  }

  /// Likewise; what cannot be told now is asked again.
  /// - Throws: EBADF, ENOMEM, and what else fstat(2) fails with.
  mutating func findKind(of descriptor: CInt) throws(Errno) -> DescriptorKind {
    if kindIfKnown == .unknown { kindIfKnown = try DescriptorKind(of: descriptor) }
    return kindIfKnown
  }
}

public typealias LinuxKnoteRef = KnoteRef<LinuxKnote>

extension KnoteRef<LinuxKnote> {
  var isRead: Bool {
    @inline(__always) get { filter == Int16(EVFILT_READ) }
  }

  /// Whether it is one of those that the kernel reports.
  var isWatched: Bool {
    switch platform.place {
    case .none, .always: false
    case .file: kind == .vnode
    case .main, .shared, .firstSide, .secondSide, .thirdSide, .facility, .child, .lookedAt: true
    }
  }

  /// Stands in no set; which file it is on is kept, in short, since nobody else would know.
  func standAlways() {
    platform.place = .always
    platform.watch = shortIdentity(descriptor)
  }

  /// The bits of poll(2) that the filter is about; EPOLLERR and EPOLLHUP come unasked.
  var interest: UInt32 {
    switch kind {
    case .write: EPOLLOUT.rawValue
    case .except: EPOLLPRI.rawValue | EPOLLRDHUP.rawValue
    case .procdesc: EPOLLIN.rawValue
    default:
      // A threshold of nothing is always reached, so anything will do to have it reported.
      EPOLLIN.rawValue | EPOLLRDHUP.rawValue | (isAlwaysEnough ? EPOLLOUT.rawValue : 0)
        | (wantsUrgent ? EPOLLPRI.rawValue : 0)
    }
  }

  /// The events of the knote's epoll entry.
  ///
  /// EPOLLONESHOT spares the call that takes the interest away after a delivery under ONESHOT or DISPATCH.
  /// A disabled knote keeps its entry, without interest.
  var epollEvents: UInt32 {
    if kind == .procdesc { return interest | EPOLLET.rawValue }
    if isDisabled { return EPOLLET.rawValue }
    if platform.isMuted { return interest | EPOLLET.rawValue }
    let edge = has(EV_CLEAR) ? EPOLLET.rawValue : 0
    let once = has(EV_ONESHOT | EV_DISPATCH) ? EPOLLONESHOT.rawValue : 0
    return interest | edge | once
  }
}
