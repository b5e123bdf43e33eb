import KQueueCore
import Support
import Testing

/// Order of delivery, and that nothing is lost to a full eventlist (contract 3.4, 3.6).
@Suite("Order of delivery") struct OrderTests {
  let system = FakeSystem()
  let queue: FakeQueue

  init() throws {
    queue = try FakeQueue(on: system)
  }

  @Test("C-087 one call never reports a knote twice, however long the eventlist")
  func onceACall() throws {
    try queue.change(.user(1, .add, .trigger), .read(system.open(readable: 1), .add))
    try queue.change(.read(system.open(readable: 1, .recorded), .add))
    for _ in 0..<3 { #expect(try queue.collect(room: 1000).count == 3) }
  }

  @Test(
    "C-088 USER knotes are reported in the order of their triggers", arguments: [Flags.clear, .oneshot, .dispatch, []])
  func triggers(flags: Flags) throws {
    for ident: UInt in 0..<6 { try queue.change(.user(ident, flags.union(.add))) }
    let order: [UInt] = [4, 1, 5, 0, 3, 2]
    for ident in order { try queue.change(.user(ident, [], .trigger)) }
    #expect(try queue.collect().map(\.ident) == order)
  }

  @Test("3.6 a queued knote does not move when it is triggered again")
  func keepsPlace() throws {
    try queue.change(.user(1, [.add, .clear], .trigger), .user(2, [.add, .clear], .trigger), .user(1, [], .trigger))
    #expect(try queue.collect().map(\.ident) == [1, 2])
  }

  @Test("3.6 a level knote goes to the tail when it is delivered")
  func levelToTail() throws {
    for ident: UInt in 1...3 { try queue.change(.user(ident, .add, .trigger)) }
    let rounds = try (0..<6).map { _ in try queue.collect(room: 1).map(\.ident) }
    #expect(rounds == [[1], [2], [3], [1], [2], [3]])
  }

  @Test("timers that expired together are queued earliest first")
  func timers() throws {
    try queue.change(.timer(1, .add, 30), .timer(2, .add, 10), .timer(3, .add, 20))
    system.advance(35_000_000)
    #expect(try queue.collect().map(\.ident) == [2, 3, 1])
  }

  @Test("C-089 beside an always ready WRITE a trigger appears within two calls")
  func triggerBesideWrite() throws {
    try queue.change(.write(system.open(writable: 5), .add), .user(1, [.add, .clear]))
    #expect(try queue.collect(room: 1).map(\.filter) == [-2])
    try queue.change(.user(1, [], .trigger))
    let two = try queue.collect(room: 1) + queue.collect(room: 1)
    #expect(two.contains { $0.filter == -11 })
  }

  @Test("beside an always triggered USER knote a descriptor appears within two calls")
  func descriptorBesideUser() throws {
    let descriptor = system.open()
    try queue.change(.read(descriptor, [.add, .clear]), .user(1, .add, .trigger))
    #expect(try queue.collect(room: 1).map(\.filter) == [-11])
    system.fill(descriptor, 1)
    let two = try queue.collect(room: 1) + queue.collect(room: 1)
    #expect(two.contains { $0.filter == -1 })
  }

  @Test("edge-triggered reports that did not fit come at the next calls, each once", arguments: 1...12)
  func nothingLost(room: Int) throws {
    try queue.change(.user(1, [.add, .clear], .trigger), .user(2, [.add, .oneshot], .trigger))
    for _ in 0..<10 { try queue.change(.read(system.open(readable: 1), [.add, .clear])) }
    var seen: [Entry] = []
    for _ in 0..<12 { seen += try queue.collect(room: room) }
    #expect(seen.count == 12)
    #expect(Set(seen.map { [UInt($0.filter.magnitude), $0.ident] }).count == 12)
  }

  @Test("likewise under EV_ONESHOT and EV_DISPATCH", arguments: [Flags.oneshot, .dispatch], [1, 2, 3, 5])
  func nothingLostOnce(flags: Flags, room: Int) throws {
    for ident: UInt in 0..<4 { try queue.change(.user(ident, flags.union(.add), .trigger)) }
    for _ in 0..<4 { try queue.change(.read(system.open(readable: 1), flags.union(.add))) }
    for _ in 0..<4 { try queue.change(.read(system.open(readable: 1, .recorded), flags.union(.add))) }
    var seen: [UInt] = []
    for _ in 0..<12 { seen += try queue.collect(room: room).map(\.ident) }
    #expect(seen.count == 12)
    #expect(Set(seen).count == 12)
  }

  @Test("expired timers that did not fit come at the next calls", arguments: 1...4)
  func timersThatDidNotFit(room: Int) throws {
    for ident: UInt in 0..<5 { try queue.change(.timer(ident, [.add, .oneshot], 10)) }
    system.advance(20_000_000)
    var seen: [UInt] = []
    for _ in 0..<5 { seen += try queue.collect(room: room).map(\.ident) }
    #expect(seen.sorted() == [0, 1, 2, 3, 4])
  }

  @Test("changes of files are all reported, also of more than one batch holds")
  func manyFiles() throws {
    let files = (0..<600).map { _ in system.open(.recorded) }
    for file in files { try queue.change(.read(file, [.add, .clear])) }
    #expect(try queue.collect(room: 700) == [])
    for file in files { system.fill(file, 1) }
    var seen: Set<UInt> = []
    for _ in 0..<4 { seen.formUnion(try queue.collect(room: 700).map(\.ident)) }
    #expect(seen.count == 600)
  }

  @Test("C-013 nevents beyond all memory writes only the events that there are")
  func hugeRoom() throws {
    let memory = UnsafeMutableBufferPointer<Kevent>.allocate(capacity: 3)
    defer { memory.deallocate() }
    memory.initialize(repeating: Entry(77, 77).kevent)
    try queue.change(.user(1, .add, .trigger), .user(2, .add, .trigger))
    let list = UnsafeMutableBufferPointer(start: memory.baseAddress, count: Int(CInt.max))
    let none = UnsafeBufferPointer<Kevent>(start: nil, count: 0)
    #expect(try queue.kevent(none, list, nil) == 2)
    #expect(memory.map(\.ident) == [1, 2, 77])
  }

  @Test("a report that nobody could foresee is looked for again until it settles")
  func unsettled() throws {
    let descriptor = system.open(readable: 5)
    system.setUnsettled(descriptor, true)
    #expect(try queue.exchange(.read(descriptor, [.add, .clear])) == [])
    #expect(try queue.collect() == [])
    system.setUnsettled(descriptor, false)
    #expect(try queue.collect().map(\.data) == [5])
    #expect(try queue.collect() == [])
  }

  @Test("of many knotes that have not settled each is looked at again")
  func manyUnsettled() throws {
    let descriptors = (0..<30).map { _ in system.open(readable: 5) }
    for descriptor in descriptors {
      system.setUnsettled(descriptor, true)
      try queue.change(.read(descriptor, [.add, .clear]))
    }
    #expect(try queue.collect() == [])
    for descriptor in descriptors { system.setUnsettled(descriptor, false) }
    var seen: Set<UInt> = []
    for _ in 0..<30 { seen.formUnion(try queue.collect().map(\.ident)) }
    #expect(seen.count == 30)
  }

  @Test("C-100 reports that did not fit beside a knote that has not settled keep the kqueue readable")
  func leftBesideUnsettled() throws {
    let unsettled = system.open(readable: 5)
    system.setUnsettled(unsettled, true)
    #expect(try queue.exchange(.read(unsettled, [.add, .clear])) == [])
    for _ in 0..<4 { try queue.change(.read(system.open(readable: 1), [.add, .clear])) }
    #expect(try queue.collect(room: 2).count == 2)
    #expect(queue.kernel.isReadable)
    #expect(try queue.collect(room: 3).count == 2)
    #expect(!queue.kernel.isReadable)
  }

  @Test("3.4 what happened while an EV_CLEAR knote was queued is part of its delivery, and does not come again")
  func coalesced() throws {
    let descriptors = (0..<3).map { _ in system.open(readable: 1) }
    try queue.change(.user(1, [.add, .oneshot], .trigger))
    for descriptor in descriptors { try queue.change(.read(descriptor, [.add, .clear])) }
    #expect(try queue.collect(room: 1).map(\.filter) == [-11])
    system.fill(descriptors[0], 1)
    #expect(try queue.collect(room: 1).map(\.data) == [2])
    #expect(Set(try queue.collect().map(\.ident)) == [UInt(descriptors[1]), UInt(descriptors[2])])
  }

  @Test("3.4 likewise what a modify found")
  func coalescedModify() throws {
    let descriptors = (0..<3).map { _ in system.open(readable: 1) }
    try queue.change(.user(1, [.add, .oneshot], .trigger))
    for descriptor in descriptors { try queue.change(.read(descriptor, [.add, .clear])) }
    #expect(try queue.collect(room: 1).map(\.filter) == [-11])
    try queue.change(.read(descriptors[0], .add, udata: 5))
    #expect(try queue.collect(room: 1).map(\.udata) == [5])
    #expect(Set(try queue.collect().map(\.ident)) == [UInt(descriptors[1]), UInt(descriptors[2])])
  }

  @Test("3.6 a call goes on past queued knotes whose condition has gone")
  func pastTheGone() throws {
    let descriptors = (0..<2).map { _ in system.open(readable: 1) }
    let other = system.open()
    try queue.change(.user(1, [.add, .oneshot], .trigger), .read(other, .add))
    for descriptor in descriptors { try queue.change(.read(descriptor, .add)) }
    #expect(try queue.collect(room: 1).map(\.filter) == [-11])
    system.drain(descriptors[0])
    system.fill(other, 1)
    #expect(try queue.collect(room: 2).map(\.ident) == [UInt(descriptors[1]), UInt(other)])
  }

  @Test(
    "3.2 a knote that was found without its condition when its turn came is reported when it holds again",
    arguments: [
      [], .clear, .dispatch, .oneshot,
    ] as [Flags])
  func goneAndBack(flags: Flags) throws {
    let descriptors = (0..<2).map { _ in system.open(readable: 1) }
    try queue.change(.user(1, [.add, .oneshot], .trigger))
    for descriptor in descriptors { try queue.change(.read(descriptor, flags.union(.add))) }
    #expect(try queue.collect(room: 1).map(\.filter) == [-11])
    for descriptor in descriptors { system.drain(descriptor) }
    #expect(try queue.collect() == [])
    for descriptor in descriptors { system.fill(descriptor, 4) }
    #expect(try queue.collect().map(\.data) == [4, 4])
  }
}
