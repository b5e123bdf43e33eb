import CKQueueShims

/// What a platform gives: the sum of four protocols, each of which has a file here.
///
/// One value of a conforming type belongs to one kqueue and is used under that kqueue's lock, except for `wait`, which
/// therefore is static and has what `enter` returned. Policy stands in the core: when a knote is delivered, what
/// becomes of it then, which changes are legal. A platform looks at EV_ONESHOT and EV_DISPATCH only to tell its kernel
/// how to report; at EV_CLEAR also in `sample`, which says what is news of a condition that the system tells by edges.
///
/// In each protocol those requirements come first that every platform has to meet; the rest has an implementation that
/// serves a system without the matter.
public protocol PlatformBackend: EventSource, Clockwork, Waiting, CloseSafety, ~Copyable {
  /// Opens the kqueue's own descriptor, the lowest free number (contract C-002).
  /// - Throws: EMFILE, ENFILE, ENOMEM.
  init() throws(Errno)

  /// Gives the kqueue's own descriptor another number. Only before anything is watched.
  mutating func renumber(_ number: CInt) throws(Errno)

  /// Closes everything that was opened but the kqueue's own descriptor, which its closer closes.
  mutating func close()

  /// The kqueue's own descriptor; readable while something can be delivered.
  var descriptor: CInt { get }

  /// A thread has come to a step, or is about to take a lock: a test may have other threads go on first.
  static func reach(_ step: Step)
  static func reach(_ lock: UnsafeMutablePointer<kq_lock>)
}

/// A platform's part of each knote.
public protocol KnoteKeeping: ~Copyable {
  /// What the platform keeps with each knote. It starts as all-zero bytes.
  associatedtype KnoteState: BitwiseCopyable
  typealias Knotes = KnoteSlab<KnoteState>

  /// Where `gather` finds what happened, as a report names it.
  associatedtype Source: BitwiseCopyable, Equatable = NoSource
}

/// For a platform that reports everything itself.
public enum NoSource: BitwiseCopyable, Equatable {}

extension PlatformBackend where Self: ~Copyable {
  @inline(__always)
  public static func reach(_ step: Step) {}
  @inline(__always)
  public static func reach(_ lock: UnsafeMutablePointer<kq_lock>) {}
}
