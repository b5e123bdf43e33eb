import CKQueueShims
import Support
import Testing

@testable import KQueueCore

/// What is reported under a number that was closed unseen, since a duplicate keeps its file open (contract 4, C-351 to
/// C-353): the set is made anew on that proof and for nothing less.
@Suite("Entries that nobody can remove") struct RebuildTests {
  let system = FakeSystem()
  let queue: FakeQueue

  init() throws {
    queue = try FakeQueue(on: system)
  }

  /// A number whose file a duplicate keeps, with a knote on it that is told and then closed unseen.
  private func leaveBehind(_ flags: Flags) throws -> Int {
    let descriptor = system.open()
    let file = system.duplicate(descriptor)
    try queue.change(.read(descriptor, flags))
    system.closeUnseen(descriptor)
    return file
  }

  @Test("the set is made anew once, and does not stay readable", arguments: [Flags.add, [.add, .clear]])
  func once(flags: Flags) throws {
    let file = try leaveBehind(flags)
    for _ in 0..<4 {
      system.fillDuplicate(file, 1)
      #expect(try queue.collect() == [])
    }
    #expect(queue.kernel.rebuilds == 1)
    #expect(!queue.kernel.isReadable)
  }

  @Test("nothing is told twice, and nothing is lost", arguments: [Flags.add, [.add, .clear]])
  func others(flags: Flags) throws {
    let told = system.open(readable: 3)
    let (level, edge) = (system.open(readable: 1), system.open())
    try queue.change(.read(told, [.add, .clear]), .read(level, .add), .read(edge, [.add, .clear]))
    #expect(try queue.collect().count == 2)
    let file = try leaveBehind(flags)
    for round in 1...4 {
      system.fillDuplicate(file, 1)
      if round == 2 { system.fill(edge, 1) }
      let events = try queue.collect()
      let wanted = round == 2 ? [level, edge] : [level]
      #expect(events.map(\.ident).sorted() == wanted.map { UInt($0) }.sorted(), "round \(round)")
    }
    #expect(queue.kernel.rebuilds == 1)
  }

  @Test("C-352 with all of them ready no knote stands twice in one eventlist")
  func twice() throws {
    let others = (0..<5).map { _ in system.open(readable: 1) }
    for other in others { try queue.change(.read(other, .add)) }
    let file = try leaveBehind([.add, .clear])
    for _ in 0..<4 {
      system.fillDuplicate(file, 1)
      let idents = try queue.collect().map(\.ident)
      #expect(idents.sorted() == others.map { UInt($0) })
    }
  }

  @Test("what cannot be made anew is tried again", arguments: [EMFILE, ENOMEM])
  func failure(code: CInt) throws {
    let other = system.open()
    try queue.change(.read(other, [.add, .clear]))
    let file = try leaveBehind(.add)
    for _ in 0..<3 { system.fail(.rebuild, code) }
    system.fill(other, 1)
    system.fillDuplicate(file, 1)
    var events: [UInt] = []
    for _ in 0..<8 { events += try queue.collect().map(\.ident) }
    #expect(events == [UInt(other)])
    #expect(queue.kernel.rebuilds == 1)
    #expect(!queue.kernel.isReadable)
  }

  @Test("a report that was under way when its knote was deleted is no proof")
  func underWay() throws {
    let descriptor = system.open(readable: 1)
    try queue.change(.read(descriptor, .add))
    for _ in 0..<4 {
      queue.kernel.beforeReturn = { [queue] in
        try queue.change(.read(descriptor, .delete))
        try queue.change(.read(descriptor, .add))
      }
      _ = try queue.wait(1000)
    }
    #expect(queue.kernel.rebuilds == 0)
  }
}

/// Counters that go round (C-360).
@Suite("Counters near their end") struct CounterTests {
  let system = FakeSystem()
  let queue: FakeQueue

  init() throws {
    queue = try FakeQueue(on: system)
  }

  @Test("C-360 passes")
  func passes() throws {
    let inner = try #require(system.registry.find(queue.number)).queue
    let (level, edge) = (system.open(readable: 1), system.open())
    try queue.change(.read(level, .add), .read(edge, [.add, .clear]))
    inner.pointee.pass = .max - 2
    for round in 0..<12 {
      system.fill(edge, 1)
      #expect(try queue.collect().count == 2, "round \(round)")
      #expect(try queue.collect().count == 1, "round \(round)")
    }
  }

  @Test("C-360 entries that nobody can remove are known across the end of passes", arguments: 0..<6 as Range<UInt32>)
  func stale(before: UInt32) throws {
    let inner = try #require(system.registry.find(queue.number)).queue
    let descriptor = system.open()
    let file = system.duplicate(descriptor)
    try queue.change(.read(descriptor, .add))
    system.closeUnseen(descriptor)
    inner.pointee.pass = .max - before
    system.fillDuplicate(file, 1)
    #expect(try queue.collect() == [])
    #expect(queue.kernel.rebuilds == 1)
  }

  @Test("C-360 generations of a place")
  func generations() throws {
    let inner = try #require(system.registry.find(queue.number)).queue
    let descriptor = system.open(readable: 1)
    try queue.change(.read(descriptor, .add), .read(descriptor, .delete))
    inner.pointee.knotes[0].generation = 0x7fff_fffd
    for _ in 0..<6 {
      #expect(try queue.exchange(.read(descriptor, .add)).count == 1)
      try queue.change(.read(descriptor, .delete))
    }
    #expect(inner.pointee.knotes[0].generation < 8)
  }

  @Test("C-360 closed numbers")
  func closeHints() throws {
    let slot = try #require(system.registry.find(queue.number)).slot
    slot.pointee.closeHints.start(at: .max - 70)
    slot.pointee.queue.pointee.seenClosed = .max - 70
    for _ in 0..<200 {
      let descriptor = system.open(readable: 1)
      try queue.change(.read(descriptor, .add))
      system.close(descriptor)
      #expect(try queue.collect() == [])
      // A change would find it gone, and so hide that it was left.
      #expect(slot.pointee.queue.pointee.knotes.count == 0)
      #expect(throws: Errno(EBADF)) { try queue.change(.read(descriptor, .delete)) }
    }
  }

  @Test("C-360 turns of a lock")
  func turns() throws {
    let slot = try #require(system.registry.find(queue.number)).slot
    slot.pointee.lock.turns = .max - 1
    for _ in 0..<4 {
      kq_lock_wake(&slot.pointee.lock)
      try queue.change(.user(1, .add))
    }
    #expect(slot.pointee.lock.turns < 4)
  }
}
