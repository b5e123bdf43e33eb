import CKQueueShims
import Synchronization

/// The place of a kqueue: its lock, and whether it is there at all.
///
/// Slots are never unmapped, only used again, so a thread that holds a stale pointer to one can still take
/// its lock and find that the kqueue it meant is gone. All-zero bytes are a slot that was never
/// taken; the one who takes it sets `queue`.
public struct KQueueSlot<Backend: PlatformBackend & ~Copyable>: ~Copyable, Stackable {
  var lock: kq_lock
  /// Asks the thread that holds the lock to close the kqueue: a closer may be a signal handler and never waits.
  let closing: Atomic<Bool>
  /// Threads that wake without the lock; what they write to must stay open so long.
  let wakers: Atomic<Int>
  /// The kqueue is closed, but waiters or wakers have still to leave it.
  let isLeftover: Atomic<Bool>
  private let numberWord: Atomic<CInt>
  /// A hint, to be read without the lock: the slot was used at some time.
  let wasEverUsed: Atomic<Bool>
  /// Whether `queue` is initialised: from creation until the last waiter has left after the close.
  var isInitialised: Bool
  var nextFree: UnsafeMutablePointer<KQueueSlot>?
  /// The block of slots that was made before, where this is the first of one; see `SlotBlock`.
  var nextBlock: UnsafeMutableRawPointer?
  /// How many knotes of the kqueue are on kqueues, where that is counted.
  let watchedKqueues: Atomic<Int>
  /// A forked child gets a copy of the kqueue (KQUEUE_CPONFORK).
  let copies: Atomic<Bool>
  /// A fork is under way that locked the slot, to copy the kqueue.
  let isHeldForFork: Atomic<Bool>
  /// What `PlatformBackend.forget` needs to know of the kqueue.
  private let firstWatchSets: Atomic<UInt64>
  private let secondWatchSets: Atomic<UInt64>
  /// A number was closed of which the kernel had nothing: see `PlatformBackend.forget`.
  let mayReportStale: Atomic<Bool>
  let closeHints: CloseHints
  var queue: UnsafeMutablePointer<KQueue<Backend>>

  /// The kqueue's number, or 0: free (0 as a number is stored as 1, and so on). Written under the lock; without it a
  /// hint.
  var number: CInt {
    @inline(__always) get { numberWord.load(ordering: .relaxed) }
    @inline(__always) nonmutating set { numberWord.store(newValue, ordering: .relaxed) }
  }

  /// Set under the lock and read without it: a set that is there stays so until the kqueue is closed.
  var watchSets: WatchSets {
    get { WatchSets(firstWatchSets.load(ordering: .acquiring), secondWatchSets.load(ordering: .acquiring)) }
    nonmutating set {
      firstWatchSets.store(newValue.first, ordering: .releasing)
      secondWatchSets.store(newValue.second, ordering: .releasing)
    }
  }
}

/// A kqueue as its callers reach it: takes the lock, and drops it while it waits.
public struct KQueueHandle<Backend: PlatformBackend & ~Copyable>: BitwiseCopyable {
  let slot: UnsafeMutablePointer<KQueueSlot<Backend>>
  let registry: KQueueRegistry<Backend>

  var queue: UnsafeMutablePointer<KQueue<Backend>> {
    @inline(__always) get { slot.pointee.queue }
  }

  /// - Returns: whether an earlier call of this thread was jumped out of.
  @inline(__always)
  @discardableResult
  func lock() -> Bool {
    if isHeldForFork && kq_lock_is_own(&slot.pointee.lock) { return false }
    Backend.reach(&slot.pointee.lock)
    let isAbandoned = kq_lock_take(&slot.pointee.lock)
    if isAbandoned { takeOver() }
    Backend.reach(.locked)
    return isAbandoned
  }

  /// Goes on where an earlier call of this thread was jumped out of.
  @inline(never)
  private func takeOver() {
    let shield = Shield()
    defer { shield.end() }
    Jumps.note()
    if slot.pointee.isInitialised { queue.pointee.repair() }
  }

  /// Whether a fork is under way that holds the lock: the thread that forks comes in all the same, since handlers of
  /// the program's run there as well, and nobody else does.
  var isHeldForFork: Bool {
    @inline(__always) get { slot.pointee.isHeldForFork.load(ordering: .relaxed) }
  }

  /// Drops the lock, and closes the kqueue where another thread asked for it meanwhile.
  @inline(__always)
  func unlock() {
    if isHeldForFork { return }
    kq_lock_drop(&slot.pointee.lock)
    Backend.reach(.unlocked)
    if slot.pointee.closing.load(ordering: .sequentiallyConsistent) { closeIfAsked() }
  }

  /// Removes the knotes on numbers that were closed meanwhile. The lock is held.
  @inline(__always)
  func reclaimClosed() {
    if slot.pointee.closeHints.count.load(ordering: .acquiring) != queue.pointee.seenClosed {
      queue.pointee.reclaim(slot.pointee.closeHints)
    }
    Backend.reach(.reclaimed)
  }

