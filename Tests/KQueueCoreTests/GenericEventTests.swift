import CKQueueShims
import KQueueCore
import Support
import Testing

/// What events say and when they come (contract 3.2 to 3.5).
@Suite("Events out") struct GenericEventTests {
  let system = FakeSystem()
  let queue: FakeQueue

  init() throws {
    queue = try FakeQueue(on: system)
  }

  @Test("C-079 a condition that held before EV_ADD is reported")
  func before() throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, [.add, .clear]))
    #expect(try queue.wait() == [.read(descriptor, [.add, .clear], data: 5)])
  }

  @Test("C-080 EV_ADD and delivery happen in one call")
  func sameCall() throws {
    let descriptor = system.open(writable: 7)
    #expect(try queue.exchange(.write(descriptor, .add)) == [.write(descriptor, .add, data: 7)])
  }

  @Test(
    "C-081 a modify of an EV_CLEAR READ knote with unread data reports it again", arguments: [Flags.add, .enable, []])
  func modifyReports(flags: Flags) throws {
    let descriptor = system.open(readable: 5)
    #expect(try queue.exchange(.read(descriptor, [.add, .clear])).count == 1)
    #expect(try queue.collect() == [])
    #expect(try queue.exchange(.read(descriptor, flags)).count == 1)
  }

  @Test(
    "C-082 events show EV_ADD and the flags of the registration",
    arguments: [
      .clear, .oneshot, .dispatch, .receipt, [.clear, .dispatch, .receipt], [.clear, .oneshot, .dispatch], [],
    ] as [Flags])
  func storedFlags(flags: Flags) throws {
    try queue.change(.user(1, flags.union(.add), .trigger))
    #expect(try queue.collect().map(\.flags) == [flags.union(.add)])
  }

  @Test("C-082 TIMER has EV_CLEAR of itself")
  func timerClears() throws {
    try queue.change(.timer(1, .add, 1))
    #expect(try queue.wait().map(\.flags) == [[.add, .clear]])
  }

  @Test("C-083 events never show EV_ENABLE, EV_DISABLE, EV_FORCEONESHOT or EV_KEEPUDATA")
  func actionFlags() throws {
    try queue.change(.user(1, [.add, .disable], .trigger))
    #expect(try queue.exchange(.user(1, [.enable, .keepUdata])).map(\.flags) == [.add])
    #expect(try queue.exchange(.user(1, .forceOneshot)).map(\.flags) == [[.add, .oneshot]])
  }

  @Test("C-084 EV_RECEIPT at creation shows in later events")
  func receipt() throws {
    let descriptor = system.open(readable: 1)
    try queue.change(.read(descriptor, [.add, .receipt]))
    #expect(try queue.collect() == [.read(descriptor, [.add, .receipt], data: 1)])
  }

  @Test("C-085 a level knote whose condition ended before the call is not reported")
  func ended() throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, .add))
    system.drain(descriptor)
    #expect(try queue.collect() == [])
  }

  @Test("C-085 nor is one that was reported before, did not fit, and ended since")
  func endedWhileQueued() throws {
    let descriptors = (0..<3).map { _ in system.open(readable: 5) }
    try queue.change(.user(1, .add, .trigger))
    for descriptor in descriptors { try queue.change(.read(descriptor, .add)) }
    #expect(try queue.collect(room: 1).map(\.filter) == [-11])
    for descriptor in descriptors { system.drain(descriptor) }
    try queue.change(.user(1, .delete))
    #expect(try queue.collect(room: 1) == [])
  }

  @Test("the amount is that of the delivery, not of the report")
  func freshAmount() throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.user(1, .add, .trigger), .read(descriptor, [.add, .clear]))
    #expect(try queue.collect(room: 1).map(\.filter) == [-11])
    system.fill(descriptor, 3)
    try queue.change(.user(1, .delete))
    #expect(try queue.collect().map(\.data) == [8])
    #expect(try queue.collect() == [])
  }

  @Test("the end of a stream shows as EV_EOF")
  func endOfFile() throws {
    let descriptor = system.open()
    try queue.change(.read(descriptor, .add))
    system.end(descriptor)
    #expect(try queue.collect() == [.read(descriptor, [.add, .endOfFile])])
  }

  @Test("C-090 two kqueues that watch one descriptor both report")
  func twoQueues() throws {
    let other = try FakeQueue(on: system)
    let descriptor = system.open()
    try queue.change(.read(descriptor, [.add, .clear], udata: 1))
    try other.change(.read(descriptor, [.add, .clear], udata: 2))
    system.fill(descriptor, 4)
    #expect(try queue.collect().map(\.udata) == [1])
    #expect(try other.collect().map(\.udata) == [2])
  }

  @Test("EV_CLEAR READ reports each arrival, drained or not")
  func arrivals() throws {
    let descriptor = system.open()
    try queue.change(.read(descriptor, [.add, .clear]))
    for round in 1...4 {
      system.fill(descriptor, 10)
      #expect(try queue.collect().map(\.data) == [10 * round])
      #expect(try queue.collect() == [])
    }
  }

  @Test("3.5 a report for a knote that was deleted and added again meanwhile is dropped")
  func staleReport() throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, .add, udata: 1))
    queue.kernel.beforeReturn = { [queue, system] in
      system.drain(descriptor)
      try queue.change(.read(descriptor, .delete), .read(descriptor, .add, udata: 2))
    }
    #expect(try queue.wait(1000) == [])
  }

  @Test("3.5 a report for a place that went to another knote meanwhile is dropped")
  func stalePlace() throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, .add))
    queue.kernel.beforeReturn = { [queue] in
      try queue.change(.read(descriptor, .delete), .user(1, .add))
    }
    #expect(try queue.wait(1000) == [])
  }

  @Test(
    "a report for a knote that was disabled meanwhile is dropped, and made again on EV_ENABLE",
    arguments: [
      [], .clear, .dispatch, .oneshot,
    ] as [Flags])
  func disabledMeanwhile(flags: Flags) throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, flags.union(.add)))
    queue.kernel.beforeReturn = { [queue] in try queue.change(.read(descriptor, .disable)) }
    #expect(try queue.wait(1000) == [])
    #expect(try queue.exchange(.read(descriptor, .enable)).count == 1)
  }

  @Test("a delete followed by an add starts without the old knote's trigger")
  func noInheritance() throws {
    try queue.change(.user(1, .add, [.trigger, .bits(7)], data: 3), .user(1, .delete), .user(1, .add))
    #expect(try queue.collect() == [])
    #expect(try queue.exchange(.user(1, [], .trigger)) == [.user(1, .add)])
  }
}
