import CKQueueShims
import Support
import Testing

@testable import KQueueCore

/// close(kq), and what its number is used for then (contract 3.9).
@Suite("Close") struct CloseTests {
  let system = FakeSystem()

  private var registry: KQueueRegistry<FakeBackend> { system.registry }

  @Test("C-113 kevent after the close fails with EBADF")
  func afterClose() throws {
    let queue = try FakeQueue(on: system)
    let handle = try #require(registry.find(queue.number))
    queue.close()
    #expect(registry.find(queue.number) == nil)
    #expect(throws: Errno(EBADF)) {
      try handle.kevent(queue.number, .init(start: nil, count: 0), .init(start: nil, count: 0), nil, cancelled: nil)
    }
  }

  @Test("C-115 closing gives back what the backend and the kqueue hold")
  func freed() throws {
    let queue = try FakeQueue(on: system)
    let slot = try #require(registry.find(queue.number)).slot
    try queue.change(.user(1, .add, .trigger), .timer(1, .add, 5), .read(system.open(), .add))
    queue.close()
    #expect(queue.kernel.isClosed)
    let isInitialised = slot.pointee.isInitialised
    #expect(!isInitialised)
  }

  @Test("closing twice closes once")
  func twice() throws {
    let queue = try FakeQueue(on: system)
    #expect(registry.knows(queue.number))
    queue.close()
    #expect(!registry.knows(queue.number))
    queue.close()
    #expect(queue.kernel.takeCalls() == [.close])
  }

  @Test("C-114 a kqueue that gets the number again starts without knotes")
  func sameNumber() throws {
    let first = try FakeQueue(on: system)
    try first.change(.user(1, .add, .trigger))
    first.close()
    let second = try FakeQueue(on: system, as: first.number)
    #expect(try second.collect() == [])
    #expect(throws: Errno(ENOENT)) { try second.change(.user(1, .delete)) }
  }

  @Test("a number that comes back without a close frees the kqueue that had it")
  func closedUnseen() throws {
    let first = try FakeQueue(on: system)
    try first.change(.user(1, .add, .trigger))
    let second = try FakeQueue(on: system, as: first.number)
    #expect(first.kernel.isClosed)
    #expect(try second.collect() == [])
  }

  @Test("3.9 a waiter of the closed kqueue never sees the one that took its number")
  func waiterOfTheOld() throws {
    let first = try FakeQueue(on: system)
    var second: FakeQueue?
    system.after(1000) {
      first.close()
      second = try FakeQueue(on: system, as: first.number)
      try second?.change(.user(1, .add, .trigger))
    }
    // Through a handle, for the number is the other's by then.
    let handle = try #require(registry.find(first.number))
    let events = UnsafeMutableBufferPointer<Kevent>.allocate(capacity: 1)
    defer { events.deallocate() }
    #expect(throws: Errno(EBADF)) {
      try handle.kevent(first.number, .init(start: nil, count: 0), Eventlist(events), nil, cancelled: nil)
    }
    #expect(first.kernel.isClosed)
    #expect(try second?.collect().map(\.ident) == [1])
  }

  @Test("a close from a signal handler, while a call holds the lock, is done when the call ends")
  func fromHandler() throws {
    let queue = try FakeQueue(on: system)
    let slot = try #require(registry.find(queue.number)).slot
    try queue.change(.read(system.open(), .add))
    var wasClosedAtOnce = true
    queue.kernel.duringPoll = {
      queue.close()
      wasClosedAtOnce = queue.kernel.isClosed
    }
    _ = try? queue.collect()
    #expect(!wasClosedAtOnce)
    #expect(queue.kernel.isClosed)
    let isInitialised = slot.pointee.isInitialised
    #expect(!isInitialised)
  }

  @Test("places of closed kqueues are used again")
  func placesAgain() throws {
    var slots: Set<UInt> = []
    for _ in 0..<100 {
      let queue = try FakeQueue(on: system)
      slots.insert(UInt(bitPattern: try #require(registry.find(queue.number)).slot))
    }
    #expect(slots.count <= 8)
  }

  @Test("a kqueue that cannot have the number it must have is not made, and nothing of it is left")
  func numberRefused() throws {
    system.fail(.renumber, EBADF)
    #expect(throws: Errno(EBADF)) { try FakeQueue(on: system, as: 77) }
    #expect(!registry.knows(77))
    #expect(system.openKernels == 0)
  }
}
