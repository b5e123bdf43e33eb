/// Events that were collected and not handed out.
@usableFromInline
struct Window {
  @usableFromInline var next: UnsafeMutablePointer<Kevent>
  @usableFromInline var end: UnsafeMutablePointer<Kevent>
}

/// What an iterator does: it collects events when it has none left, and waits where there are none.
///
/// An event that was collected is handed out by the caller's own code (`takeEvent`), since a call and a look at the task
/// cost more than most events. So what it touches lies outside of the object, where no access is counted or checked, and
/// whether the task was cancelled is looked at when there are none left.
@usableFromInline
final class Iteration {
  private enum Phase {
    case new, running
    /// There was nothing at the last look, so that it has to wait.
    case dry
    case ended
  }

  private let handle: Handle
  private let parking = Parking()
  private var poller: Poller?
  private var phase = Phase.new
  private var storage: EventStorage
  @usableFromInline let window: UnsafeMutablePointer<Window>

  init(_ handle: Handle, capacity: Int) {
    self.handle = handle
    storage = EventStorage(capacity: capacity)
    window = .allocate(capacity: 1)
    window.initialize(to: Window(next: storage.first, end: storage.first))
  }

  deinit {
    end()
    window.deallocate()
  }

  /// The next event; nil at the end.
  @usableFromInline
  func nextEvent(isolation: isolated (any Actor)?) async throws(KernelQueue.Errno) -> KernelQueue.Event? {
    try await fill(isolation: isolation) ? takeEvent() : nil
  }

  /// An event that need not be waited for: most are had so, without an asynchronous call.
  @inlinable
  @inline(__always)
  func takeEvent() throws(KernelQueue.Errno) -> KernelQueue.Event? {
    // The memory goes with the object.
    defer { withExtendedLifetime(self) {} }
    if window.pointee.next == window.pointee.end, try !hasMore() { return nil }
    let next = window.pointee.next
    window.pointee.next = next + 1
    return KernelQueue.Event(next.pointee)
  }

  /// All that there is; nil at the end.
  @usableFromInline
  func nextBatch(isolation: isolated (any Actor)?) async throws(KernelQueue.Errno) -> KernelQueue.Batch? {
    try await fill(isolation: isolation) ? handOutAll() : nil
  }

  /// Events that need not be waited for, without an asynchronous call.
  @usableFromInline
  func takeBatch() throws(KernelQueue.Errno) -> KernelQueue.Batch? {
    try hasMore() ? handOutAll() : nil
  }

  private func handOutAll() -> KernelQueue.Batch {
    defer { events = 0..<0 }
    return KernelQueue.Batch(storage, events)
  }

  /// Whether there are events without waiting, which a cancelled task gets none of.
  @usableFromInline
  @inline(never)
  func hasMore() throws(KernelQueue.Errno) -> Bool {
    guard phase == .running && !Task.isCancelled else { return false }
    do throws(KernelQueue.Errno) {
      if events.isEmpty { try look() }
    } catch {
      end()
      throw error
    }
    return !events.isEmpty
  }

  /// Sees to it that there are events; false at the end.
  @inline(__always)
  private func fill(isolation: isolated (any Actor)?) async throws(KernelQueue.Errno) -> Bool {
    if !events.isEmpty && !Task.isCancelled { return true }
    do throws(KernelQueue.Errno) {
      if try await refill(isolation: isolation) { return true }
    } catch {
      end()
      throw error
    }
    end()
    return false
  }

  private func refill(isolation: isolated (any Actor)?) async throws(KernelQueue.Errno) -> Bool {
    try begin()
    while phase != .ended && !Task.isCancelled {
      if !events.isEmpty { return true }
      if phase == .dry { try await wait(isolation: isolation) } else { try look() }
    }
    return false
  }

  /// Collects what there is now.
  private func look() throws(KernelQueue.Errno) {
    guard let count = try handle.collect(into: freeStorage()) else { return end() }
    events = 0..<count
    if count == 0 { phase = .dry }
  }

  private func wait(isolation: isolated (any Actor)?) async throws(KernelQueue.Errno) {
    phase = .running
    if poller == nil { poller = try Poller.join(parking) }
    try poller?.watch(handle, for: parking)
    await parking.park(isolation: isolation)
  }

  /// Memory that no batch has any more.
  private func freeStorage() -> EventStorage {
    if !isKnownUniquelyReferenced(&storage) {
      storage = EventStorage(capacity: storage.capacity)
      events = 0..<0
    }
    return storage
  }

  /// The events that are not handed out yet, by their places.
  private var events: Range<Int> {
    get { window.pointee.next - storage.first..<window.pointee.end - storage.first }
    set { window.pointee = Window(next: storage.first + newValue.lowerBound, end: storage.first + newValue.upperBound) }
  }

  // MARK: Its place at the queue

  private func begin() throws(KernelQueue.Errno) {
    guard phase == .new else { return }
    if let leftover = try handle.begin(parking) {
      storage = leftover.storage
      events = leftover.indices
    }
    phase = .running
  }

  private func end() {
    let hasBegun = phase == .running || phase == .dry
    phase = .ended
    guard hasBegun else { return }
    poller?.leave(parking, of: handle)
    poller = nil
    handle.end(leaving: events.isEmpty ? nil : KernelQueue.Batch(storage, events))
    events = 0..<0
  }
}
