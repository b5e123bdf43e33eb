extension KernelQueue {
  /// Room for the events of one call, to be used again and again: ``KernelQueue/wait(into:applying:timeout:)``.
  ///
  /// Nothing is allocated but when it is made.
  public struct EventBuffer: ~Copyable {
    let storage: EventStorage

    /// How many events the last call put in.
    public internal(set) var count = 0

    /// Room for so many events.
    ///
    /// - Precondition: `capacity` is above 0.
    public init(capacity: Int) {
      precondition(capacity > 0, "An EventBuffer needs room for an event")
      storage = EventStorage(capacity: capacity)
    }

    /// How many events there is room for.
    public var capacity: Int {
      storage.capacity
    }

    /// Whether the last call put in none.
    public var isEmpty: Bool {
      count == 0
    }

    /// The places of the events.
    public var indices: Range<Int> {
      0..<count
    }

    /// An event by its place.
    ///
    /// - Precondition: `index` is one of ``indices``.
    public subscript(index: Int) -> Event {
      precondition(indices.contains(index), "There is no event at \(index) in an EventBuffer of \(count)")
      return Event(storage[index])
    }

    /// Calls `body` for each event, in the order in which they came.
    public func forEach<Failure>(_ body: (Event) throws(Failure) -> Void) throws(Failure) {
      for index in indices { try body(Event(storage[index])) }
    }
  }

  /// Events that came together, from ``KernelQueue/batches(upTo:)``.
  ///
  /// Its memory is used again for the next batch, if nobody has kept it by then.
  public struct Batch: RandomAccessCollection, Sendable {
    let storage: EventStorage
    public let indices: Range<Int>

    init(_ storage: EventStorage, _ indices: Range<Int>) {
      self.storage = storage
      self.indices = indices
    }

    public var startIndex: Int { indices.lowerBound }
    public var endIndex: Int { indices.upperBound }

    /// An event by its place.
    public subscript(position: Int) -> Event {
      precondition(indices.contains(position), "There is no such event in the batch")
      return Event(storage[position])
    }
  }
}
