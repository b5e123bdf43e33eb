import CKQueueShims
import KQueueCore
import Support
import Testing

/// What a platform refuses leaves nothing behind (contract 1.2, 1.3).
@Suite("Failures of the platform") struct FailureTests {
  let system = FakeSystem()
  let queue: FakeQueue

  init() throws {
    queue = try FakeQueue(on: system)
  }

  @Test("an attach that fails leaves no knote", arguments: [EBADF, EINVAL, ELOOP, ENOMEM, EPIPE, EMFILE, ENFILE])
  func attach(code: CInt) throws {
    let descriptor = system.open(readable: 5)
    system.fail(.attach, code)
    let change = Entry.read(descriptor, .add, udata: 3)
    #expect(try queue.exchange(change) == [change.answer(code)])
    #expect(try queue.collect() == [])
    #expect(throws: Errno(ENOENT)) { try queue.change(.read(descriptor, .delete)) }
    #expect(try queue.exchange(change) == [.read(descriptor, .add, data: 5, udata: 3)])
  }

  @Test("EV_ADD on a closed descriptor fails with EBADF")
  func closed() {
    #expect(throws: Errno(EBADF)) { try queue.change(.read(29_999, .add)) }
  }

  @Test("a failure for one filter of a descriptor leaves the other's knote alone")
  func sibling() throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, .add))
    system.fail(.attach, ENOMEM)
    #expect(throws: Errno(ENOMEM)) { try queue.change(.write(descriptor, .add)) }
    #expect(try queue.collect() == [.read(descriptor, .add, data: 5)])
  }

  @Test("a wake-up that cannot be had leaves no USER knote", arguments: [EMFILE, ENFILE, ENOMEM])
  func user(code: CInt) throws {
    system.fail(.prepareWake, code)
    #expect(throws: Errno(code)) { try queue.change(.user(1, .add, .trigger)) }
    #expect(throws: Errno(ENOENT)) { try queue.change(.user(1, .delete)) }
    #expect(try queue.exchange(.user(1, .add, .trigger)).count == 1)
  }

  @Test(
    "a timer or wake-up that cannot be had leaves no TIMER knote", arguments: [FakeStep.prepareTimer, .prepareWake])
  func timer(step: FakeStep) throws {
    system.fail(step, EMFILE)
    #expect(throws: Errno(EMFILE)) { try queue.change(.timer(1, .add, 5)) }
    #expect(throws: Errno(ENOENT)) { try queue.change(.timer(1, .delete)) }
    #expect(try queue.wait(10_000_000) == [])
    try queue.change(.timer(1, .add, 5))
    #expect(try queue.wait().map(\.data) == [1])
  }

  @Test("a wall clock that cannot be had leaves the relative timer running")
  func timerSwitch() throws {
    try queue.change(.timer(1, .add, 5, udata: 1))
    system.fail(.prepareTimer, EMFILE)
    #expect(throws: Errno(EMFILE)) { try queue.change(.timer(1, .add, 0, .absolute, udata: 2)) }
    #expect(try queue.wait().map(\.udata) == [1])
    #expect(try queue.wait().map(\.udata) == [1])
  }

  @Test("a wake-up that cannot be had leaves no knote on a file, and detaches it")
  func file() throws {
    let file = system.open(readable: 5, .recorded)
    system.fail(.prepareWake, EMFILE)
    #expect(throws: Errno(EMFILE)) { try queue.change(.read(file, .add)) }
    #expect(queue.kernel.takeCalls().last == .detach(file, -1))
    #expect(try queue.collect() == [])
    #expect(try queue.exchange(.read(file, .add)).count == 1)
  }

  @Test("EV_ADD with EV_FORCEONESHOT that fails leaves no knote")
  func forceNew() throws {
    let descriptor = system.open(readable: 5)
    system.fail(.prepareWake, EMFILE)
    #expect(throws: Errno(EMFILE)) { try queue.change(.read(descriptor, [.add, .forceOneshot])) }
    #expect(try queue.collect() == [])
  }

  @Test("EV_FORCEONESHOT that fails leaves the knote as it was")
  func forceExisting() throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, .add, udata: 1))
    system.fail(.prepareWake, EMFILE)
    #expect(throws: Errno(EMFILE)) { try queue.change(.read(descriptor, .forceOneshot, udata: 2)) }
    #expect(try queue.collect() == [.read(descriptor, .add, data: 5, udata: 1)])
  }

  @Test(
    "a modify that fails leaves the knote as it was",
    arguments: [
      .read(0, .add, .lowWater, data: 100, udata: 2), .read(0, .disable, udata: 2), .read(0, [], udata: 2),
    ] as [Entry])
  func modify(change: Entry) throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, .add, udata: 1))
    system.fail(.update, ENOMEM)
    var change = change
    change.ident = UInt(descriptor)
    #expect(throws: Errno(ENOMEM)) { try queue.change(change) }
    #expect(try queue.collect() == [.read(descriptor, .add, data: 5, udata: 1)])
  }

  @Test("an EV_ENABLE that fails leaves the knote disabled")
  func enable() throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, [.add, .disable]))
    system.fail(.update, ENOMEM)
    #expect(throws: Errno(ENOMEM)) { try queue.change(.read(descriptor, .enable)) }
    #expect(try queue.collect() == [])
    #expect(try queue.exchange(.read(descriptor, .enable)).count == 1)
  }

  @Test(
    "C-003 a kqueue that cannot be made fails with the errno, and the next one works",
    arguments: [EMFILE, ENFILE, ENOMEM])
  func create(code: CInt) throws {
    system.fail(.create, code)
    #expect(throws: Errno(code)) { try FakeQueue(on: system) }
    #expect(try FakeQueue(on: system).exchange(.user(1, .add, .trigger)).count == 1)
  }

  // MARK: Descriptors closed unseen

  @Test("EV_DELETE on a number that was closed unseen fails with EBADF, and the knote is gone")
  func deleteClosed() throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, .add))
    system.closeUnseen(descriptor)
    #expect(throws: Errno(EBADF)) { try queue.change(.read(descriptor, .delete)) }
    system.reopen(descriptor)
    #expect(try queue.exchange(.read(descriptor, .add)) == [])
    #expect(queue.kernel.takeCalls().last != .update(descriptor, -1))
  }

  @Test("EV_ADD on a number that was closed unseen makes a new knote of the new file")
  func addReopened() throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, [.add, .clear], udata: 1))
    system.closeUnseen(descriptor)
    system.reopen(descriptor)
    system.fill(descriptor, 2)
    #expect(try queue.exchange(.read(descriptor, .add, udata: 2)) == [.read(descriptor, .add, data: 2, udata: 2)])
    #expect(try queue.collect().count == 1, "level, as the new one asked for")
  }

  @Test("a modify of a knote whose number was closed unseen fails with EBADF", arguments: [Flags.enable, .disable, []])
  func modifyClosed(flags: Flags) throws {
    let descriptor = system.open(readable: 5)
    try queue.change(.read(descriptor, .add))
    system.closeUnseen(descriptor)
    #expect(throws: Errno(EBADF)) { try queue.change(.read(descriptor, flags)) }
    #expect(try queue.collect() == [])
  }
}
