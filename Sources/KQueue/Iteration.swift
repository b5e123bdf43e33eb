/// What an iterator does: it collects events when it has none left, and waits where there are none.
final class Iteration {
  private enum Phase {
    case new, running, ended
  }

  private let handle: Handle
  private let parking = Parking()
  private var poller: Poller?
  private var phase = Phase.new
  private let capacity: Int
  /// Made when it is needed.
  private var storage: EventStorage?
  /// The events that are not handed out yet.
  private var events: Range<Int> = 0..<0

  init(_ handle: Handle, capacity: Int) {
    self.handle = handle
    self.capacity = capacity
  }

  deinit {
    end()
  }

  /// The next event; nil at the end.
  func nextEvent(isolation: isolated (any Actor)?) async throws(KernelQueue.Errno) -> KernelQueue.Event? {
    try await fill(isolation: isolation) ? takeEvent() : nil
  }

  /// An event that was collected already, without a call that might wait: most are had so.
  @inline(__always)
  func takeEvent() -> KernelQueue.Event? {
    guard !events.isEmpty, let storage, !Task.isCancelled else { return nil }
    defer { events = events.lowerBound + 1..<events.upperBound }
    return KernelQueue.Event(storage[events.lowerBound])
  }

  /// All that there is; nil at the end.
  func nextBatch(isolation: isolated (any Actor)?) async throws(KernelQueue.Errno) -> KernelQueue.Batch? {
    guard try await fill(isolation: isolation), let storage else { return nil }
    defer { events = 0..<0 }
    return KernelQueue.Batch(storage, events)
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
    guard try begin() else { return false }
    while !Task.isCancelled {
      if !events.isEmpty { return true }
      guard let count = try handle.collect(into: freeStorage()) else { return false }
      events = 0..<count
      if count == 0 { try await wait(isolation: isolation) }
    }
    return false
  }

  private func wait(isolation: isolated (any Actor)?) async throws(KernelQueue.Errno) {
    if poller == nil { poller = try Poller.join(parking) }
    try poller?.watch(handle, for: parking)
    await parking.park(isolation: isolation)
  }

  /// Memory that no batch has any more.
  private func freeStorage() -> EventStorage {
    if isKnownUniquelyReferenced(&storage), let storage { return storage }
    let new = EventStorage(capacity: capacity)
    storage = new
    return new
  }

  // MARK: Its place at the queue

  /// False where it has ended.
  private func begin() throws(KernelQueue.Errno) -> Bool {
    guard phase == .new else { return phase == .running }
    if let leftover = try handle.begin(parking) {
      storage = leftover.storage
      events = leftover.indices
    }
    phase = .running
    return true
  }

  private func end() {
    let wasRunning = phase == .running
    phase = .ended
    guard wasRunning else { return }
    poller?.leave(parking, of: handle)
    poller = nil
    handle.end(leaving: storage.flatMap { events.isEmpty ? nil : KernelQueue.Batch($0, events) })
    events = 0..<0
    storage = nil
  }
}
