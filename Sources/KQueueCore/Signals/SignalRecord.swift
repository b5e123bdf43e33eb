import CKQueueShims
import Synchronization

/// What is kept of a signal. It lies in static memory of C's, all zeroes at first: the child of a vfork(2) has the very
/// memory, and that of a fork(2) a copy of it. Handlers read it, so nothing of it is behind a lazy global.
struct SignalRecord: ~Copyable {
  /// Knotes.
  let users: Atomic<UInt32>
  /// Occurrences, ever.
  let count: Atomic<UInt32>
  /// Of those, the ones whose notification is written.
  let told: Atomic<UInt32>
  /// The descriptor to write to, + 1.
  let notifier: Atomic<CInt>
  /// Handlers that may be about to.
  let busy: Atomic<CInt>
  /// The handler of ours that is in force, or was last.
  let front: Atomic<UInt32>
  /// The program's action is in force, and nothing is counted.
  let yields: Atomic<Bool>
  /// It was found pending, where it cannot be marked.
  let isKnown: Atomic<Bool>
  /// siginterrupt(3), which signal(3) goes by.
  let interrupts: Atomic<Bool>

  /// The record of a signal that exists.
  @inline(__always)
  static func of(_ number: CInt) -> UnsafeMutablePointer<SignalRecord> {
    kq_signal_memory(number).assumingMemoryBound(to: SignalRecord.self)
  }

  static var frontOffset: Int { 32 }

  /// What each handler of ours stands in front of: the first behind the record.
  @inline(__always)
  static func front(_ number: CInt, _ place: UInt32) -> UnsafeMutablePointer<StoredAction> {
    if place == 0 { return (kq_signal_memory(number) + frontOffset).assumingMemoryBound(to: StoredAction.self) }
    return kq_further_front(number, CInt(bitPattern: place)).assumingMemoryBound(to: StoredAction.self)
  }

  /// As before anybody watched; the count goes on.
  func forget() {
    users.store(0, ordering: .sequentiallyConsistent)
    notifier.store(0, ordering: .sequentiallyConsistent)
    busy.store(0, ordering: .sequentiallyConsistent)
    yields.store(false, ordering: .sequentiallyConsistent)
  }
}

/// What is kept of all signals together.
struct SignalState: ~Copyable {
  /// The process whose signals these are.
  let owner: Atomic<CInt>
  /// The process that holds the lock.
  let lockHolder: Atomic<CInt>
  /// The signals that ever were watched. A forked child writes to the records of these alone, since the kernel copies
  /// each page that it writes to. A bit is set before the record has a notifier, so a clear bit means that there is none.
  let lowEverWatched, highEverWatched: Atomic<UInt64>
  /// Looks at what is pending that found nothing new, and what was queued at the last.
  let looks: Atomic<UInt32>
  let countAtLooks: Atomic<UInt>
  let lowAtLooks, highAtLooks: Atomic<UInt64>

  @inline(__always)
  static var shared: UnsafeMutablePointer<SignalState> {
    kq_signals_memory().assumingMemoryBound(to: SignalState.self)
  }

  var everWatched: kq_signal_numbers {
    kq_signal_numbers(
      low: lowEverWatched.load(ordering: .sequentiallyConsistent),
      high: highEverWatched.load(ordering: .sequentiallyConsistent))
  }

  var queuedAtLooks: Queued {
    Queued(
      count: countAtLooks.load(ordering: .sequentiallyConsistent),
      shared: kq_signal_numbers(
        low: lowAtLooks.load(ordering: .sequentiallyConsistent),
        high: highAtLooks.load(ordering: .sequentiallyConsistent)))
  }

  func noteAtLooks(_ queued: Queued) {
    countAtLooks.store(queued.count, ordering: .sequentiallyConsistent)
    lowAtLooks.store(queued.shared.low, ordering: .sequentiallyConsistent)
    highAtLooks.store(queued.shared.high, ordering: .sequentiallyConsistent)
  }

  func noteWatched(_ number: CInt) {
    var one = kq_signal_numbers()
    one.insert(number)
    lowEverWatched.bitwiseOr(one.low, ordering: .sequentiallyConsistent)
    highEverWatched.bitwiseOr(one.high, ordering: .sequentiallyConsistent)
  }
}
