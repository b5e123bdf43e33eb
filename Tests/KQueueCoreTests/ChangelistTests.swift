import CKQueueShims
import KQueueCore
import Support
import Testing

@Suite("Changes in") struct ChangelistTests {
  let queue: FakeQueue

  init() throws {
    queue = try FakeQueue()
  }

  @Test("C-029 changes are applied in array order")
  func order() throws {
    try queue.change(.user(1, .add), .user(1, .delete))
    #expect(throws: Errno(ENOENT)) { try queue.change(.user(1, .delete)) }
  }

  @Test("C-030 an entry after a failing one is still applied where there is room")
  func afterFailure() throws {
    let answers = try queue.exchange(.user(1, .delete), .user(2, .add))
    #expect(answers == [Entry.user(1, .delete).answer(ENOENT)])
    try queue.change(.user(2, .delete))
  }

  @Test("C-031 an error entry is the change with EV_ERROR, and the errno in data")
  func errorEntry() throws {
    let change = Entry.user(7, [.enable, .receipt], .bits(5), data: 9, udata: 11)
    #expect(try queue.exchange(change) == [change.answer(ENOENT)])
  }

  @Test("C-032 a failing entry without room makes the call fail with its errno")
  func failure() {
    #expect(throws: Errno(ENOENT)) { try queue.change(.user(1, .delete)) }
  }

  @Test("C-033 entries after a failing one without room are not applied")
  func stop() throws {
    #expect(throws: Errno(ENOENT)) { try queue.change(.user(1, .delete), .user(2, .add)) }
    #expect(throws: Errno(ENOENT)) { try queue.change(.user(2, .delete)) }
  }

  @Test("C-034 entries before a failing one stay applied")
  func beforeFailure() throws {
    #expect(throws: Errno(ENOENT)) { try queue.change(.user(2, .add), .user(1, .delete)) }
    try queue.change(.user(2, .delete))
  }

  @Test("C-035 a receipt is the change with EV_ERROR, and 0 in data")
  func receipt() throws {
    let change = Entry.user(7, [.add, .receipt], .bits(5), data: 9, udata: 11)
    #expect(try queue.exchange(change) == [change.answer(0)])
  }

  @Test("C-036 a call that wrote receipts returns them alone, though a knote is ready")
  func receiptsOnly() throws {
    try queue.change(.user(1, .add, .trigger))
    let change = Entry.user(2, [.add, .receipt])
    #expect(try queue.exchange(change) == [change.answer(0)])
    #expect(try queue.collect().map(\.ident) == [1])
  }

  @Test("C-037 a call that wrote an error entry does not wait")
  func errorsDoNotWait() throws {
    let before = queue.system.monotonic
    #expect(try queue.kevent([.user(1, .delete)], room: 4, timeout: nil).count == 1)
    #expect(queue.system.monotonic == before)
    #expect(queue.kernel.takeCalls() == [])
  }

  @Test("C-038 EV_RECEIPT without room returns 0, and the change is in effect")
  func receiptWithoutRoom() throws {
    #expect(try queue.kevent([.user(1, [.add, .receipt])], room: 0, timeout: nil) == [])
    try queue.change(.user(1, .delete))
  }

  @Test("C-039 one array for changes and events works, with receipts and with events")
  func sameArray() throws {
    let memory = UnsafeMutableBufferPointer<Kevent>.allocate(capacity: 2)
    defer { memory.deallocate() }
    _ = memory.initialize(from: [Entry.user(1, [.add, .receipt]), .user(2, [.add, .receipt])].map(\.kevent))
    #expect(try queue.kevent(UnsafeBufferPointer(memory), memory, timespec()) == 2)
    #expect(memory.map(\.ident) == [1, 2])
    #expect(memory.allSatisfy { $0.data == 0 && Flags(rawValue: $0.flags).contains(.error) })

    _ = memory.update(from: [Entry.user(2, [], .trigger), .user(1, [], .trigger)].map(\.kevent))
    #expect(try queue.kevent(UnsafeBufferPointer(memory), memory, timespec()) == 2)
    #expect(memory.map(\.ident) == [2, 1])
    #expect(memory.allSatisfy { !Flags(rawValue: $0.flags).contains(.error) })
  }

