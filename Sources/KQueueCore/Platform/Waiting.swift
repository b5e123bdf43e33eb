import CKQueueShims

/// How a thread sleeps, and what wakes it.
public protocol Waiting: KnoteKeeping, ~Copyable {
  /// One report of the system's as `wait` gets it, still to be read by `decode`.
  associatedtype RawEvent: BitwiseCopyable

  /// All that one `wait` needs to know of the kqueue.
  associatedtype Waiter: BitwiseCopyable

  /// Makes one `wait` report `.wake`, and the kqueue's descriptor readable until then. Async-signal-safe.
  /// - Returns: as `arm`.
  func wake() -> Bool

  /// Undoes a `wake` that no `wait` has reported yet; one may report it all the same.
  mutating func takeBackWake()

  /// Makes every `wait` return, now and from now on: the kqueue is closed. Async-signal-safe.
  mutating func wakeAll()

  /// Gets reports that are there now. No cancellation point.
  /// - Returns: how many, or a negative errno.
  mutating func poll(_ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<RawEvent>) -> CInt

  /// Makes a thread ready to `wait`; what it gives goes back with `leave`.
  /// - Throws: ENOMEM.
  mutating func enter(_ knotes: borrowing Knotes) throws(Errno) -> Waiter

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
  static func decode(_ event: RawEvent) -> Report<Source>

  // MARK: What only some need

  /// Takes what `wake` needs.
  /// - Throws: EMFILE, ENFILE, ENOMEM.
  mutating func prepareWake() throws(Errno)

  /// Whether the system has nothing to report of any knote for sure, so that `poll` can be left out.
  var isIdle: Bool { get }

  /// The lock is about to be dropped: waiters have to learn what was changed.
  /// - Parameter isWoken: whether a `wake` was asked for, or is about to be, that no `wait` has reported.
  mutating func flush(_ knotes: borrowing Knotes, isWoken: Bool)

  /// A thread has come back from `wait`, or was cancelled there; the kqueue may be closed by now.
  mutating func leave(_ waiter: Waiter)
}

extension Waiting where Self: ~Copyable {
  public mutating func prepareWake() {}
  public var isIdle: Bool { false }
  @inline(__always)
  public mutating func flush(_ knotes: borrowing Knotes, isWoken: Bool) {}
  public mutating func leave(_ waiter: Waiter) {}
}

/// Runs in a thread that is cancelled while it waits.
public typealias CancelHandler = @convention(c) (UnsafeMutableRawPointer?) -> Void

/// What one report of the system's is about.
public enum Report<Source> {
  /// A knote, with bits that only `sample` understands.
  case knote(KnoteToken, UInt32)
  case wake
  case timer(Clock)
  /// `gather` has the reports.
  case more(Source)
  /// Nothing of interest.
  case nothing
}
