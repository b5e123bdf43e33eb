import CKQueueShims.POSIX
import KQueueCore

/// What the POSIX platform keeps with a knote. All zeroes: not attached, kind not known.
public struct POSIXKnote: BitwiseCopyable {
  /// Which list the knote's descriptor stands in.
  enum Place: UInt8 {
    case none
    /// poll(2) is asked for it, also by a sleeper.
    case awaited
    /// poll(2) calls it ready, but that is told already, or is nothing to deliver: looked at now and then; see
    /// `Quiet.swift`.
    case quiet
    /// Disabled: poll(2) is not asked.
    case idle
    /// poll(2) has nothing to say of it: a file, which is looked at.
    case file
    /// A signal, which a handler counts.
    case signal
    /// A child, of which SIGCHLD tells.
    case child
    /// A file of which changes are told, which is looked at.
    case sampled
  }

  /// The place in its list.
  var position: UInt32
  /// A short form of the file that was registered.
  var identity: UInt32
  /// What was told last, or was nothing to deliver.
  var told: Glance
  /// When, in milliseconds, and by which thread.
  var toldAt: UInt32
  var teller: UInt32
  /// It was told, and not only found to be nothing to deliver.
  var wasTold: Bool
  /// Its reader takes all; how often in a row what looks the same is taken for new for that reason.
  var isTrusted: Bool
  var trust: UInt8
  /// A connection that was up: one that fails later was reset, and not refused.
  var wasConnected: Bool
  /// The receiving side of a connection has ended, which it does for good.
  var hasEnded: Bool
  /// How often more its bytes are all that is asked for: it is a connection on which nothing else is to tell.
  var plainLooks: UInt8
  /// How often in a row what looks the same was told again.
  var repeats: UInt8
  /// It has listened for connections.
  var hasListened: Bool
  private var placeValue: UInt8
  private var kindValue: UInt8

  var place: Place {
    @inline(__always) get { Place(rawValue: placeValue).unsafelyUnwrapped }
    set { placeValue = newValue.rawValue }
  }

  /// What the descriptor is; asked for when first needed.
  mutating func kind(of descriptor: CInt) -> kq_posix_kind {
    if kindValue == 0 {
      let kind = kq_posix_kind(descriptor)
      kindValue = kind < 0 ? UInt8(KQ_POSIX_OTHER.rawValue) : UInt8(kind)
    }
    return kq_posix_kind(UInt32(kindValue))
  }
}

public typealias POSIXKnoteRef = KnoteRef<POSIXKnote>

extension KnoteRef<POSIXKnote> {
  /// The bits of poll(2) that the filter is about.
  var interest: Int16 {
    if kind == .write { return Int16(POLLOUT) }
    return Int16(POLLIN) | (kind == .except || wantsUrgent ? Int16(POLLPRI) : 0)
  }
}

/// Bits of poll(2) as a knote was reported with.
extension UInt32 {
  @inline(__always)
  func has(_ bits: CInt) -> Bool {
    self & UInt32(bitPattern: bits) != 0
  }
}
