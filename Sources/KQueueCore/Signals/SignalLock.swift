import CKQueueShims
import Synchronization

/// The lock of signals: makes other threads wait, and handlers on this one, so that nothing is half done between the two.
struct SignalLock: ~Copyable {
  /// What the thread blocked before.
  let before: kq_signal_numbers
  /// The process.
  let own: CInt
  private let blocks: Bool

  /// - Parameter isShielded: the caller holds signals back already.
  @inline(never)
  init(isShielded: Bool = false) {
    blocks = !isShielded
    before = blocks ? SignalMask.holdBack() : kq_signal_numbers()
    own = kq_process()
    while !Self.take(own) { pauseBriefly() }
  }

  private static func take(_ own: CInt) -> Bool {
    let word = SignalState.shared
    let free = word.pointee.lockHolder.compareExchange(expected: 0, desired: own, ordering: .sequentiallyConsistent)
    if free.exchanged { return true }
    // Held by a parent's thread when it forked without handlers: no thread of this process.
    return free.original != own
      && word.pointee.lockHolder.compareExchange(
        expected: free.original, desired: own, ordering: .sequentiallyConsistent
      ).exchanged
  }

  @inline(never)
  func end() {
    SignalState.shared.pointee.lockHolder.store(0, ordering: .sequentiallyConsistent)
    if blocks { SignalMask.set(before) }
  }
}
