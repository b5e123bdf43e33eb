import CKQueueShims
import Synchronization

/// Waiting without the lock, and the clean-up after a thread whose wait is cancelled or jumped out of.
extension KQueueHandle where Backend: ~Copyable {
  /// The longest sleep, in ns, if a close of the kqueue cannot wake the thread.
  static var unwokenInterval: Int64 { 50_000_000 }

  /// The sleep, in ns, while a stale entry would end every wait at once.
  private static var pendingRebuildInterval: Int64 { 10_000_000 }

  /// Waits without the lock. It is the only place where a thread sleeps.
  /// - Parameter limit: the longest wait, in ns; nil: without limit.
  /// - Returns: as `PlatformBackend.wait`, or nil where the kqueue was closed meanwhile; the buffer is gone with it.
  /// - Throws: EMFILE and the like; EINTR in a child that a handler forked meanwhile, which finds nothing of the wait.
  func park(
    _ parked: inout Parked<Backend>, _ limit: Int64?, _ room: Int, _ cancelled: CancelHandler?
  ) throws(Errno) -> CInt? {
    // Without the wake descriptor close(kq) cannot wake the thread; the wait is then sliced.
    let canBeWoken = (try? queue.pointee.backend.prepareWake()) != nil
    let left = canBeWoken ? limit : min(limit ?? .max, Self.unwokenInterval)
    let waiter = try enter(&parked)
    let buffer = UnsafeMutableBufferPointer(rebasing: parked.buffer[..<room])
    queue.pointee.waiters += 1
    let sleepTime = announceWait() ? left : 0
    let rebuildIsPending = queue.pointee.rebuildIsPending
    let signals = parked.signals.unsafelyUnwrapped
    let process = registry.process
    Backend.reach(.announced)
    let place = parked.registerForJump(cancelled)
    flushAndUnlock()
    let reports = withUnsafeMutablePointer(to: &parked) {
      rebuildIsPending
        ? kq_nap(min(sleepTime ?? .max, Self.pendingRebuildInterval), cancelled, $0)
        : Backend.wait(
          waiter, buffer, nanoseconds: sleepTime, signals: signals, cancelled: cancelled, context: $0)
    }
    kq_wait_ends(place)
    lock()
    guard registry.process == process else { throw Errno(EINTR) }
    guard leave(waiter) else {
      parked.unmapBuffer()
      return nil
    }
    Backend.reach(.left)
    reclaimClosed()
    return reports
  }

  /// Publishes that a thread waits, so that a closer wakes it.
  /// - Returns: false where a close has to be processed first.
  @inline(__always)
  private func announceWait() -> Bool {
    guard Backend.waitsKeepFiles else { return true }
    queue.pointee.publishWatchSets()
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    return slot.pointee.closeHints.count.load(ordering: .acquiring) == queue.pointee.seenClosed
  }

  @inline(__always)
  private func enter(_ parked: inout Parked<Backend>) throws(Errno) -> Backend.Waiter {
    do throws(Errno) {
      let waiter = try queue.pointee.enter()
      parked.waiter = waiter
      return waiter
    } catch {
      queue.pointee.buffers.give(back: parked.buffer)
      throw error
    }
  }
}

/// What the cancellation handler of a waiting thread needs.
public struct Parked<Backend: PlatformBackend & ~Copyable>: BitwiseCopyable {
  let handle: KQueueHandle<Backend>
  let buffer: UnsafeMutableBufferPointer<Backend.RawEvent>
  /// Points into the waiting frame. The copy kept for a jump has nil: the jump discards the frame and restores the
  /// mask.
  private(set) var signals: UnsafeMutablePointer<kq_wait_signals>?
  var waiter: Backend.Waiter?

  /// Cleans up after a thread that was cancelled while it waited. Reports that the kernel may have given
  /// to it are requested again, so that another thread gets them (C-028).
  public static func abandon(_ context: UnsafeMutableRawPointer) {
    let parked = context.assumingMemoryBound(to: Parked.self).pointee
    let handle = parked.handle
    if parked.signals != nil { kq_forget_waits() }
    defer { if let signals = parked.signals, signals.pointee.are_held { signals.pointee.letGo() } }
    handle.lock()
    // A child finds nothing there.
    guard handle.slot.pointee.isInitialised else { return handle.unlock() }
    if handle.leave(parked.waiter.unsafelyUnwrapped) {
      handle.queue.pointee.buffers.give(back: parked.buffer)
      handle.queue.pointee.rearmAll()
      handle.flushAndUnlock()
    } else {
      parked.unmapBuffer()
      handle.unlock()
    }
  }

  /// Registers this wait, so that the thread's next call abandons it if a signal handler jumps out of it.
  mutating func registerForJump(_ abandon: CancelHandler?) -> CInt {
    let own = signals
    signals = nil
    defer { signals = own }
    return withUnsafePointer(to: &self) { kq_wait_begins(abandon, $0, MemoryLayout<Parked>.size) }
  }

  /// Frees the buffer of a kqueue that was closed meanwhile.
  fileprivate func unmapBuffer() {
    Arena.unmap(buffer.baseAddress.unsafelyUnwrapped, count: buffer.count)
  }
}

extension KQueue where Backend: ~Copyable {
  /// The timers are armed first, so that the thread knows them.
  mutating func enter() throws(Errno) -> Backend.Waiter {
    armTimers()
    return try backend.enter(knotes)
  }

  /// Re-arms all knotes: a cancelled thread may have consumed their reports.
  mutating func rearmAll() {
    wakePending = false
    armed = InlineArray(repeating: 0)
    var place: UInt32 = 0
    while let knote = knotes.next(&place) {
      let filter = knote.kind
      guard filter.isPlatforms, filter.recordsOccurrences || !knote.isDisabled else { continue }
      try? backend.update(knote, knotes)
    }
  }
}
