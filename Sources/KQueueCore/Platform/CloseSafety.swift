/// The state of what the system watches when a number is closed, seen or unseen.
public protocol CloseSafety: Waiting, ~Copyable {
  /// What `forget` needs to know.
  var watchSets: WatchSets { get }

  /// Ends all that the kernel has of a number in these sets, before the number is closed: a duplicate would
  /// keep it alive there. Async-signal-safe.
  /// - Returns: whether there was anything, where the kernel has something of a watched number as a rule. If there was
  ///   not, its file may have been replaced unseen, and what was watched then may be reported still.
  static func forget(_ number: CInt, _ watchSets: WatchSets) -> Bool

  // MARK: What only some need

  /// Whether closes may go unseen in this process.
  static var closesGoUnseen: Bool { get }

  /// Whether closes may go unseen, so that descriptors must be looked at before they are believed.
  var validates: Bool { get }

  /// Whether the kqueue's own descriptor is what it was. Asked only where closes may go unseen.
  var isAlive: Bool { get }

  /// Whether the kqueue's number names something else by now. Asked where it is not alive.
  var isReplaced: Bool { get }

  /// Whether a number is open and names what no kqueue can be. Asked without the lock of the kqueue that had the number.
  static func namesNoKQueue(_ number: CInt) -> Bool

  /// How often a new descriptor inside a kqueue had the number of one that was closed unseen; it wraps.
  static var replacements: CUnsignedInt { get }

  /// Whether everything inside is open still. Asked where some kqueue lost something, or a call on it failed.
  var isIntact: Bool { get }

  /// How many kqueues may stand in a chain, each of which watches the next; `Int.max` where the system sees to it.
  var chainLimit: Int { get }

  /// Whether a thread that waits keeps open what it waits for: a close takes effect only when its wait is over.
  static var waitsKeepFiles: Bool { get }

  /// Ends the wait of a thread, where one waits, after a close was noted that it has to process. It is called
  /// where waits keep files, and `watchSets` is read anew at each begin and end of a wait. Async-signal-safe.
  static func interrupt(_ watchSets: WatchSets)

  /// Where a report comes from whose knote is gone.
  func origin(of stale: KnoteToken) -> StaleOrigin

  /// Ends what the system watches under a number for no knote.
  /// - Returns: whether there was anything to end.
  mutating func dismiss(_ number: CInt) -> Bool

  /// Makes the system's set anew: it reports an entry that cannot be removed, since the number it was entered under
  /// is closed and a duplicate keeps it alive. What is news up to now is written to the buffer, and not reported
  /// again; nor is what was reported before and did not change since.
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
  mutating func reenterNested(_ knote: KnoteRef<KnoteState>)
}

extension CloseSafety where Self: ~Copyable {
  public static var closesGoUnseen: Bool { false }
  public var validates: Bool { Self.closesGoUnseen }
  public var isAlive: Bool { true }
  public var isReplaced: Bool { false }
  public static func namesNoKQueue(_ number: CInt) -> Bool { false }
  public static var replacements: CUnsignedInt { 0 }
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
  public mutating func reenterNested(_ knote: KnoteRef<KnoteState>) {}
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

/// What is known of a report whose knote is gone.
public enum StaleOrigin {
  /// Nothing makes it any more.
  case nowhere
  /// What the system watches under a number.
  case number(CInt)
  /// The system does not tell.
  case unknown
}
