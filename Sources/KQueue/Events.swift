extension KernelQueue {
  /// The queue's events, one by one, as they come.
  ///
  /// ```swift
  /// for try await event in queue.events {
  ///   print(event.source)
  /// }
  /// ```
  ///
  /// - It collects up to 64 events at a time and hands them out one by one; it collects nothing that it is not asked
  ///   for, and keeps no more than that. An event may have been collected before something that the body did to an
  ///   earlier one, as with an event list in C: it can be of a descriptor that was closed since.
  /// - No task's thread is blocked: one thread, which the module starts at the first wait and ends with the last
  ///   iteration, waits for all queues that are iterated over.
  /// - It ends when its task is cancelled, and when the queue is closed, but hands out before what it had collected.
  ///   After a `break` such events are the first of the next iteration.
  /// - A queue has one iteration at a time. A second one throws ``Errno/busy``; the first one's iterator must be gone, or
  ///   must have ended. (``wait(into:applying:timeout:)`` may be called meanwhile: an event goes to one of the two.)
  /// - It throws what kevent(2) says.
  /// - On this library's POSIX platform, where a queue cannot be watched for everything, an iteration that waits looks
  ///   every 10 ms.
  public var events: Events {
    Events(handle: handle)
  }

  /// The queue's events, as many at a time as there are: as ``events``, and cheaper an event. Nothing is allocated from
  /// one batch to the next, if none is kept.
  ///
  /// ```swift
  /// for try await batch in queue.batches(upTo: 256) {
  ///   for event in batch { print(event.source) }
  /// }
  /// ```
  ///
  /// - Parameter capacity: How many events a batch may have.
  /// - Precondition: `capacity` is above 0.
  public func batches(upTo capacity: Int = 64) -> Batches {
    precondition(capacity > 0, "A batch needs room for an event")
    return Batches(handle: handle, capacity: capacity)
  }

  /// See ``KernelQueue/events``.
  public struct Events: AsyncSequence, Sendable {
    let handle: Handle

    /// An iterator, which is the queue's only one from its first event on.
    public func makeAsyncIterator() -> Iterator {
      Iterator(iteration: Iteration(handle, capacity: 64))
    }

    /// Goes through the events. It belongs to one task.
    public struct Iterator: AsyncIteratorProtocol {
      @usableFromInline let iteration: Iteration

      /// The next event, waited for; nil when the task is cancelled or the queue closed.
      @inlinable
      public mutating func next(isolation actor: isolated (any Actor)?) async throws(Errno) -> Event? {
        if let event = try iteration.takeEvent() { return event }
        return try await iteration.nextEvent(isolation: actor)
      }

      /// The next event, waited for; nil when the task is cancelled or the queue closed.
      public mutating func next() async throws(Errno) -> Event? {
        try await next(isolation: nil)
      }
    }
  }

  /// See ``KernelQueue/batches(upTo:)``.
  public struct Batches: AsyncSequence, Sendable {
    let handle: Handle
    let capacity: Int

    /// An iterator, which is the queue's only one from its first batch on.
    public func makeAsyncIterator() -> Iterator {
      Iterator(iteration: Iteration(handle, capacity: capacity))
    }

    /// Goes through the batches. It belongs to one task.
    public struct Iterator: AsyncIteratorProtocol {
      @usableFromInline let iteration: Iteration

      /// The next events, at least one, waited for; nil when the task is cancelled or the queue closed.
      @inlinable
      public mutating func next(isolation actor: isolated (any Actor)?) async throws(Errno) -> Batch? {
        if let batch = try iteration.takeBatch() { return batch }
        return try await iteration.nextBatch(isolation: actor)
      }

      /// The next events, at least one, waited for; nil when the task is cancelled or the queue closed.
      public mutating func next() async throws(Errno) -> Batch? {
        try await next(isolation: nil)
      }
    }
  }
}
