import CKQueueShims
import KQueueCore

/// A kqueue over a real platform, without the C ABI: what the program closes goes unseen.
public final class PlatformQueue<Backend: PlatformBackend & ~Copyable>: @unchecked Sendable {
  public let number: CInt
  private let registry: KQueueRegistry<Backend>

  public init() throws {
    registry = try KQueueRegistry()
    number = try registry.create()
  }

  deinit {
    close()
    registry.discard()
  }

  public func close() {
    if registry.beginClose(number) { registry.endClose(number) }
  }

  /// kevent(), with a timeout in nanoseconds; nil waits without limit.
  public func kevent(_ changes: [Entry], room: Int = 64, timeout nanoseconds: Int? = 0) throws -> [Entry] {
    guard let handle = registry.find(number) else { throw Errno(EBADF) }
    let events = UnsafeMutableBufferPointer<Kevent>.allocate(capacity: room)
    defer { events.deallocate() }
    var timeout = timespec()
    if let nanoseconds {
      timeout = timespec(tv_sec: nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
    }
    let count = try changes.map(\.kevent).withUnsafeBufferPointer { changes in
      try withUnsafeMutablePointer(to: &timeout) { timeout in
        try handle.kevent(
          number, Changelist(changes), Eventlist(events), nanoseconds == nil ? nil : timeout, cancelled: nil)
      }
    }
    return events[..<count].map(Entry.init)
  }

  /// The errno that a change gets, or 0.
  public func refusal(_ change: Entry) throws -> Int {
    guard let answer = try kevent([change], room: 1).first, answer.flags.contains(.error) else { return 0 }
    return answer.data
  }

  /// Waits up to five seconds for the next events.
  public func next(_ changes: Entry...) throws -> [Entry] {
    try kevent(changes, timeout: 5_000_000_000)
  }

  /// What there is without waiting.
  public func exchange(_ changes: Entry..., room: Int = 64) throws -> [Entry] {
    try kevent(changes, room: room)
  }
}
