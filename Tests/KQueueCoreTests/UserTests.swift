import CKQueueShims
import KQueueCore
import Support
import Testing

/// USER (contract 6.10).
@Suite("USER") struct UserTests {
  let queue: FakeQueue

  init() throws {
    queue = try FakeQueue()
  }

  @Test("C-316 without a trigger it is silent")
  func silent() throws {
    #expect(try queue.exchange(.user(1, .add, .bits(3), data: 5)) == [])
  }

  @Test("C-317 NOTE_TRIGGER: one event; under EV_CLEAR silent after it")
  func trigger() throws {
    try queue.change(.user(1, [.add, .clear], udata: 9))
    #expect(try queue.exchange(.user(1, [], .trigger, udata: 9)) == [.user(1, [.add, .clear], udata: 9)])
    #expect(try queue.collect() == [])
  }

  @Test("C-318 without EV_CLEAR it repeats until it is deleted")
  func repeats() throws {
    try queue.change(.user(1, .add, .trigger))
    for _ in 0..<5 { #expect(try queue.collect().count == 1) }
    #expect(try queue.exchange(.user(1, .delete)) == [])
  }

  @Test("C-319 ten triggers before a drain are one event", arguments: [Flags.clear, .oneshot, .dispatch, []])
  func coalesced(flags: Flags) throws {
    try queue.change(.user(1, flags.union(.add)))
    for _ in 0..<10 { try queue.change(.user(1, [], .trigger)) }
    #expect(try queue.collect().count == 1)
  }

  @Test(
    "C-320 the operations change the stored bits as named",
    arguments: [
      (Notes.and, 0b1000), (.or, 0b1110), (.copy, 0b1010), ([], 0b1100),
    ] as [(Notes, UInt32)])
  func operations(operation: Notes, result: UInt32) throws {
    try queue.change(.user(1, .add, .bits(0b1100)))
    #expect(try queue.exchange(.user(1, [], [operation, .bits(0b1010), .trigger])).map(\.notes) == [.bits(result)])
  }

  @Test("C-320 an operation without a trigger does not fire, and is seen at the next")
  func operationAlone() throws {
    try queue.change(.user(1, [.add, .clear], .bits(1)))
    #expect(try queue.exchange(.user(1, [], [.or, .bits(6)])) == [])
    #expect(try queue.exchange(.user(1, [], .trigger)).map(\.notes) == [.bits(7)])
  }

  @Test("C-321 the top 8 bits never show", arguments: [Notes.and, .or, .copy, []])
  func controlBits(operation: Notes) throws {
    try queue.change(.user(1, .add, [operation, .bits(0x3fff_ffff)]))
    #expect(try queue.collect().map(\.notes) == [.bits(0xff_ffff)])
    try queue.change(.user(1, [], [operation, .bits(0x3fff_ffff)]))
    #expect(try queue.collect().map(\.notes) == [.bits(0xff_ffff)])
  }

  @Test("C-322 stored bits survive a delivery under EV_CLEAR")
  func bitsSurvive() throws {
    try queue.change(.user(1, [.add, .clear]))
    #expect(try queue.exchange(.user(1, [], [.or, .bits(1), .trigger])).map(\.notes) == [.bits(1)])
    #expect(try queue.exchange(.user(1, [], [.or, .bits(2), .trigger])).map(\.notes) == [.bits(3)])
    #expect(try queue.exchange(.user(1, [], [.copy, .trigger])).map(\.notes) == [[]])
  }

  @Test("C-323 data of the last modify is delivered", arguments: [Int.min, .max, 0, -1])
  func data(last: Int) throws {
    try queue.change(.user(1, .add, data: 3), .user(1, [], .trigger, data: 4), .user(1, .add, data: last))
    #expect(try queue.collect().map(\.data) == [last])
  }

  @Test("C-323 EV_ENABLE and EV_DISABLE alone leave data alone")
  func dataKept() throws {
    try queue.change(.user(1, .add, .trigger, data: 3), .user(1, .disable, data: 4), .user(1, .enable, data: 5))
    #expect(try queue.collect().map(\.data) == [3])
  }

  @Test("C-323 with a trigger EV_ENABLE replaces data")
  func dataOfEnableTrigger() throws {
    try queue.change(.user(1, [.add, .disable], data: 3), .user(1, .enable, .trigger, data: 5))
    #expect(try queue.collect().map(\.data) == [5])
  }

  @Test("C-324 a bare trigger replaces udata")
  func udata() throws {
    try queue.change(.user(1, .add, udata: 1))
    #expect(try queue.exchange(.user(1, [], .trigger, udata: 2)).map(\.udata) == [2])
  }

  @Test("C-325 EV_ADD with NOTE_TRIGGER fires a new knote")
  func addTriggered() throws {
    #expect(try queue.exchange(.user(1, .add, [.trigger, .bits(4)], data: 8)) == [.user(1, .add, .bits(4), data: 8)])
  }

  @Test("C-326, C-328 EV_ADD with NOTE_TRIGGER fires an existing knote", arguments: [Flags.add, [.add, .clear]])
  func addTriggeredAgain(flags: Flags) throws {
    try queue.change(.user(1, flags))
    #expect(try queue.exchange(.user(1, flags, .trigger)).count == 1)
  }

  @Test("C-327 a modify with EV_CLEAR takes an undelivered trigger back", arguments: [Flags.clear, [.add, .clear]])
  func untrigger(flags: Flags) throws {
    try queue.change(.user(1, .add, .trigger), .user(1, flags))
    #expect(try queue.collect() == [])
    #expect(try queue.exchange(.user(1, [], .trigger)).count == 1)
  }

  @Test("C-327 also from a disabled knote")
  func untriggerDisabled() throws {
    try queue.change(.user(1, [.add, .disable], .trigger), .user(1, .clear))
    #expect(try queue.exchange(.user(1, .enable)) == [])
  }

  @Test("C-329 EV_ENABLE with NOTE_TRIGGER re-arms a dispatched knote and fires")
  func rearm() throws {
    try queue.change(.user(1, [.add, .dispatch, .clear], .trigger))
    for _ in 0..<3 {
      #expect(try queue.collect().count == 1)
      try queue.change(.user(1, .enable, .trigger))
    }
  }

  @Test("C-330 a trigger while disabled is delivered on EV_ENABLE")
  func triggerDisabled() throws {
    try queue.change(.user(1, [.add, .clear, .disable]), .user(1, [], [.or, .bits(2), .trigger], data: 6))
    #expect(try queue.collect() == [])
    #expect(try queue.exchange(.user(1, .enable)) == [.user(1, [.add, .clear], .bits(2), data: 6)])
  }

  @Test("C-330 likewise a trigger in the EV_ADD with EV_DISABLE")
  func addDisabledTriggered() throws {
    #expect(try queue.exchange(.user(1, [.add, .disable], .trigger)) == [])
    #expect(try queue.exchange(.user(1, .enable)).count == 1)
  }

  @Test("C-333 every number is an ident", arguments: [0, 1, UInt(CInt.max), UInt.max - 1, UInt.max])
  func idents(ident: UInt) throws {
    #expect(try queue.exchange(.user(ident, .add, .trigger)) == [.user(ident, .add)])
    try queue.change(.user(ident, .delete))
  }

  @Test("C-334 8192 knotes work on one kqueue, and need no call to the system each")
  func many() throws {
    for ident: UInt in 0..<8192 { try queue.change(.user(ident, [.add, .clear])) }
    #expect(queue.kernel.takeCalls() == [.prepareWake])
    for ident: UInt in 0..<8192 { try queue.change(.user(ident, [], .trigger)) }
    #expect(try queue.collect(room: 10_000).map(\.ident) == Array(0..<8192))
  }

  @Test("C-335 EV_ONESHOT: one event with what is stored, then it is gone")
  func oneshot() throws {
    try queue.change(.user(1, [.add, .oneshot], .bits(5), data: 6))
    let events = try queue.exchange(.user(1, [], [.or, .bits(2), .trigger], data: 7))
    #expect(events == [.user(1, [.add, .oneshot], .bits(7), data: 7)])
    #expect(throws: Errno(ENOENT)) { try queue.change(.user(1, [], .trigger)) }
  }

  @Test("C-336 EV_RECEIPT at creation stays in later events")
  func receipt() throws {
    #expect(try queue.exchange(.user(1, [.add, .receipt])).count == 1)
    #expect(try queue.exchange(.user(1, [], .trigger)) == [.user(1, [.add, .receipt])])
  }
}
