import CKQueueShims

/// What a platform gives: readiness of descriptors, time, a way to wake, a way to wait.
///
/// One value of a conforming type belongs to one kqueue and is used under that kqueue's lock, except for
/// `wait`, which therefore is static and has what `enter` gave it. Policy stands in the core: when a knote is delivered, what becomes of
/// it then, which changes are legal. A platform never looks at EV_ONESHOT, EV_CLEAR or EV_DISPATCH but to
/// tell its kernel how to report.
public protocol PlatformBackend: ~Copyable {
  /// What the platform keeps with each knote. It starts as all-zero bytes.
  associatedtype KnoteState: BitwiseCopyable
  /// One report of the system's as `wait` gets it, still to be read by `decode`.
  associatedtype RawEvent: BitwiseCopyable
  /// All that one `wait` needs to know of the kqueue.
  associatedtype Waiter: BitwiseCopyable
  typealias Knotes = KnoteSlab<KnoteState>

  /// The filters that this platform serves beside those that the core serves alone.
  static var filters: FilterSet { get }

  /// A thread has come to a step, or is about to take a lock: a test may have other threads go on first.
  static func reach(_ step: Step)
  static func reach(_ lock: UnsafeMutablePointer<kq_lock>)

  /// Opens the kqueue's own descriptor, the lowest free number (contract C-002).
  /// - Throws: EMFILE, ENFILE, ENOMEM.
  init() throws(Errno)

  /// Gives the kqueue's own descriptor another number. Only before anything is watched.
  mutating func renumber(_ number: CInt) throws(Errno)

  /// Closes everything that was opened but the kqueue's own descriptor, which its closer closes.
  mutating func close()

  /// The kqueue's own descriptor; readable while something can be delivered.
  var descriptor: CInt { get }

  // MARK: Knotes

  /// Starts to watch what a new knote is about; a disabled one must not be reported, unless its filter records
  /// what happens meanwhile.
  ///
  /// A knote on a descriptor stands before its siblings of the same number, which `link` leads to.
  /// - Returns: whether the kernel keeps its readiness or the core must; of a process, whether the kernel tells of
  ///   its end, or only a source that tells of all processes' does, as it is gone already. Of no account else for
  ///   filters that record.
  /// - Throws: EBADF, EINVAL, ELOOP, ENOMEM, EPIPE, EMFILE, ENFILE, ENOTSUP, ESRCH.
  mutating func attach(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) -> Backing

  /// Follows a change of a knote's flags, fflags or status, and has its condition looked at anew, or reported again
  /// what no `wait` may have told yet.
  /// - Throws: EBADF or ENOENT as `detach`, else as `attach`; the knote is then as before for the kernel.
  mutating func update(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno)

  /// Ends the watch. It is over also where this throws.
  /// - Throws: EBADF where the number was closed unseen, ENOENT where it names another file by now.
  mutating func detach(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno)

  /// A knote is the last of its number from now on.
  mutating func stand(alone index: UInt32, _ knotes: borrowing Knotes)

  /// Ends the watch of a knote whose number was closed after `forget`: the kernel knows of nothing any more.
  mutating func abandon(_ index: UInt32, _ knotes: borrowing Knotes)

  /// A signal handler jumped out of a call, which may have been in `attach`, `update` or `detach` of a condition, in
  /// `sample`, `poll` or `enter`: makes whole from the knotes what the platform keeps of them, also of those that are
  /// detached next since they were half made. It may be left by a jump as well. With other filters' calls none interferes.
  mutating func repair(_ knotes: borrowing Knotes)

  /// Whether closes may go unseen in this process.
  static var closesGoUnseen: Bool { get }

  /// Whether closes may go unseen, so that descriptors must be looked at before they are believed.
  var validates: Bool { get }

  /// Whether the kqueue's own descriptor is what it was. Asked only where closes may go unseen.
  var isAlive: Bool { get }

  /// Whether the kqueue's number names something else by now. Asked where it is not alive.
  var isReplaced: Bool { get }

  /// Whether everything inside is open still. Asked where some kqueue lost something, or a call on it failed.
  var isIntact: Bool { get }

  // MARK: Entries that nobody can remove

