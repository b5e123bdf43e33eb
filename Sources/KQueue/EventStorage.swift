/// Memory for events, which whoever fills it has for itself.
@usableFromInline
final class EventStorage: @unchecked Sendable {
  @usableFromInline let first: UnsafeMutablePointer<Kevent>
  let capacity: Int

  init(capacity: Int) {
    self.capacity = capacity
    first = .allocate(capacity: capacity)
    first.initialize(repeating: Kevent(), count: capacity)
  }

  deinit {
    first.deallocate()
  }

  // The memory goes with the object, which nobody else need keep while it is looked at.

  subscript(index: Int) -> Kevent {
    withExtendedLifetime(self) { first[index] }
  }

  func withEntries<Result, Failure>(
    _ body: (UnsafeMutableBufferPointer<Kevent>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { withExtendedLifetime(self) {} }
    return try body(UnsafeMutableBufferPointer(start: first, count: capacity))
  }
}
