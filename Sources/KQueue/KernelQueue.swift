/// A kqueue: tells what happens to descriptors, timers, processes, files and signals.
///
/// A queue owns its descriptor. It is closed by ``close()``, or when the value goes.
///
/// ```swift
/// let queue = try KernelQueue()
/// try queue.add(.timer(1, every: .seconds(1)))
/// var buffer = KernelQueue.EventBuffer(capacity: 64)
/// while try queue.wait(into: &buffer) > 0 {
///   for event in buffer.events { print(event.source) }
/// }
/// ```
///
/// All calls but ``close()`` may be made from any number of threads at once; a change is seen at once by threads that
/// wait. Closing a descriptor takes its registrations along. A forked child does not inherit a queue.
///
/// Manual: kqueue(2).
public struct KernelQueue: ~Copyable, Sendable {
  let handle: Handle

  /// The queue's own descriptor, close-on-exec. It is readable while there are events, so that it can be watched in
  /// another queue, or by whatever loop there is already. It stays the queue's: do not close it.
  public let descriptor: CInt

  /// A new queue.
  ///
  /// Throws ``Errno/tooManyDescriptors``, ENFILE or ``Errno/noMemory``.
  public init() throws(Errno) {
    handle = try Handle()
    descriptor = handle.descriptor
  }

  /// Closes the queue: every registration goes, and an iteration of ``events`` ends.
  ///
  /// Throws what close(2) says, after which the queue is closed all the same.
  public consuming func close() throws(Errno) {
    try handle.close()
  }

  deinit {
    try? handle.close()
  }
}

// MARK: Changes

extension KernelQueue {
  /// Watches something, or replaces what is watched for where it is watched already.
  ///
  /// Options are those of the first time: a later call leaves them as they are (contract 3.1). A condition that holds
  /// already is told without anything further happening.
  ///
  /// - Parameters:
  ///   - registration: What to watch, and for what.
  ///   - options: How often it tells.
  ///   - tag: A number that comes back with every event, as C's `udata` does.
  /// - Throws: What the registration says of itself; ``Errno/noMemory``; ``Errno/badDescriptor`` for a descriptor that
  ///   is not open.
  public func add(_ registration: Registration, _ options: Options = [], tag: UInt = 0) throws(Errno) {
    try apply(.add(registration, options, tag: tag))
  }

  /// Stops watching (EV_DELETE). No call that starts later tells of it.
  ///
  /// - Throws: ``Errno/noSuchRegistration``; ``Errno/badDescriptor`` for a descriptor that is not open.
  public func delete(_ key: Key) throws(Errno) {
    try apply(.delete(key))
  }

  /// Tells again what was disabled, or what ``Options/dispatch`` disabled (EV_ENABLE). What happened meanwhile is told.
  ///
  /// - Parameters:
  ///   - key: What is watched.
  ///   - tag: A new tag; without one the tag stays. (On Darwin it becomes 0 then.)
  /// - Throws: ``Errno/noSuchRegistration``; ``Errno/badDescriptor`` for a descriptor that is not open.
  public func enable(_ key: Key, tag: UInt? = nil) throws(Errno) {
    try apply(.enable(key, tag: tag))
  }

  /// Stops telling, and goes on watching (EV_DISABLE).
  ///
  /// - Parameters:
  ///   - key: What is watched.
  ///   - tag: A new tag; without one the tag stays. (On Darwin it becomes 0 then.)
  /// - Throws: ``Errno/noSuchRegistration``; ``Errno/badDescriptor`` for a descriptor that is not open.
  public func disable(_ key: Key, tag: UInt? = nil) throws(Errno) {
    try apply(.disable(key, tag: tag))
  }