  /// Where a report comes from whose knote is gone.
  func origin(of stale: KnoteToken) -> StaleOrigin

  /// Ends what the system watches under a number for no knote.
  /// - Returns: whether there was anything to end.
  mutating func dismiss(_ number: CInt) -> Bool

  /// Makes anew what the system watches with: it reports what nobody can remove, since the number it was entered under
  /// is closed and a duplicate keeps it alive. What is news up to now is written to the buffer, and reported by nobody
  /// else; what was reported before and did not change since is not reported again.
  ///
  /// Knotes that cannot be entered again are left for `sample` to find gone.
  /// - Parameters:
  ///   - buffer: with room for all knotes and `againSlack` more.
  ///   - hasWaiters: whether threads wait that have to begin anew.
  /// - Returns: how many reports were written, or a negative errno where all is as it was.
  mutating func rebuild(
    _ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<RawEvent>, hasWaiters: Bool
  ) -> CInt

  /// Whether the kqueue's own number has to be given what was made anew: with `takeNumber`, while nobody closes it.
  var needsNumber: Bool { get }
  mutating func takeNumber(_ number: CInt)

  /// Watches a kqueue again that a knote is on, as its number was given another set.
  mutating func enterAgain(_ index: UInt32, _ knotes: borrowing Knotes)

  /// What `forget` needs to know.
  var watchSets: WatchSets { get }

  /// Ends all that the kernel has of a number in these sets, before the number is closed: a duplicate would
  /// keep it alive there. Async-signal-safe.
  /// - Returns: whether there was anything, where the kernel has something of a watched number as a rule. If there was
  ///   not, its file may have been replaced unseen, and what was watched then may be reported still.
  static func forget(_ number: CInt, _ watchSets: WatchSets) -> Bool

  /// How many kqueues may stand in a chain, each of which watches the next; `Int.max` where the system sees to it.
  var chainLimit: Int { get }

  /// Whether a thread that waits keeps open what it waits for: a close takes effect only when its wait is over.
  static var waitsKeepFiles: Bool { get }

  /// Ends the wait of a thread, where one waits, after a close was noted that it has to see to. It is asked for
  /// where waits keep files, and `watchSets` is read anew at each begin and end of a wait. Async-signal-safe.
  static func interrupt(_ watchSets: WatchSets)

  /// How many bytes an event for the knote would tell now, where a report says nothing but that there are some; 0 where
  /// `sample` is to be asked. A short way for what a busy server sees nearly always.
  func plainBytes(_ knote: UnsafeMutablePointer<Knote<KnoteState>>, reported: UInt32) -> Int

  /// Whether there is nothing left of what a knote under EV_CLEAR is looked at for, so that more would be reported.
  mutating func isOver(_ index: UInt32, _ knotes: borrowing Knotes) -> Bool

  /// What an event for the knote would say now.
  /// - Parameter reported: what `decode` gave in this pass, or nil where the descriptor must be asked.
  mutating func sample(_ index: UInt32, _ knotes: borrowing Knotes, reported: UInt32?) -> Readiness

  /// What a report means of a knote that records what happens, and that the kernel reports by itself; nil where its
  /// number does not name the file any more that the knote is on.
  mutating func occurrence(_ index: UInt32, _ knotes: borrowing Knotes, reported: UInt32) -> Happening?

  /// The source that tells what processes do. What is gathered there may stand behind a birth that is to be noted
  /// first, so it is gathered until it has nothing more; and so it is before an end is believed.
  static var processSource: UInt32? { get }

  /// What happened to a knote up to now, where that need not be gathered for all to be known. Asked before it gets
  /// another mask, or is copied.
  mutating func earlier(_ index: UInt32, _ knotes: borrowing Knotes) -> Happening?

  /// What a copy of a VNODE knote in a forked child is told by what changed on the way to it.
  associatedtype FileBaseline: BitwiseCopyable = NoBaseline
  func baseline(_ index: UInt32, _ knotes: borrowing Knotes) -> FileBaseline
  /// What happened to a file between a baseline and the attachment of the knote.
  func changes(_ index: UInt32, _ knotes: borrowing Knotes, since baseline: FileBaseline) -> Happening?

