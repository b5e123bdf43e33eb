import Synchronization

/// The thread that waits for the queues of all iterations, in a queue of its own, and wakes them.
///
/// kevent() blocks its thread, and there are only as many threads for tasks as there are cores, so no task may call it
/// to wait. One thread waits for all: each iteration's queue is watched in the poller's, once a wait (EV_DISPATCH),
/// and the iteration collects its events itself. So nothing is collected before it is asked for, no event can end up
/// in another queue's hands, and queues need no reserved user event to be woken by.
///
/// It is started by the first iteration that has to wait, and ends with the last.
final class Poller: Sendable {
  private let descriptor: CInt
  /// By the number that stands in their entry's tag.
  private let waiting = Mutex<[UInt: Parking]>([:])

  private init() throws(KernelQueue.Errno) {
    descriptor = try System.makeQueue()
    do throws(KernelQueue.Errno) {
      try change(Kevent(filter: Filter.user, ident: 0, flags: Flag.add))
      try System.startThread { self.run() }
    } catch {
      try? System.closeDescriptor(descriptor)
      throw error
    }
  }

  // MARK: Iterations

  /// Has an iteration woken once its queue has events, or now if it has some.
  func watch(_ handle: Handle, for parking: Parking) throws(KernelQueue.Errno) {
    let tag = Self.tag(parking)
    let isOpen: Void? = try handle.whileOpen { () throws(KernelQueue.Errno) in
      try change(
        Kevent(
          filter: Filter.read, ident: UInt(handle.descriptor), flags: Flag.add | Flag.enable | Flag.dispatch, tag: tag))
    }
    if isOpen == nil { parking.wake() }
  }

  private func enter(_ parking: Parking) {
    waiting.withLock { $0[Self.tag(parking)] = parking }
  }

  /// Forgets an iteration that ends. The number of a closed queue may be another's by now, and is left alone.
  private func remove(_ parking: Parking, of handle: Handle) {
    waiting.withLock { $0[Self.tag(parking)] = nil }
    let entry = Kevent(filter: Filter.read, ident: UInt(handle.descriptor), flags: Flag.delete)
    _ = try? handle.whileOpen { () throws(KernelQueue.Errno) in try change(entry) }
  }

  private static func tag(_ parking: Parking) -> UInt {
    UInt(bitPattern: ObjectIdentifier(parking))
  }

  private func change(_ entry: Kevent) throws(KernelQueue.Errno) {
    try System.change(descriptor, entry)
  }

  // MARK: The thread

  private func run() {
    let events = EventStorage(capacity: 64)
    while let count = collect(into: events) {
      if count == 0 && System.sampleInterval != nil { wakeAll() }
      for index in 0..<count {
        if events[index].filter == Filter.user {
          try? System.closeDescriptor(descriptor)
          return
        }
        let parking = waiting.withLock { $0[UInt(bitPattern: events[index].udata)] }
        parking?.wake()
      }
    }
    // The program has closed the descriptor, as daemons close all there are. Whoever waits finds that out when it
    // wants to wait again.
    wakeAll()
  }

  private func wakeAll() {
    let all = waiting.withLock { Array($0.values) }
    for parking in all { parking.wake() }
  }

  /// Waits; nil where the descriptor is no kqueue any more. A program that was stopped and goes on, say, interrupts.
  private func collect(into events: EventStorage) -> Int? {
    do throws(KernelQueue.Errno) {
      return try events.withEntries { events throws(KernelQueue.Errno) in
        try System.kevent(descriptor, .init(start: nil, count: 0), events, System.sampleInterval)
      }
    } catch {
      return error == .interrupted ? 0 : nil
    }
  }

  // MARK: The one poller

  private struct Shared {
    var poller: Poller?
    var users = 0
  }

  private static let shared = Mutex(Shared())

  /// The poller, for an iteration, which leaves it when it ends.
  static func join(_ parking: Parking) throws(KernelQueue.Errno) -> Poller {
    try shared.withLock { shared throws(KernelQueue.Errno) in
      let poller: Poller
      if let running = shared.poller { poller = running } else { poller = try Poller() }
      poller.enter(parking)
      shared.poller = poller
      shared.users += 1
      return poller
    }
  }

  func leave(_ parking: Parking, of handle: Handle) {
    remove(parking, of: handle)
    Self.shared.withLock { shared in
      shared.users -= 1
      guard shared.users == 0 else { return }
      shared.poller = nil
      // Nobody else has it, so it cannot be closed yet.
      try? change(Kevent(filter: Filter.user, ident: 0, flags: 0, fflags: Note.trigger))
    }
  }
}
