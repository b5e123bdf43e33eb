import CKQueueShims
import Support
import Testing

@testable import KQueueCore

/// Descriptors that the program closes through the library's close() (contract 4).
@Suite("Closed descriptors") struct ClosedDescriptorTests {
  let system = FakeSystem()
  let queue: FakeQueue

  init() throws {
    queue = try FakeQueue(on: system)
  }

  @Test("C-118 after the close EV_DELETE fails with EBADF")
  func delete() throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, .add))
    system.close(descriptor)
    #expect(throws: Errno(EBADF)) { try queue.change(.read(descriptor, .delete)) }
  }

  @Test("C-119 the system forgets the number before it is closed, so that no duplicate reports it")
  func forgets() throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, .add), .write(descriptor, .add))
    _ = queue.kernel.takeCalls()
    system.registry.beginClose(descriptor)
    #expect(queue.kernel.takeCalls() == [.forget(descriptor)])
    system.fill(descriptor, 5)
    #expect(try queue.collect() == [])
  }

  @Test("C-123, C-125 a number that is used again starts afresh", arguments: [Flags.add, [.add, .clear]])
  func reused(flags: Flags) throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, flags, udata: 1))
    system.close(descriptor)
    system.reopen(descriptor)
    system.fill(descriptor, 2)
    #expect(try queue.collect() == [])
    #expect(try queue.exchange(.read(descriptor, .add, udata: 2)) == [.read(descriptor, .add, data: 2, udata: 2)])
  }

  @Test("C-125 EV_ADD is the first call after the number was used again")
  func addedAtOnce() throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, [.add, .clear], udata: 1))
    system.close(descriptor)
    system.reopen(descriptor)
    system.fill(descriptor, 2)
    #expect(try queue.exchange(.read(descriptor, .add, udata: 2)) == [.read(descriptor, .add, data: 2, udata: 2)])
    #expect(try queue.collect().count == 1, "level, as the new one asked for")
  }

  @Test("C-126 an event queued before the close is not delivered after it")
  func queued() throws {
    let descriptors = (0..<3).map { _ in system.open(readable: 5) }
    try queue.change(.user(1, .add, .trigger))
    for descriptor in descriptors { try queue.change(.read(descriptor, [.add, .clear])) }
    #expect(try queue.collect(room: 1).map(\.filter) == [-11])
    try queue.change(.user(1, .delete))
    system.close(descriptors[1])
    #expect(try queue.collect().map(\.ident) == [UInt(descriptors[0]), UInt(descriptors[2])])
  }

  @Test("C-129 a wait whose only descriptor is closed goes on")
  func waits() throws {
    let descriptor = system.open()
    try queue.change(.read(descriptor, .add))
    system.after(10) { [system] in system.close(descriptor) }
    #expect(try queue.wait(1000) == [])
    #expect(system.monotonic == 5_000_001_000)
  }

  @Test("3.5 a report that a wait holds when the descriptor is closed and used again is dropped")
  func staleReport() throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, .add))
    queue.kernel.beforeReturn = { [system] in
      system.close(descriptor)
      system.reopen(descriptor)
      system.fill(descriptor, 1)
    }
    #expect(try queue.wait(1000) == [])
  }

  @Test("the close removes the knotes of every kqueue")
  func everyQueue() throws {
    let queues = try (0..<5).map { _ in try FakeQueue(on: system) }
    let descriptor = system.open(readable: 5)
    for queue in queues { try queue.change(.read(descriptor, .add), .write(descriptor, .add)) }
    system.close(descriptor)
    for queue in queues { #expect(throws: Errno(EBADF)) { try queue.change(.read(descriptor, .delete)) } }
    #expect(!system.registry.knows(descriptor))
  }

  @Test("a number is told of again after it was closed and added again, in several kqueues")
  func everyQueueAgain() throws {
    let queues = try (0..<3).map { _ in try FakeQueue(on: system) }
    let descriptor = system.open(readable: 5)
    for _ in 0..<4 {
      for queue in queues { #expect(try queue.exchange(.read(descriptor, .add)).count <= 1) }
      system.close(descriptor)
      for queue in queues { #expect(try queue.collect() == []) }
      system.reopen(descriptor)
    }
  }

  @Test("however many descriptors are closed between two calls, all their knotes go", arguments: [1, 63, 64, 65, 200])
  func many(count: Int) throws {
    let descriptors = (0..<count).map { _ in system.open(readable: 1) }
    let kept = system.open(readable: 7)
    for descriptor in descriptors + [kept] { try queue.change(.read(descriptor, .add)) }
    for descriptor in descriptors { system.close(descriptor) }
    for descriptor in descriptors { system.reopen(descriptor) }
    #expect(try queue.collect(room: 300).map(\.data) == [7])
    // A change would find the others gone, and so hide that they were left.
    #expect(try #require(system.registry.find(queue.number)).queue.pointee.knotes.count == 1)
    for descriptor in descriptors { #expect(throws: Errno.self) { try queue.change(.read(descriptor, .delete)) } }
    try queue.change(.read(kept, .delete))
  }

  @Test("closing what nobody watches touches no kqueue")
  func unwatched() throws {
    let descriptor = system.open(readable: 1)
    try queue.change(.read(descriptor, .add), .read(descriptor, .delete))
    _ = queue.kernel.takeCalls()
    system.close(descriptor)
    #expect(queue.kernel.takeCalls() == [])
  }

  @Test("closing a range of numbers lets go of each")
  func range() throws {
    let descriptors = (0..<10).map { _ in system.open(readable: 1) }
    for descriptor in descriptors { try queue.change(.read(descriptor, .add)) }
    system.registry.beginClose(from: descriptors[2], through: descriptors[7])
    #expect(try queue.collect().map(\.ident) == [0, 1, 8, 9].map { UInt(descriptors[$0]) })
  }

  @Test("a closed kqueue is not told of descriptors")
  func closedQueue() throws {
    let other = try FakeQueue(on: system)
    let descriptor = system.open(readable: 1)
    try other.change(.read(descriptor, .add))
    try queue.change(.read(descriptor, .add))
    other.close()
    _ = other.kernel.takeCalls()
    #expect(try queue.collect().count == 1)
    system.close(descriptor)
    #expect(try queue.collect() == [])
  }

  @Test("C-353 a knote that is added while a number that nobody watched is closed does not outlive the file")
  func addedWhileClosed() throws {
    let descriptor = system.open()
    let file = system.duplicate(descriptor)
    system.close(descriptor) { [queue] in _ = try? queue.change(.read(descriptor, .add, udata: 1)) }
    system.reopen(descriptor)
    system.fill(descriptor, 1)
    system.fillDuplicate(file, 1)
    #expect(try queue.collect() == [])
  }
}
