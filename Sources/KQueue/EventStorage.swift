/// Memory for events, which whoever fills it has for itself.
final class EventStorage: @unchecked Sendable {
  private let entries: UnsafeMutableBufferPointer<Kevent>

  init(capacity: Int) {
    entries = .allocate(capacity: capacity)
    entries.initialize(repeating: Kevent())
  }

  deinit {
    entries.deallocate()
  }

  var capacity: Int {
    entries.count
  }

  // The memory goes with the object, which nobody else need keep while it is looked at.

  subscript(index: Int) -> Kevent {
    withExtendedLifetime(self) { entries[index] }
  }

  func withEntries<Result, Failure>(
    _ body: (UnsafeMutableBufferPointer<Kevent>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { withExtendedLifetime(self) {} }
    return try body(entries)
  }
}
