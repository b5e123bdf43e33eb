extension KernelQueue {
  /// Room for the events of one call, to be used again and again: ``KernelQueue/wait(into:applying:timeout:)``.
  ///
  /// Nothing is allocated but when it is made, unless ``events`` are kept.
  public struct EventBuffer: ~Copyable {
    private var storage: EventStorage

    /// How many events the last call put in.
    public private(set) var count = 0

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

    /// The events that the last call put in, in the order in which they came. They lie in the buffer, unless they are
    /// kept until the next call, which then takes new memory.
    public var events: Batch {
      Batch(storage, 0..<count)
    }

    /// Has a call put events in, and say how many.
    mutating func fill(_ call: (EventStorage) throws(Errno) -> Int) throws(Errno) -> Int {
      count = 0
      if !isKnownUniquelyReferenced(&storage) { storage = EventStorage(capacity: capacity) }
      count = try call(storage)
      return count
    }
  }

  /// Events that came together.
  ///
  /// The memory is used again for the next batch, if nobody has kept it by then.
  public struct Batch: RandomAccessCollection, Sendable {
    @usableFromInline let storage: EventStorage
    /// The places of the events.
    public let indices: Range<Int>

    init(_ storage: EventStorage, _ indices: Range<Int>) {
      self.storage = storage
      self.indices = indices
    }

    /// The first event's place.
    public var startIndex: Int { indices.lowerBound }
    /// The place behind the last event.
    public var endIndex: Int { indices.upperBound }

    /// An event by its place.
    public subscript(position: Int) -> Event {
      precondition(indices.contains(position), "There is no such event in the batch")
      return Event(storage[position])
    }

    /// Goes through the events.
    @inlinable
    public func makeIterator() -> Iterator {
      Iterator(batch: self)
    }

    /// Goes through the events of a batch. A collection's own iterator allocates in builds that are not optimised.
    public struct Iterator: IteratorProtocol {
      @usableFromInline let storage: EventStorage
      @usableFromInline var position: Int
      @usableFromInline let end: Int

      @inlinable
      init(batch: Batch) {
        storage = batch.storage
        position = batch.indices.lowerBound
        end = batch.indices.upperBound
      }

      /// The next event; nil at the end.
      @inlinable
      public mutating func next() -> Event? {
        guard position < end else { return nil }
        defer { position += 1 }
        return withExtendedLifetime(storage) { Event(storage.first[position]) }
      }
    }
  }
}