  /// Fires a user event (NOTE_TRIGGER). Several triggers before it is told are one event.
  ///
  /// - Parameters:
  ///   - id: The number that ``Registration/user(_:flags:)`` was given.
  ///   - flags: What becomes of the event's 24 bits.
  /// - Throws: ``Errno/noSuchRegistration``.
  public func trigger(_ id: UInt, flags: UserFlags = .keep) throws(Errno) {
    try apply(.trigger(id, flags: flags))
  }

  /// Does without the number of bytes in events of sockets and pipes that can be read, for programs that read until
  /// there is nothing more. An event of READ then takes no system call of its own, and says 1 where it would have to ask;
  /// ends, errors and low-water marks are told as ever. It is a setting of this queue, off at first.
  ///
  /// - Parameter declines: False has the number told again.
  /// - Throws: ``Errno/badDescriptor`` where the queue's descriptor was closed.
  public func declineData(_ declines: Bool = true) throws(Errno) {
    try System.declineData(descriptor, declines)
  }

  /// Makes one change.
  ///
  /// - Throws: Why the change failed.
  public func apply(_ change: Change) throws(Errno) {
    try System.change(descriptor, change.entry)
  }

  /// Makes changes, in order, in one call.
  ///
  /// - Throws: Why the first that failed did. Those before it are made, those after it are not; ``receipts(for:)`` says
  ///   which was which.
  public func apply(_ changes: [Change]) throws(Errno) {
    _ = try call(changes, into: nil, nil)
  }

  /// Makes changes, in order, in one call, and says of each how it went. One that fails holds up none (EV_RECEIPT).
  ///
  /// - Returns: A receipt a change, in their order.
  /// - Throws: Why the call as a whole failed: ``Errno/badDescriptor``, ``Errno/noMemory``.
  public func receipts(for changes: [Change]) throws(Errno) -> [Receipt] {
    let asking = changes.map(\.askingForReceipt)
    guard !asking.isEmpty else { return [] }
    let storage = EventStorage(capacity: asking.count)
    let count = try call(asking, into: storage, nil)
    return (0..<count).map { Receipt(storage[$0]) }
  }
}

// MARK: Events

extension KernelQueue {
  /// Waits for events, and blocks the thread: in asynchronous code iterate ``events`` or ``batches(upTo:)`` instead.
  ///
  /// Nothing is allocated, unless events of the buffer are kept.
  ///
  /// - Parameters:
  ///   - buffer: Where the events go. What was in it is gone.
  ///   - changes: To be made first, in order, in the same call. One that fails stands in the buffer, with
  ///     ``Event/isFailedChange``, and then nothing is waited for.
  ///   - timeout: How long to wait; nil is for ever, zero or less not at all.
  /// - Returns: How many events there are, 0 when the time is up.
  /// - Throws: ``Errno/interrupted`` when a signal handler ran meanwhile (changes are made then).
  @discardableResult
  public func wait(
    into buffer: inout EventBuffer, applying changes: [Change] = [], timeout: Duration? = nil
  ) throws(Errno) -> Int {
    try buffer.fill { storage throws(Errno) in try call(changes, into: storage, timeout) }
  }

  private func call(
    _ changes: [Change], into storage: EventStorage?, _ timeout: Duration?
  ) throws(Errno) -> Int {
    try changes.withEntries { entries throws(Errno) in
      guard let storage else { return try System.kevent(descriptor, entries, .init(start: nil, count: 0), nil) }
      return try storage.withEntries { events throws(Errno) in
        try System.kevent(descriptor, entries, events, timeout)
      }
    }
  }
}

extension [KernelQueue.Change] {
  /// A change is its entry, and nothing else.
  fileprivate func withEntries<Result>(
    _ body: (UnsafeBufferPointer<Kevent>) throws(KernelQueue.Errno) -> Result
  ) throws(KernelQueue.Errno) -> Result {
    try withUnsafeBufferPointer { changes throws(KernelQueue.Errno) in
      try changes.withMemoryRebound(to: Kevent.self) { entries throws(KernelQueue.Errno) in try body(entries) }
    }
  }
}
