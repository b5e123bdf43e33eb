import CKQueue
import CKQueueShims
import KQueueCore
import NullShims

/// A system without descriptors to watch: a clock, and something to sleep by. It is the least that a platform can be,
/// and where a port begins. TIMER and USER work on it whole; every other filter is refused by the core.
///
/// docs/adding-a-platform.md goes through these files.
public struct NullBackend: PlatformBackend, ~Copyable {
  public typealias KnoteState = NullKnote
  public typealias RawEvent = NullReport
  public typealias Waiter = UnsafeMutablePointer<NullSleeper>

  public static var filters: FilterSet { FilterSet(rawValue: 0) }

  public private(set) var descriptor: CInt
  let bell: OpaquePointer
  /// What the core asked to be told, by clock; 0 is nothing.
  var deadlines: (monotonic: UInt64, realtime: UInt64) = (0, 0)
  /// Threads that wait, or are on their way back.
  var sleepers = 0
  /// None of them knows the deadlines as they are by now.
  var isStale = false

  public init() throws(Errno) {
    guard let made = null_bell_make() else { throw Errno(ENOMEM) }
    bell = made
    descriptor = null_number()
  }

  public mutating func renumber(_ number: CInt) {
    descriptor = number
  }

  public mutating func close() {
    null_bell_free(bell)
  }

  // MARK: Knotes, of which there are none for a platform that serves no filter

  public mutating func attach(_ knote: KnoteRef<NullKnote>, _ knotes: borrowing Knotes) throws(Errno) -> Backing {
    bug("a knote of a filter that the platform does not serve")
  }

  public mutating func update(_ knote: KnoteRef<NullKnote>, _ knotes: borrowing Knotes) {}
  public mutating func detach(_ knote: KnoteRef<NullKnote>, _ knotes: borrowing Knotes) {}
  public var watchSets: WatchSets { WatchSets() }
  public static func forget(_ number: CInt, _ watchSets: WatchSets) -> Bool { true }

  public mutating func sample(_ knote: KnoteRef<NullKnote>, _ knotes: borrowing Knotes, reported: UInt32?) -> Readiness
  {
    .inactive
  }

  // MARK: Time

  public func now(_ clock: Clock) -> UInt64 {
    kq_clock(clock == .realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC)
  }

  public mutating func arm(_ clock: Clock, _ deadline: UInt64?) -> Bool {
    switch clock {
    case .monotonic: deadlines.monotonic = deadline ?? 0
    case .realtime: deadlines.realtime = deadline ?? 0
    }
    if deadline != nil { isStale = true }
    return true
  }
}

/// Nothing is kept with a knote.
public struct NullKnote: BitwiseCopyable {}
