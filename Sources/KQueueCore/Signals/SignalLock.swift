import CKQueueShims
import Synchronization

/// The lock of signals: makes other threads wait, and handlers on this one, so that nothing is half done between the two.
struct SignalLock: ~Copyable {
  /// What the thread blocked before; nothing where the caller holds signals back already.
  let before: kq_signal_numbers
  /// The caller's.
  let process: CInt
  /// Whether the lock itself holds signals back.
  private let holdsBack: Bool

  /// - Parameter isShielded: the caller holds signals back already.
  @inline(never)
  init(isShielded: Bool = false) {
    holdsBack = !isShielded
    before = holdsBack ? SignalMask.holdBack() : kq_signal_numbers()
    process = kq_process()
    while !Self.take(process) { pauseBriefly() }
  }

  private static func take(_ process: CInt) -> Bool {
    let word = SignalState.shared
    let free = word.pointee.lockHolder.compareExchange(expected: 0, desired: process, ordering: .sequentiallyConsistent)
    if free.exchanged { return true }
    // Held by a parent's thread when it forked without handlers: no thread of this process.
    return free.original != process
      && word.pointee.lockHolder.compareExchange(
        expected: free.original, desired: process, ordering: .sequentiallyConsistent
      ).exchanged
  }

  @inline(never)
  func end() {
    SignalState.shared.pointee.lockHolder.store(0, ordering: .sequentiallyConsistent)
    if holdsBack { SignalMask.set(before) }
  }
}