  /// Whether the number is this kqueue's still. The lock is held.
  @inline(__always)
  func isOpen(as number: CInt) -> Bool {
    slot.pointee.number == number + 1 && !slot.pointee.closing.load(ordering: .relaxed)
  }

  /// Asks for the close, and does it unless somebody holds the lock, who then does. Async-signal-safe.
  func close() {
    slot.pointee.closing.store(true, ordering: .sequentiallyConsistent)
    Backend.reach(.askedToClose)
    closeIfAsked()
  }

  /// Whether the number was closed unseen. Where closes are seen, a bare system call's is found out within 64 passes.
  /// The lock is held.
  @inline(__always)
  func isClosedUnseen() -> Bool {
    guard queue.pointee.backend.validates else {
      return queue.pointee.pass % 64 == 0 && !queue.pointee.backend.isOpen(slot.pointee.number - 1)
    }
    guard !queue.pointee.backend.isAlive else { return false }
    if isReplaced { return true }
    queue.pointee.isBroken = true  // it is what it was, but something inside is gone
    return false
  }

  /// Whether the number is closed, or another file's. The lock is held.
  private var isReplaced: Bool {
    !kq_is_open(slot.pointee.number - 1) || queue.pointee.backend.isReplaced
  }

  /// Closes a kqueue whose number was closed unseen, found by a caller that means the number's present file. A kqueue
  /// whose lock is held is in use and is left.
  /// - Returns: whether it was.
  @inline(never)
  @discardableResult
  func closeIfReplaced() -> Bool {
    guard kq_lock_try(&slot.pointee.lock) else { return false }
    let isGone =
      slot.pointee.isInitialised && slot.pointee.number != 0 && (isClosedUnseen() || isReplaced)
    if isGone { closeUnseen() } else { unlock() }
    return isGone
  }

  /// Closes the kqueue that had a number before another one got it. By now somebody else may have found that it was closed
  /// unseen, and its slot may be a third one's.
  func closeIfNamed(_ number: CInt) {
    lock()
    if slot.pointee.number == number + 1 { retire() }
    unlock()
  }

  /// Closes a kqueue where its number was closed unseen. One that a handler interrupted the use of is left.
  @inline(never)
  func closeIfUnseen() {
    if kq_lock_is_below(&slot.pointee.lock) { return }
    lock()
    let isOpen = slot.pointee.isInitialised && slot.pointee.number != 0
    if isOpen && isClosedUnseen() { closeUnseen() } else { unlock() }
  }

  /// Closes a kqueue whose number was closed unseen. The lock is held, and dropped.
  @inline(never)
  func closeUnseen() {
    let shield = Shield()
    defer { shield.end() }
    registry.forget(slot)
    retire()
    unlock()
  }

  @inline(never)
  private func closeIfAsked() {
    // A thread that jumped away from here might never come back, and no other could use the slot.
    let shield = Shield()
    defer { shield.end() }
    // A closer that does not get the lock leaves the close to its holder, which checks again after the drop.
    while slot.pointee.closing.load(ordering: .sequentiallyConsistent), kq_lock_try(&slot.pointee.lock) {
      Backend.reach(.retiring)
      if slot.pointee.closing.exchange(false, ordering: .relaxed) { retire() }
      kq_lock_drop(&slot.pointee.lock)
      Backend.reach(.unlocked)
    }
  }

  /// Closes under the lock; the last thread that is inside frees the memory.
  @inline(never)
  private func retire() {
    guard slot.pointee.isInitialised else { return }
    slot.pointee.number = 0
    // A number that was watched here may be closed later; by then the sets' numbers may be the program's.
    slot.pointee.watchSets = WatchSets()
    // It may stand in chains still, where it would be taken for one that watches kqueues.
    slot.pointee.watchedKqueues.store(0, ordering: .relaxed)
    slot.pointee.copies.store(false, ordering: .relaxed)
    slot.pointee.isLeftover.store(true, ordering: .sequentiallyConsistent)
    if queue.pointee.waiters > 0 { queue.pointee.backend.wakeAll() }
    freeIfLeft()
  }

  /// Frees a closed kqueue that no thread is inside of any more. The lock is held.
  func freeIfLeft() {
    guard slot.pointee.isLeftover.load(ordering: .relaxed), queue.pointee.waiters == 0,
      slot.pointee.wakers.load(ordering: .sequentiallyConsistent) == 0
    else { return }
    slot.pointee.isLeftover.store(false, ordering: .relaxed)
    queue.pointee.close()
    queue.deinitialize(count: 1)
    slot.pointee.isInitialised = false
    registry.giveBack(slot)
  }

  /// A waiter has come back. Where it is the last of a closed kqueue, it frees what is left.
  /// - Returns: whether the kqueue is open.
  func leave(_ waiter: Backend.Waiter) -> Bool {
    queue.pointee.backend.leave(waiter)
    queue.pointee.waiters -= 1
    if Backend.waitsKeepFiles && slot.pointee.number != 0 { queue.pointee.publishWatchSets() }
    freeIfLeft()
    return slot.pointee.number != 0
  }
}
