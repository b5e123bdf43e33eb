import Synchronization

/// Descriptor numbers that were closed: hints, which a kqueue reads at its next call.
///
/// A close may happen in a signal handler, so it leaves the number here and no more, as a hint where to look: which
/// knotes are gone is told by `KQueueRegistry.isWatching`, and after a doubtful hint by the file that the number names.
/// So hints may be read late and in any order. Where one finds its place taken, all knotes are looked at. All-zero
/// bytes: none.
struct CloseHints: ~Copyable {
  private static var room: UInt { 64 }

  /// Changes with each hint that is left, once it stands in its place.
  let count: Atomic<UInt>
  private let next: Atomic<UInt>
  private let hasOverflowed: Atomic<Bool>
  private let hints: InlineArray<64, Atomic<UInt32>>  // see `Hint`; 0 is none

  /// Leaves a hint. Async-signal-safe.
  /// - Parameter reach: see `PlatformBackend.reach`.
  @inline(__always)
  func post(_ hint: Hint, _ reach: (Step) -> Void) {
    let place = Int(next.wrappingAdd(1, ordering: .relaxed).oldValue % Self.room)
    reach(.reservedPlace)
    // No hint is written over: its closer may have returned by then, and the kqueue would miss that close until this
    // one goes on.
    let isFree = hints[place].compareExchange(
      expected: 0, desired: hint.word, ordering: .acquiringAndReleasing
    ).exchanged
    if !isFree { hasOverflowed.store(true, ordering: .releasing) }
    reach(.leftHint)
    count.wrappingAdd(1, ordering: .releasing)
  }

  /// Marks the hints as overflowed, so that all knotes are checked: some may have been taken and not followed.
  func doubtAll() {
    hasOverflowed.store(true, ordering: .releasing)
    count.wrappingAdd(1, ordering: .releasing)
  }

  /// Starts the counters at another value. No other thread uses them meanwhile.
  func start(at value: UInt) {
    count.store(value, ordering: .relaxed)
    next.store(value, ordering: .relaxed)
  }

  /// Calls `body` with each hint that was left, and takes it away.
  /// - Returns: whether there were more, which are not known.
  func takeAll(_ body: (Hint) -> Void) -> Bool {
    for place in 0..<Int(Self.room) where hints[place].load(ordering: .relaxed) != 0 {
      if let hint = Hint(word: hints[place].exchange(0, ordering: .acquiring)) { body(hint) }
    }
    return hasOverflowed.load(ordering: .acquiring) && hasOverflowed.exchange(false, ordering: .acquiringAndReleasing)
  }
}

/// What a closer says of a number.
enum Hint: Equatable {
  /// It is about to be closed.
  case closed(CInt)
  /// It was closed, and somebody watched it anew while that was under way: the file that is gone, or its successor.
  case doubtful(CInt)

  /// The number + 1, with room for one bit behind it: whether it is a doubtful one.
  /// With the sign as that bit the optimiser of Swift 6.2 does not come to an end.
  fileprivate var word: UInt32 {
    switch self {
    case .closed(let number): Self.shifted(number)
    case .doubtful(let number): Self.shifted(number) | 1
    }
  }

  fileprivate init?(word: UInt32) {
    if word == 0 { return nil }
    let number = CInt(truncatingIfNeeded: word &>> 1) &- 1
    self = word & 1 == 0 ? .closed(number) : .doubtful(number)
  }

  private static func shifted(_ number: CInt) -> UInt32 {
    UInt32(truncatingIfNeeded: number &+ 1) &<< 1
  }
}
