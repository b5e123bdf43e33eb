import CKQueueShims
import Synchronization

/// The place of a kqueue: its lock, and whether it is there at all.
///
/// Slots are never unmapped, only used again, so a thread that holds a stale pointer to one can still take
/// its lock and find that the kqueue it meant is gone. All-zero bytes are a free slot.
public struct KQueueSlot<Backend: PlatformBackend & ~Copyable>: ~Copyable {
  var lock: kq_lock
  /// Asks whoever holds the lock to close the kqueue: a closer may be a signal handler and never waits.
  let closing: Atomic<Bool>
  /// The kqueue's number, or 0: free (0 as a number is stored as 1, and so on).
  var number: CInt
  /// Whether `queue` is initialised: from creation until the last waiter has left after the close.
  var isInitialised: Bool
  var nextFree: UnsafeMutablePointer<KQueueSlot>?
  var queue: UnsafeMutablePointer<KQueue<Backend>>
}

/// A kqueue as its callers reach it: takes the lock, and drops it while it waits.
public struct KQueueHandle<Backend: PlatformBackend & ~Copyable>: BitwiseCopyable {
  let slot: UnsafeMutablePointer<KQueueSlot<Backend>>
  let registry: KQueueRegistry<Backend>

  var queue: UnsafeMutablePointer<KQueue<Backend>> {
    @inline(__always) get { slot.pointee.queue }
  }

  @inline(__always)
  func lock() {
    kq_lock_take(&slot.pointee.lock)
  }

  /// Drops the lock, and closes the kqueue where somebody asked for it meanwhile.
  @inline(__always)
  func unlock() {
    kq_lock_drop(&slot.pointee.lock)
    if slot.pointee.closing.load(ordering: .sequentiallyConsistent) { closeIfAsked() }
  }

  /// Whether the number is this kqueue's still. The lock is held.
  @inline(__always)
  func isOpen(as number: CInt) -> Bool {
    slot.pointee.number == number + 1 && !slot.pointee.closing.load(ordering: .relaxed)
  }

  /// Asks for the close, and does it unless somebody holds the lock, who then does. Async-signal-safe.
  func close() {
    slot.pointee.closing.store(true, ordering: .sequentiallyConsistent)
    closeIfAsked()
  }

  @inline(never)
  private func closeIfAsked() {
    // Whoever fails to get the lock leaves the close to its holder, who looks again after dropping it.
    while slot.pointee.closing.load(ordering: .sequentiallyConsistent), kq_lock_try(&slot.pointee.lock) {
      let freed = slot.pointee.closing.load(ordering: .relaxed) && retire()
      kq_lock_drop(&slot.pointee.lock)
      if freed { registry.giveBack(slot) }
    }
  }

  /// Closes under the lock; the memory goes with the last waiter. Returns whether the slot is free now.
  private func retire() -> Bool {
    slot.pointee.closing.store(false, ordering: .relaxed)
    guard slot.pointee.isInitialised else { return false }
    slot.pointee.number = 0
    if queue.pointee.waiters > 0 {
      queue.pointee.backend.wakeAll()
      return false
    }
    return free()
  }

  private func free() -> Bool {
    queue.pointee.close()
    queue.deinitialize(count: 1)
    slot.pointee.isInitialised = false
    return true
  }

  /// A waiter has come back. Where it is the last of a closed kqueue, it frees what is left.
  /// - Returns: whether the kqueue is open.
  func leave() -> Bool {
    queue.pointee.waiters -= 1
    if slot.pointee.number != 0 && !slot.pointee.closing.load(ordering: .relaxed) { return true }
    if slot.pointee.number == 0 && queue.pointee.waiters == 0 && free() { registry.giveBack(slot) }
    return false
  }
}
