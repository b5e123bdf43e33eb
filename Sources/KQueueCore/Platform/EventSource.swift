import CKQueueShims

/// What the system knows of what knotes watch: a condition that it is asked for, or an occurrence that it reports.
public protocol EventSource: KnoteKeeping, ~Copyable {
  /// The filters that this platform serves beside those that the core serves alone.
  static var filters: FilterSet { get }

  /// Starts to watch what a new knote is about; a disabled one must not be reported, unless its filter records
  /// what happens meanwhile.
  ///
  /// A knote on a descriptor stands before its siblings of the same number, which `link` leads to.
  /// - Returns: whether the kernel keeps its readiness or the core must; of a process, whether the kernel tells of
  ///   its end, or only a source that tells of all processes' does, as it is gone already. Of no account else for
  ///   filters that record.
  /// - Throws: EBADF, EINVAL, ELOOP, ENOMEM, EPIPE, EMFILE, ENFILE, ENOTSUP, ESRCH.
  mutating func attach(_ knote: KnoteRef<KnoteState>, _ knotes: borrowing Knotes) throws(Errno) -> Backing

  /// Follows a change of a knote's flags, fflags or status, and has the system check its condition anew, or report
  /// again what no `wait` may have returned yet.
  /// - Throws: EBADF or ENOENT as `detach`, else as `attach`; the knote is then as before for the kernel.
  mutating func update(_ knote: KnoteRef<KnoteState>, _ knotes: borrowing Knotes) throws(Errno)

  /// Ends the watch. It is over also where this throws.
  /// - Throws: EBADF where the number was closed unseen, ENOENT where it names another file by now.
  mutating func detach(_ knote: KnoteRef<KnoteState>, _ knotes: borrowing Knotes) throws(Errno)

  /// What an event for the knote would say now.
  /// - Parameter reported: what `decode` gave in this pass, or nil where the descriptor must be asked.
  mutating func sample(_ knote: KnoteRef<KnoteState>, _ knotes: borrowing Knotes, reported: UInt32?) -> Readiness

  // MARK: What only some need

  /// Ends the watch of a knote whose number was closed after `forget`: the kernel has nothing of it any more.
  mutating func abandon(_ knote: KnoteRef<KnoteState>, _ knotes: borrowing Knotes)

  /// Writes the happenings that a `.more` announces.
  /// - Returns: how many were written; where as many as fit, it is asked again at once.
  mutating func gather(
    _ source: Source, _ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>
  ) -> Int

  /// A knote is the last of its number from now on.
  mutating func noteSole(_ knote: KnoteRef<KnoteState>)

  /// A signal handler jumped out of a call, which may have been in `attach`, `update` or `detach` of a condition, in
  /// `sample`, `poll` or `enter`: makes whole from the knotes what the platform keeps of them, also of those that are
  /// detached next since they were half made. It may be left by a jump as well. With other filters' calls none
  /// interferes.
  mutating func repair(_ knotes: borrowing Knotes)

  /// Whether a descriptor number is open.
  func isOpen(_ number: CInt) -> Bool

  /// The source behind which there may stand what happened to knotes of a filter and was not gathered yet; nil
  /// where nothing needs to be gathered before such a knote is made or changed.
  func source(of filter: Filter) -> Source?

  /// The source that tells what processes do. What is gathered there may stand behind a birth that is to be noted
  /// first, so it is gathered until it has nothing more; and so it is before an end is believed.
  static var processSource: Source? { get }

  /// Whether `processSource` has something to gather that no `wait` may tell of.
  var hasUntold: Bool { get }

  /// Whether `gather` put off to look at some of what may have happened, as that would take too much of the time. The
  /// platform has a sleeper, or a poller of the kqueue's descriptor, come back for it.
  var hasDeferredLooks: Bool { get }

  /// Makes the next `gather` put nothing off: the caller has nothing else to deliver, and does not wait.
  mutating func gatherDeferredNext()

  /// How many bytes an event for the knote would tell now, where a report says nothing but that there are some; 0 where
  /// `sample` is to be asked. A short way for what a busy server sees nearly always.
  func plainBytes(_ knote: KnoteRef<KnoteState>, reported: UInt32) -> Int

  /// Whether a report says of a READ knote that something can be read and nothing else, so that a program that does
  /// without the number of bytes need not have it asked for (NOTE_DECLINE_DATA).
  func isPlainlyReadable(_ knote: KnoteRef<KnoteState>, reported: UInt32) -> Bool

  /// Whether a knote under EV_CLEAR need not be sampled any more, as the system reports whatever comes next.
  mutating func isOver(_ knote: KnoteRef<KnoteState>) -> Bool

  /// What a report means of a knote that records what happens, and that the kernel reports by itself; nil where its
  /// number does not name the file any more that the knote is on.
  mutating func occurrence(_ knote: KnoteRef<KnoteState>, reported: UInt32) -> Happening?