  /// The end of a knote's process, where it has ended by now and that was not told yet. Asked before something else
  /// that the process did is delivered.
  mutating func ended(_ index: UInt32, _ knotes: borrowing Knotes) -> Happening?

  /// Whether the number of a knote on a descriptor that records what happens names another file by now, or none.
  /// Asked before a delivery.
  mutating func isGone(_ index: UInt32, _ knotes: borrowing Knotes) -> Bool

  /// Whether the number of a knote on a descriptor names the file still that the knote is on.
  mutating func isOnSameFile(_ index: UInt32, _ knotes: borrowing Knotes) -> Bool

  /// Whether the system reports a knote again by itself as long as its condition holds: one that it does not must be
  /// kept in mind while it waits for its delivery. Asked of knotes without EV_CLEAR, EV_ONESHOT and EV_DISPATCH.
  func reportsByLevel(_ index: UInt32, _ knotes: borrowing Knotes) -> Bool

  /// Whether a descriptor number is open.
  func isOpen(_ number: CInt) -> Bool

  /// Whether a source tells again what still holds: then it is asked once a pass, with room for all knotes and
  /// `againSlack` more, and leaves some of that.
  static func reportsAgain(_ source: UInt32) -> Bool

  // MARK: Time

  /// Nanoseconds of a clock.
  func now(_ clock: Clock) -> UInt64

  /// What time(2) says: its clock may be behind the realtime clock by some ticks.
  var seconds: UInt64 { get }

  /// Takes what `arm` needs for this clock.
  /// - Throws: EMFILE, ENFILE, ENOMEM.
  mutating func prepareTimer(_ clock: Clock) throws(Errno)

  /// Has `wait` report `.timer` at a time of the clock; nil: not at all.
  /// - Returns: whether it can; not where the program closed what is needed for it.
  mutating func arm(_ clock: Clock, _ deadline: UInt64?) -> Bool

  // MARK: Waking and waiting

  /// Takes what `wake` needs.
  /// - Throws: EMFILE, ENFILE, ENOMEM.
  mutating func prepareWake() throws(Errno)

  /// Has one `wait` report `.wake`, and the kqueue's descriptor readable until then. Async-signal-safe.
  /// - Returns: as `arm`.
  func wake() -> Bool

  /// Undoes a `wake` that no `wait` has reported yet; one may report it all the same.
  mutating func takeBackWake()

  /// The lock is about to be dropped: whoever waits has to know what was changed.
  mutating func flush(_ knotes: borrowing Knotes)

  /// Has every `wait` return, now and from now on: the kqueue is closed. Async-signal-safe.
  mutating func wakeAll()

  /// Whether the system can have anything to report at all.
  var isIdle: Bool { get }

  /// Gets reports that are there now. No cancellation point.
  /// - Returns: how many, or a negative errno.
  mutating func poll(_ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<RawEvent>) -> CInt

  /// Makes a thread ready to `wait`; what it gives goes back with `leave`.
  /// - Throws: ENOMEM.
  mutating func enter(_ knotes: borrowing Knotes) throws(Errno) -> Waiter

  /// A thread has come back from `wait`, or was cancelled there; the kqueue may be closed by now.
  mutating func leave(_ waiter: Waiter)

  /// Waits for reports, without the kqueue's lock. A cancellation point.
  /// - Parameters:
  ///   - nanoseconds: how long, rounded up to what the system can do; nil: for ever.
  ///   - signals: where they are held, they come in while the thread sleeps, and no longer. Where a handler of the
  ///     program's ran and something came as well, that is noted here.
  ///   - cancelled: runs, with `context`, where the thread is cancelled here.
  /// - Returns: how many came, 0 when the time is up or there may be something to look at, or a negative errno:
  ///   EINTR where a handler of the program's ran, and not where the library's own did or the process was stopped.
  static func wait(
    _ waiter: Waiter, _ buffer: UnsafeMutableBufferPointer<RawEvent>, nanoseconds: Int64?,
    signals: UnsafeMutablePointer<kq_wait_signals>, cancelled: CancelHandler?, context: UnsafeMutableRawPointer?
  ) -> CInt

  /// Reads one report.
  static func decode(_ event: RawEvent) -> Report

