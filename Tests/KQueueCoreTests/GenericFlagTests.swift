import CKQueueShims
import KQueueCore
import Support
import Testing

/// What the flags of a knote do, and what a modify changes (contract 3.1, 3.2).
@Suite("Flags and modify") struct GenericFlagTests {
  let system = FakeSystem()
  let queue: FakeQueue

  init() throws {
    queue = try FakeQueue(on: system)
  }

  @Test("C-061 a knote added twice reports once")
  func once() throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, .add), .read(descriptor, .add))
    #expect(try queue.collect().count == 1)
  }

  @Test("C-062 READ and WRITE of one number are separate and both report")
  func readAndWrite() throws {
    let descriptor = system.open(readable: 5)
    system.makeRoom(descriptor, 9)
    try queue.change(.read(descriptor, .add), .write(descriptor, .add))
    #expect(
      try queue.collect() == [.read(descriptor, .add, data: 5), .write(descriptor, .add, data: 9)])
    try queue.change(.read(descriptor, .delete))
    #expect(try queue.collect() == [.write(descriptor, .add, data: 9)])
  }

  @Test("C-063, C-064 EV_ADD, EV_ENABLE, and no action at all replace udata", arguments: [Flags.add, .enable, []])
  func udata(flags: Flags) throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, .add, udata: 1))
    #expect(try queue.exchange(.read(descriptor, flags, udata: 2)).map(\.udata) == [2])
  }

  @Test("C-064 EV_DISABLE replaces udata")
  func disableUdata() throws {
    try queue.change(.user(1, .add, .trigger, udata: 1), .user(1, .disable, udata: 2))
    #expect(try queue.exchange(.user(1, [.enable, .keepUdata])).map(\.udata) == [2])
  }

  @Test("C-065 EV_KEEPUDATA leaves udata alone", arguments: [Flags.enable, []])
  func keepUdata(flags: Flags) throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, .add, udata: 1))
    #expect(try queue.exchange(.read(descriptor, flags.union(.keepUdata), udata: 2)).map(\.udata) == [1])
  }

  @Test("C-066 EV_CLEAR in a modify leaves a level knote level")
  func levelStays() throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, .add), .read(descriptor, [.add, .clear]))
    for _ in 0..<3 { #expect(try queue.collect() == [.read(descriptor, .add, data: 5)]) }
  }

  @Test("C-067 a modify without EV_CLEAR leaves an EV_CLEAR knote so")
  func clearStays() throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, [.add, .clear]), .read(descriptor, .add))
    #expect(try queue.collect() == [.read(descriptor, [.add, .clear], data: 5)])
    #expect(try queue.collect() == [])
  }

  @Test("C-068 EV_DISABLE and EV_ENABLE leave what is watched for alone")
  func maskStays() throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, .add, .lowWater, data: 10))
    try queue.change(.read(descriptor, .disable), .read(descriptor, .enable))
    #expect(try queue.collect() == [])
    system.fill(descriptor, 5)
    #expect(try queue.collect().map(\.data) == [10])
  }

  @Test("C-069 EV_ADD, and a change without action, replace what is watched for", arguments: [Flags.add, []])
  func maskReplaced(flags: Flags) throws {
    let descriptor = system.open(readable: 5)
    #expect(try queue.exchange(.read(descriptor, .add, .lowWater, data: 10)) == [])
    #expect(try queue.exchange(.read(descriptor, flags)).map(\.data) == [5])
  }

  @Test("C-070 EV_ADD alone leaves a disabled knote disabled")
  func addDoesNotEnable() throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, [.add, .disable]), .user(1, [.add, .disable]), .timer(1, [.add, .disable], 1))
    try queue.change(.read(descriptor, .add), .user(1, .add, .trigger), .timer(1, .add, 1))
    #expect(try queue.wait(1_000_000_000) == [])
  }

  @Test("C-071 EV_ADD with EV_DISABLE is silent until EV_ENABLE")
  func addDisabled() throws {
    let descriptor = system.open(readable: 5)
    #expect(try queue.exchange(.read(descriptor, [.add, .disable])) == [])
    #expect(try queue.exchange(.read(descriptor, .enable)) == [.read(descriptor, .add, data: 5)])
  }

  @Test("C-072 EV_DISABLE holds back what is queued, and EV_ENABLE lets it go")
  func disableQueued() throws {
    try queue.change(.user(1, .add, .trigger))
    #expect(try queue.exchange(.user(1, .disable)) == [])
    #expect(try queue.exchange(.user(1, .enable)).count == 1)
  }

  @Test("C-073 EV_DELETE drops what is queued")
  func deleteQueued() throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.user(1, .add, .trigger), .read(descriptor, [.add, .clear]))
    #expect(try queue.exchange(.user(1, .delete), .read(descriptor, .delete)) == [])
  }

  @Test("C-074 EV_ENABLE of an enabled knote is no error, and adds nothing")
  func enableTwice() throws {
    try queue.change(.user(1, [.add, .clear], .trigger), .user(1, .enable), .user(1, .enable))
    #expect(try queue.collect().count == 1)
    #expect(try queue.exchange(.user(1, .enable)) == [])
  }

  @Test("C-075 EV_ONESHOT: one event, then the knote is gone")
  func oneshot() throws {
    let descriptor = system.open(readable: 5)
    #expect(try queue.exchange(.read(descriptor, [.add, .oneshot])) == [.read(descriptor, [.add, .oneshot], data: 5)])
    #expect(try queue.collect() == [])
    #expect(throws: Errno(ENOENT)) { try queue.change(.read(descriptor, .delete)) }
  }

  @Test("C-075 EV_ONESHOT is not used up where the condition has gone")
  func oneshotKept() throws {
    let descriptors = [system.open(readable: 5), system.open(readable: 5)]
    try queue.change(.user(1, .add, .trigger))
    for descriptor in descriptors { try queue.change(.read(descriptor, [.add, .oneshot])) }
    #expect(try queue.collect(room: 1).map(\.filter) == [-11])
    system.drain(descriptors[0])
    try queue.change(.user(1, .delete))
    #expect(try queue.collect().map(\.ident) == [UInt(descriptors[1])])
    try queue.change(.read(descriptors[0], .delete))
  }

  @Test("C-076 EV_DISPATCH: one event, then silence until EV_ENABLE, again and again")
  func dispatch() throws {
    let descriptor = system.open(readable: 5)
    let event = Entry.read(descriptor, [.add, .dispatch], data: 5)
    try queue.change(.read(descriptor, [.add, .dispatch]))
    for _ in 0..<5 {
      #expect(try queue.collect() == [event])
      #expect(try queue.collect() == [])
      try queue.change(.read(descriptor, .enable))
    }
  }

  @Test("C-077 EV_CLEAR and EV_DISPATCH both apply")
  func clearAndDispatch() throws {
    try queue.change(.user(1, [.add, .clear, .dispatch], .trigger))
    #expect(try queue.collect().count == 1)
    #expect(try queue.exchange(.user(1, .enable)) == [], "the trigger was reset")
    #expect(try queue.exchange(.user(1, [], .trigger)).count == 1)
    #expect(try queue.exchange(.user(1, [], .trigger)) == [], "delivery disabled it")
    #expect(try queue.exchange(.user(1, .enable)).count == 1)
  }

  @Test("C-078 EV_FORCEONESHOT delivers an idle knote once and deletes it")
  func forceOneshot() throws {
    let descriptor = system.open()
    for change in [Entry.user(1, .add), .timer(1, .add, 1000), .read(descriptor, .add)] {
      try queue.change(change)
      var force = change
      force.flags = .forceOneshot
      #expect(try queue.exchange(force).map(\.filter) == [change.filter])
      #expect(try queue.collect() == [])
      force.flags = .add
      try queue.change(force)  // a fresh knote, which is idle
      #expect(try queue.collect() == [])
    }
  }

  @Test("C-078 a disabled knote that is forced is delivered on EV_ENABLE")
  func forceDisabled() throws {
    let descriptor = system.open()
    for change in [
      Entry.user(1, [.add, .disable]), .timer(1, [.add, .disable], 1000), .read(descriptor, [.add, .disable]),
    ] {
      try queue.change(change)
      var next = change
      next.flags = .forceOneshot
      #expect(try queue.exchange(next) == [])
      next.flags = .enable
      #expect(try queue.exchange(next).map(\.filter) == [change.filter])
    }
  }
}
