import CKQueueShims
import KQueueCore

/// A kqueue over a fake system, as a caller of kevent() sees it.
public final class FakeQueue {
  public let system: FakeSystem
  public let number: CInt
  public let kernel: FakeEventSet

  /// The core broke a rule of `PlatformBackend`, or something that ran inside a wait failed.
  public struct Failure: Error {
    public let what: String
  }

  /// - Parameter wanted: the number that it must have; nil: any.
  public init(on system: FakeSystem = FakeSystem(), as wanted: CInt? = nil) throws {
    self.system = system
    let made = FakeSystem.$current.withValue(system) { () -> Result<CInt, Errno> in
      Result { () throws(Errno) in try system.registry.create(as: wanted) }
    }
    number = try made.get()
    kernel = system.sets.last!
  }

  /// The number may be another kqueue's once it was closed.
  private var wasClosed = false

  deinit {
    if !wasClosed { close() }
  }

  public func close() {
    wasClosed = true
    let isKnown = system.registry.beginClose(number)
    TurnTaker.current?.step("closed")
    if isKnown { system.registry.endClose(number) } else { system.registry.doubt(number) }
  }

  // MARK: kevent

  /// - Parameter timeout: nil waits without limit.
  public func kevent(_ changes: [Entry], room: Int, timeout: timespec?) throws -> [Entry] {
    let events = UnsafeMutableBufferPointer<Kevent>.allocate(capacity: room)
    defer { events.deallocate() }
    let count = try changes.map(\.kevent).withUnsafeBufferPointer { try kevent($0, events, timeout) }
    return events[..<count].map(Entry.init)
  }

  /// The call itself, with lists of the caller's.
  public func kevent(
    _ changes: UnsafeBufferPointer<Kevent>, _ events: UnsafeMutableBufferPointer<Kevent>, _ timeout: timespec?
  ) throws -> Int {
    guard let handle = system.registry.find(number) else { throw Errno(EBADF) }
    let result = Result { () throws(Errno) -> Int in
      let (changes, events) = (Changelist(changes), Eventlist(events))
      guard var timeout else { return try handle.kevent(number, changes, events, nil, cancelled: nil) }
      return try handle.kevent(number, changes, events, &timeout, cancelled: nil)
    }
    if let failure = kernel.failure { throw failure }
    if let violation = kernel.violations.first { throw Failure(what: violation) }
    return try result.get()
  }

  /// Applies changes with no room for answers.
  public func change(_ changes: Entry...) throws {
    _ = try kevent(changes, room: 0, timeout: nil)
  }

  /// Applies changes and collects what is there, without waiting.
  public func exchange(_ changes: Entry..., room: Int = 64) throws -> [Entry] {
    try kevent(changes, room: room, timeout: timespec())
  }

  /// Collects what is there, without waiting.
  public func collect(room: Int = 64) throws -> [Entry] {
    try kevent([], room: room, timeout: timespec())
  }

  /// Waits for events.
  /// - Parameter nanoseconds: nil waits without limit.
  public func wait(_ nanoseconds: Int? = nil, room: Int = 64) throws -> [Entry] {
    let timeout = nanoseconds.map { timespec(tv_sec: $0 / 1_000_000_000, tv_nsec: $0 % 1_000_000_000) }
    return try kevent([], room: room, timeout: timeout)
  }
}