  @Test("C-040 an entry with filter 0 is skipped")
  func filterZero() throws {
    #expect(try queue.exchange(Entry(0, 1, [.add, .receipt]), .user(1, [.add, .receipt])).map(\.filter) == [-11])
  }

  @Test(
    "C-041, C-042, C-343, C-344 filters that there are not fail with EINVAL", arguments: [5, -100, -3, -8, -10, -16])
  func unknownFilter(filter: Int16) throws {
    let change = Entry(filter, 1, .add)
    #expect(try queue.exchange(change) == [change.answer(EINVAL)])
  }

  @Test(
    "C-043, C-332 what needs a knote fails with ENOENT where there is none",
    arguments: [Flags.delete, .enable, .disable, [], .keepUdata])
  func missing(flags: Flags) {
    #expect(throws: Errno(ENOENT)) { try queue.change(.user(1, flags, .trigger)) }
    #expect(throws: Errno(ENOENT)) { try queue.change(.timer(1, flags, 5)) }
    // A number that is open, of which the kqueue knows nothing.
    let descriptor = queue.system.open()
    #expect(throws: Errno(ENOENT)) { try queue.change(.read(descriptor, flags)) }
  }

  @Test(
    "C-044, C-046, C-345 flags that contradict one another fail with EINVAL, and nothing changes",
    arguments: [
      [.add, .enable, .disable], [.enable, .disable], [.add, .keepUdata], [.add, .udataSpecific], .udataSpecific,
    ] as [Flags])
  func contradictions(flags: Flags) throws {
    #expect(throws: Errno(EINVAL)) { try queue.change(.user(1, flags)) }
    #expect(throws: Errno(ENOENT)) { try queue.change(.user(1, .delete)) }
    try queue.change(.user(1, .add, udata: 3))
    #expect(throws: Errno(EINVAL)) { try queue.change(.user(1, flags, .trigger, udata: 4)) }
    #expect(try queue.exchange(.user(1, .keepUdata, .trigger)).map(\.udata) == [3])
  }

  @Test("C-045 EV_ADD with EV_DELETE deletes a knote that is there, and makes one that is not")
  func addAndDelete() throws {
    try queue.change(.user(1, [.add, .delete]))
    try queue.change(.user(1, [.add, .delete]))
    #expect(throws: Errno(ENOENT)) { try queue.change(.user(1, .delete)) }
  }

  @Test("C-047 EV_ONESHOT with EV_DISPATCH behaves as EV_ONESHOT")
  func oneshotWins() throws {
    #expect(try queue.exchange(.user(1, [.add, .oneshot, .dispatch], .trigger)).count == 1)
    #expect(throws: Errno(ENOENT)) { try queue.change(.user(1, .delete)) }
  }

  @Test(
    "C-048 a change to a descriptor filter on a closed number fails with EBADF", arguments: [Flags.delete, .enable])
  func closedNumber(flags: Flags) {
    #expect(throws: Errno(EBADF)) { try queue.change(.read(29_999, flags)) }
  }

  @Test(
    "C-049 a descriptor filter on a number beyond INT_MAX fails with EBADF",
    arguments: [
      UInt(CInt.max) + 1, UInt(UInt32.max), UInt.max,
    ])
  func beyondNumbers(ident: UInt) {
    #expect(throws: Errno(EBADF)) { try queue.change(Entry(-1, ident, .add)) }
    #expect(throws: Errno(EBADF)) { try queue.change(Entry(-2, ident, .delete)) }
  }

  @Test("C-050 EV_ERROR and EV_EOF in a change are ignored")
  func systemFlags() throws {
    #expect(try queue.exchange(.user(1, [.add, .clear, .error, .endOfFile], .trigger)) == [.user(1, [.add, .clear])])
  }

  @Test("C-050 a receipt shows the caller's flags without those that are the system's")
  func systemFlagsInReceipt() throws {
    let answers = try queue.exchange(.user(1, [.add, .receipt, .endOfFile]))
    #expect(answers == [Entry.user(1, [.add, .receipt]).answer(0)])
  }

  @Test("C-105 WRITE on a kqueue fails with EINVAL")
  func writeOnKqueue() {
    #expect(throws: Errno(EINVAL)) { try queue.change(.write(queue.number, .add)) }
  }
}
