import KQueueCore

extension Changelist {
  /// A list of the tests' own.
  public init(_ entries: UnsafeBufferPointer<Kevent>) {
    self.init(start: entries.baseAddress, count: entries.count)
  }
}

extension Eventlist {
  /// A list of the tests' own.
  public init(_ entries: UnsafeMutableBufferPointer<Kevent>) {
    self.init(start: entries.baseAddress, count: entries.count)
  }
}