  /// Whether `processSource` has something to gather that no `wait` may tell of.
  var hasUntold: Bool { get }

  /// What stands behind a `.more`.
  /// - Returns: how many were written; where as many as fit, it is asked again at once.
  mutating func gather(
    _ source: UInt32, _ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>
  ) -> Int

  /// How long a change of a file may go unseen by a sleeper, in nanoseconds, for all kqueues.
  /// - Throws: ENOSYS where files are not sampled, EINVAL for less than nothing.
  static func setFilePollInterval(_ nanoseconds: Int) throws(Errno)

  /// The source behind which there may stand what happened to knotes of a filter and was not gathered yet; nil
  /// where nothing needs to be gathered before such a knote is made or changed.
  func source(of filter: Filter) -> UInt32?
}

extension PlatformBackend where Self: ~Copyable {
  /// See `reportsAgain`.
  public static var againSlack: Int { 65 }
  public static var closesGoUnseen: Bool { false }
  public mutating func isOver(_ index: UInt32, _ knotes: borrowing Knotes) -> Bool { false }
  @inline(__always)
  public func plainBytes(_ knote: UnsafeMutablePointer<Knote<KnoteState>>, reported: UInt32) -> Int { 0 }
  public var validates: Bool { Self.closesGoUnseen }
  public var isAlive: Bool { true }
  public var isReplaced: Bool { false }
  public var isIntact: Bool { true }
  public var chainLimit: Int { .max }
  public static var waitsKeepFiles: Bool { false }
  public static func interrupt(_ watchSets: WatchSets) {}
  public func origin(of stale: KnoteToken) -> StaleOrigin { .nowhere }
  public mutating func dismiss(_ number: CInt) -> Bool { false }
  public mutating func rebuild(
    _ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<RawEvent>, hasWaiters: Bool
  ) -> CInt { 0 }
  public var needsNumber: Bool { false }
  public mutating func takeNumber(_ number: CInt) {}
  public mutating func enterAgain(_ index: UInt32, _ knotes: borrowing Knotes) {}
  public mutating func isOnSameFile(_ index: UInt32, _ knotes: borrowing Knotes) -> Bool { true }
  @inline(__always)
  public func reportsByLevel(_ index: UInt32, _ knotes: borrowing Knotes) -> Bool { true }
  public func isOpen(_ number: CInt) -> Bool { kq_is_open(number) }
  public mutating func stand(alone index: UInt32, _ knotes: borrowing Knotes) {}
  public mutating func repair(_ knotes: borrowing Knotes) {}
  public mutating func leave(_ waiter: Waiter) {}
  @inline(__always)
  public mutating func flush(_ knotes: borrowing Knotes) {}
  public static func reportsAgain(_ source: UInt32) -> Bool { false }
  public var seconds: UInt64 { now(.realtime) / 1_000_000_000 }
  public static var processSource: UInt32? { nil }
  public var hasUntold: Bool { false }
  public mutating func occurrence(_ index: UInt32, _ knotes: borrowing Knotes, reported: UInt32) -> Happening? {
    bug("a report of a knote that the platform does not report")
  }
  public mutating func earlier(_ index: UInt32, _ knotes: borrowing Knotes) -> Happening? { nil }
  public mutating func ended(_ index: UInt32, _ knotes: borrowing Knotes) -> Happening? { nil }
  public mutating func isGone(_ index: UInt32, _ knotes: borrowing Knotes) -> Bool { false }
  public func source(of filter: Filter) -> UInt32? { nil }
  /// A platform that is told of changes samples nothing.
  public static func setFilePollInterval(_ nanoseconds: Int) throws(Errno) { throw Errno(ENOSYS) }
}

/// For a platform without VNODE.
public struct NoBaseline: BitwiseCopyable {}

extension PlatformBackend where Self: ~Copyable, FileBaseline == NoBaseline {
  public func baseline(_ index: UInt32, _ knotes: borrowing Knotes) -> NoBaseline { NoBaseline() }
  public func changes(_ index: UInt32, _ knotes: borrowing Knotes, since baseline: NoBaseline) -> Happening? { nil }
}

