import CKQueueShims
import KQueueCore
import Support
import Testing

/// Several threads that wait on one kqueue (contract 3.7, 3.9). Each later one waits inside the earlier one's wait.
@Suite("Several waiters") struct WaitersTests {
  let system = FakeSystem()
  let queue: FakeQueue

  init() throws {
    queue = try FakeQueue(on: system)
  }

  private final class Results {
    var events: [[UInt]] = []
    var errors: [Errno] = []
  }

  /// Has `count` threads wait, each a moment after the one before, for a second and at most one event.
  private func wait(_ count: Int) -> Results {
    let results = Results()
    let wait = { [queue] in
      do {
        results.events.append(try queue.wait(1_000_000_000, room: 1).map(\.ident))
      } catch let error as Errno {
        results.errors.append(error)
      }
    }
    for place in 1..<count { system.after(UInt64(place), wait) }
    do { try wait() } catch { Issue.record(error) }
    return results
  }

  @Test("C-091, C-092 one event goes to exactly one of several waiters", arguments: [Flags.clear, .oneshot, .dispatch])
  func exactlyOne(flags: Flags) throws {
    let descriptor = system.open()
    try queue.change(.user(1, flags.union(.add)), .read(descriptor, flags.union(.add)))
    system.after(1000) { [queue] in try queue.change(.user(1, [], .trigger)) }
    system.after(2000) { [system] in system.fill(descriptor, 1) }
    let results = wait(4)
    #expect(results.events.count == 4)
    #expect(results.events.joined().sorted() == [1, UInt(descriptor)])
  }

  @Test(
    "C-093 of as many ready oneshot knotes each waiter gets one",
    arguments: [Filter.user.rawValue, Filter.read.rawValue])
  func oneEach(filter: Int16) throws {
    let descriptors = (0..<4).map { _ in system.open() }
    for descriptor in descriptors { try queue.change(Entry(filter, UInt(descriptor), [.add, .oneshot])) }
    system.after(1000) { [queue, system] in
      for descriptor in descriptors { system.fill(descriptor, 1) }
      guard filter == Filter.user.rawValue else { return }
      for descriptor in descriptors { try queue.change(.user(UInt(descriptor), [], .trigger)) }
    }
    let results = wait(4)
    #expect(results.events.allSatisfy { $0.count == 1 })
    #expect(results.events.joined().sorted() == descriptors.map(UInt.init))
    #expect(system.monotonic - 5_000_000_000 == 1000, "nobody waited longer")
  }

  @Test("timers that expire together go to as many waiters")
  func timers() throws {
    for ident: UInt in 0..<3 { try queue.change(.timer(ident, [.add, .oneshot], 10)) }
    let results = wait(3)
    #expect(results.events.joined().sorted() == [0, 1, 2])
    #expect(system.monotonic - 5_000_000_000 == 10 * millisecond)
  }

  @Test("C-111, C-112 closing the kqueue ends every wait with EBADF", arguments: [1, 4])
  func close(count: Int) throws {
    try queue.change(.user(1, .add), .timer(1, .add, 5000), .read(system.open(), .add))
    system.after(1000) { [queue] in queue.close() }
    let results = wait(count)
    #expect(results.events == [])
    #expect(results.errors == Array(repeating: Errno(EBADF), count: count))
    #expect(queue.kernel.isClosed)
    #expect(queue.kernel.takeCalls().filter { $0 == .close }.count == 1)
  }

  @Test("C-111 closing ends a wait on a kqueue that never had a knote")
  func closeEmpty() throws {
    system.after(1000) { [queue] in queue.close() }
    #expect(throws: Errno(EBADF)) { try queue.wait() }
    #expect(queue.kernel.isClosed)
  }

  @Test("C-111 a close loses to nothing: events that came with it are not delivered")
  func closeWithEvents() throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, .add))
    queue.kernel.beforeReturn = { [queue] in queue.close() }
    #expect(throws: Errno(EBADF)) { try queue.wait() }
    #expect(queue.kernel.isClosed)
  }
}
