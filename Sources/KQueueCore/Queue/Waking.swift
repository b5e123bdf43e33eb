import Synchronization

/// What is done at the end of a call: the kqueue's descriptor is made readable or not, and a waiter is woken.
///
/// Two others wake: `KQueueHandle.retire` all waiters of a kqueue that is closed; and `KQueueRegistry.interrupt`
/// (NumberClose), where a wait keeps files open, a waiter of a kqueue that watches a number that is closed.
extension KQueueHandle where Backend: ~Copyable {
  /// Brings the platform up to date, drops the lock, and then wakes a waiter where there is something to deliver.
  @inline(never)
  func flushAndUnlock() {
    if queue.pointee.numberHasNewSet { return tellWatchersAndUnlock() }
    guard queue.pointee.flush() else { return unlock() }
    let backend = UnsafePointer(queue)
    slot.pointee.wakers.add(1, ordering: .relaxed)
    unlock()
    Backend.reach(.waking)
    let woke = backend.pointee.backend.wake()
    if !woke { noteBroken() }
    Backend.reach(.woke)
    slot.pointee.wakers.subtract(1, ordering: .sequentiallyConsistent)
    if slot.pointee.isLeftover.load(ordering: .sequentiallyConsistent) { freeLeftover() }
  }

  /// The number has another set: kqueues that watch it are entered there, without this one's lock.
  @inline(never)
  private func tellWatchersAndUnlock() {
    let shield = Shield()
    defer { shield.end() }
    queue.pointee.numberHasNewSet = false
    let number = slot.pointee.number - 1
    flushAndUnlock()
    if number >= 0 { registry.reenterNested(number) }
  }

  /// Watches a kqueue again that got another set under its number.
  @inline(never)
  func reenterNested(_ number: CInt) {
    lock()
    guard slot.pointee.isInitialised && slot.pointee.number != 0 else { return unlock() }
    queue.pointee.reenterNested(number)
    flushAndUnlock()
  }

  /// The wake descriptor is gone. The kqueue is there still, as its wakers keep it.
  @inline(never)
  private func noteBroken() {
    lock()
    queue.pointee.isBroken = true
    unlock()
  }

  @inline(never)
  private func freeLeftover() {
    lock()
    freeIfLeft()
    unlock()
  }
}

extension KQueue where Backend: ~Copyable {
  /// Brings the platform up to date before the lock is dropped: timers armed, and the descriptor readable
  /// while something stands in the ready list that the kernel does not know of, and only then.
  /// - Returns: whether the caller must call `wake`; it should once the lock is dropped, since the thread
  ///   that wakes takes the lock first of all.
  @inline(__always)
  mutating func flush() -> Bool {
    armTimers()
    defer {
      backend.flush(knotes, isWoken: wakePending)
      checkInvariants()
    }
    guard (ready.held > 0) != wakePending else { return false }
    if wakePending {
      wakePending = false
      backend.takeBackWake()
    } else {
      wakePending = (try? backend.prepareWake()) != nil
      lacksWake = !wakePending
    }
    return wakePending
  }
}