/// What a platform needs to know to forget a number without the kqueue's lock. All zeroes: nothing.
public struct WatchSets: BitwiseCopyable {
  public var first: UInt64
  public var second: UInt64

  public init(_ first: UInt64 = 0, _ second: UInt64 = 0) {
    self.first = first
    self.second = second
  }
}

/// Runs in a thread that is cancelled while it waits.
public typealias CancelHandler = @convention(c) (UnsafeMutableRawPointer?) -> Void

/// Who keeps a knote's readiness.
public enum Backing {
  /// The kernel: it reports the knote whenever there is something to deliver.
  case kernel
  /// The core: the knote stands in the ready list while it may have something to deliver.
  case recorded
}

/// What is known of a report whose knote is gone.
public enum StaleOrigin {
  /// Nothing makes it any more.
  case nowhere
  /// What the system watches under a number.
  case number(CInt)
  /// The system does not tell.
  case unknown
}

/// What one report of the system's is about.
public enum Report {
  /// A knote, with bits that only `sample` understands.
  case knote(KnoteToken, UInt32)
  case wake
  case timer(Clock)
  /// `gather` has the reports.
  case more(UInt32)
  /// Nothing that anybody needs to know.
  case nothing
}

/// What befell a knote.
public struct Happening: BitwiseCopyable {
  public var token: KnoteToken
  /// Of a filter that records: the NOTE_ bits that happened, wanted or not. Else bits that only `sample` understands.
  public var bits: UInt32
  /// A count, or a status, as the filter has it.
  public var data: Int

  @inline(__always)
  public init(_ token: KnoteToken, bits: UInt32, data: Int = 0) {
    self.token = token
    self.bits = bits
    self.data = data
  }

  /// Something was lost of what a source had to tell of processes, and nobody knows what.
  public static var loss: Happening {
    Happening(KnoteToken(index: .max, generation: .max), bits: 0)
  }

  var isLoss: Bool {
    token.index == .max
  }
}

public enum Clock: Int, CaseIterable {
  case monotonic
  case realtime
}

/// What an event for a knote would say.
public struct Readiness: BitwiseCopyable, Equatable {
  public var isActive: Bool
  /// Nothing to deliver, and nothing will be reported when that changes: look again at the next call.
  public private(set) var isUnsettled = false
  /// Nobody will ever tell when there is something to deliver, or under EV_CLEAR something new: look again before
  /// long, also for a sleeper.
  public private(set) var isPolled = false
  /// Nothing to deliver, now or later.
  public private(set) var isGone = false
  /// Under EV_CLEAR, something may be left once the program has taken what it is told of, and nobody will tell.
  public private(set) var isLeft = false
  public var data: Int
  public var fflags: UInt32
  /// EV_EOF, EV_OOBAND.
  public var flags: UInt16

  @inline(__always)
  public init(data: Int, fflags: UInt32 = 0, flags: UInt16 = 0) {
    isActive = true
    self.data = data
    self.fflags = fflags
    self.flags = flags
  }

  private init(isActive: Bool) {
    self.isActive = isActive
    data = 0
    fflags = 0
    flags = 0
  }

  /// The number does not name the file any more that the knote is on.
  public static var gone: Readiness {
    var readiness = Readiness.inactive
    readiness.isGone = true
    return readiness
  }

  public static var polled: Readiness {
    var readiness = Readiness.inactive
    readiness.isPolled = true
    return readiness
  }

  /// The same, of which nobody tells when there is more.
  public var thenPolled: Readiness {
    var readiness = self
    readiness.isPolled = true
    return readiness
  }

  /// The same, of which a reader may leave something.
  public var thenLeft: Readiness {
    var readiness = self
    readiness.isLeft = true
    return readiness
  }

  public static var unsettled: Readiness {
    var readiness = Readiness.inactive
    readiness.isUnsettled = true
    return readiness
  }

  /// Nothing to deliver.
  public static var inactive: Readiness {
    @inline(__always) get { Readiness(isActive: false) }
  }
}

extension PlatformBackend where Self: ~Copyable {
  @inline(__always)
  public static func reach(_ step: Step) {}
  @inline(__always)
  public static func reach(_ lock: UnsafeMutablePointer<kq_lock>) {}
}