  /// What happened to a knote up to now, where that need not be gathered for all to be known. Asked before it gets
  /// another mask, or is copied.
  mutating func earlier(_ knote: KnoteRef<KnoteState>, _ knotes: borrowing Knotes) -> Happening?

  /// What a copy of a VNODE knote in a forked child is told by what changed on the way to it.
  associatedtype FileBaseline: BitwiseCopyable = NoBaseline
  func baseline(_ knote: KnoteRef<KnoteState>) -> FileBaseline
  /// What happened to a file between a baseline and the attachment of the knote.
  func changes(_ knote: KnoteRef<KnoteState>, since baseline: FileBaseline) -> Happening?

  /// The end of a knote's process, where it has ended by now and that was not told yet. Asked before something else
  /// that the process did is delivered.
  mutating func ended(_ knote: KnoteRef<KnoteState>) -> Happening?

  /// Whether the number of a knote on a descriptor that records what happens names another file by now, or none.
  /// Asked before a delivery.
  mutating func isGone(_ knote: KnoteRef<KnoteState>) -> Bool

  /// Whether the number of a knote on a descriptor names the file still that the knote is on.
  mutating func isOnSameFile(_ knote: KnoteRef<KnoteState>) -> Bool

  /// Whether the system reports a knote again by itself as long as its condition holds: one that it does not must be
  /// kept in mind while it waits for its delivery. Asked of knotes without EV_CLEAR, EV_ONESHOT and EV_DISPATCH.
  func reportsByLevel(_ knote: KnoteRef<KnoteState>) -> Bool

  /// Whether a source tells again what still holds: then it is asked once a pass, with room for all knotes and
  /// `againSlack` more, and leaves some of that.
  static func reportsAgain(_ source: Source) -> Bool

  /// How long a change of a file may go unseen by a waiter, in nanoseconds, for all kqueues.
  /// - Throws: ENOSYS where files are not sampled, EINVAL for less than nothing.
  static func setFilePollInterval(_ nanoseconds: Int) throws(Errno)
}

extension EventSource where Self: ~Copyable {
  public mutating func abandon(_ knote: KnoteRef<KnoteState>, _ knotes: borrowing Knotes) {}
  public mutating func gather(
    _ source: Source, _ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>
  ) -> Int { 0 }
  public mutating func noteSole(_ knote: KnoteRef<KnoteState>) {}
  public mutating func repair(_ knotes: borrowing Knotes) {}
  public func isOpen(_ number: CInt) -> Bool { kq_is_open(number) }
  public func source(of filter: Filter) -> Source? { nil }
  public static var processSource: Source? { nil }
  public var hasUntold: Bool { false }
  @inline(__always)
  public var hasDeferredLooks: Bool { false }
  public mutating func gatherDeferredNext() {}
  @inline(__always)
  public func plainBytes(_ knote: KnoteRef<KnoteState>, reported: UInt32) -> Int { 0 }
  public func isPlainlyReadable(_ knote: KnoteRef<KnoteState>, reported: UInt32) -> Bool { false }
  public mutating func isOver(_ knote: KnoteRef<KnoteState>) -> Bool { false }
  public mutating func occurrence(_ knote: KnoteRef<KnoteState>, reported: UInt32) -> Happening? {
    bug("a report of a knote that the platform does not report")
  }
  public mutating func earlier(_ knote: KnoteRef<KnoteState>, _ knotes: borrowing Knotes) -> Happening? { nil }
  public mutating func ended(_ knote: KnoteRef<KnoteState>) -> Happening? { nil }
  public mutating func isGone(_ knote: KnoteRef<KnoteState>) -> Bool { false }
  public mutating func isOnSameFile(_ knote: KnoteRef<KnoteState>) -> Bool { true }
  @inline(__always)
  public func reportsByLevel(_ knote: KnoteRef<KnoteState>) -> Bool { true }
  public static func reportsAgain(_ source: Source) -> Bool { false }
  /// See `reportsAgain`.
  public static var againSlack: Int { 65 }
  /// A platform that is told of changes samples nothing.
  public static func setFilePollInterval(_ nanoseconds: Int) throws(Errno) { throw Errno(ENOSYS) }
}

/// For a platform without VNODE.
public struct NoBaseline: BitwiseCopyable {}

extension EventSource where Self: ~Copyable, FileBaseline == NoBaseline {
  public func baseline(_ knote: KnoteRef<KnoteState>) -> NoBaseline { NoBaseline() }
  public func changes(_ knote: KnoteRef<KnoteState>, since baseline: NoBaseline) -> Happening? { nil }
}

/// Who keeps a knote's readiness.
public enum Backing {
  /// The kernel: it reports the knote whenever there is something to deliver.
  case kernel
  /// The core: the knote stands in the ready list while it may have something to deliver.
  case recorded
}
