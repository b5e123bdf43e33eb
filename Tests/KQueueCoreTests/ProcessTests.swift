import CKQueueShims
import KQueueCore
import Support
import Testing

/// PROC (contract 6.6).
@Suite("PROC") struct ProcessTests {
  let queue: FakeQueue
  var system: FakeSystem { queue.system }

  /// The flags of a last event, and of any other.
  static let last: Flags = [.add, .clear, .oneshot, .endOfFile]
  static let other: Flags = [.add, .clear]

  init() throws {
    queue = try FakeQueue()
    system.start(10)
  }

  private func watch(_ notes: Notes, _ flags: Flags = []) throws {
    try queue.change(.process(10, flags.union(.add), notes, udata: 7))
  }

  private func isKnown(_ process: UInt) throws -> Bool {
    try queue.exchange(.process(process, .delete)).isEmpty
  }

  @Test("C-249, C-251 an end is told once, and deletes the knote")
  func end() throws {
    try watch(.exit)
    #expect(try queue.collect() == [])
    system.end(10, 0x100)
    #expect(try queue.collect() == [.process(10, Self.last, .exit, data: 0x100, udata: 7)])
    #expect(try queue.collect() == [])
    #expect(try !isKnown(10))
  }

  @Test("C-256 no such process: ESRCH")
  func absent() throws {
    let change = Entry.process(11, .add, .exit)
    #expect(try queue.exchange(change) == [change.answer(ESRCH)])
    #expect(try !isKnown(11))
  }

  @Test("C-259 a mask of 0: nothing is told, and the knote is gone")
  func noMask() throws {
    try watch(.exit)
    try watch([])
    system.end(10, 0)
    #expect(try queue.collect() == [])
    #expect(try !isKnown(10))
  }

  @Test("C-259 a mask of 0 while the end is pending")
  func noMaskWhilePending() throws {
    try watch(.exit, .disable)
    system.end(10, 0)
    #expect(try queue.collect() == [])
    try watch([])
    #expect(try !isKnown(10))
  }

  @Test("C-260 an end while disabled is told with EV_ENABLE, as it was")
  func disabled() throws {
    try watch(.exit, .disable)
    system.end(10, 0x200)
    #expect(try queue.collect() == [])
    system.reap(10)
    #expect(
      try queue.exchange(.process(10, .enable, udata: 7)) == [.process(10, Self.last, .exit, data: 0x200, udata: 7)])
  }

  @Test("C-263 NOTE_EXITSTATUS is echoed, with a status that only the news had, or none", arguments: [true, false])
  func exitStatus(hearsNews: Bool) throws {
    try watch(hearsNews ? [.exit, .exitStatus, .fork] : [.exit, .exitStatus])
    system.end(10, 0x300)
    system.forgetStatus(10)
    let told = try queue.collect()
    #expect(told.map(\.notes) == [[.exit, .exitStatus]])
    #expect(told.map(\.data) == [hearsNews ? 0x300 : 0])
  }

  @Test("C-265 bits that are not to be had: ENOTSUP, and nothing is registered or changed")
  func unsupported() throws {
    let change = Entry.process(10, .add, [.exit, .reap])
    #expect(try queue.exchange(change) == [change.answer(ENOTSUP)])
    #expect(try !isKnown(10))
    try watch(.exit)
    #expect(try queue.exchange(change) == [change.answer(ENOTSUP)])
    system.end(10, 0)
    #expect(try queue.collect().map(\.notes) == [.exit])
  }

  @Test("C-266, C-267 forks and execs are told together, without a status")
  func forksAndExecs() throws {
    try watch([.fork, .exec, .exit])
    system.fork(10, 11)
    system.fork(10, 12)
    system.exec(10)
    #expect(try queue.collect() == [.process(10, Self.other, [.fork, .exec], udata: 7)])
    #expect(try queue.collect() == [])
    system.exec(10)
    #expect(try queue.collect() == [.process(10, Self.other, .exec, udata: 7)])
  }

  @Test("C-267 only what the mask says")
  func mask() throws {
    try watch(.exec)
    system.fork(10, 11)
    #expect(try queue.collect() == [])
    try watch([.fork, .exec], .disable)
    system.fork(10, 12)
    #expect(try queue.collect() == [])
    try watch(.exec)  // what is pending goes with its bit
    #expect(try queue.exchange(.process(10, .enable)) == [])
  }

  @Test("what is pending comes with the end, also with one that nobody asked for", arguments: [true, false])
  func pendingWithEnd(isWanted: Bool) throws {
    try watch(isWanted ? [.fork, .exit] : .fork)
    system.fork(10, 11)
    system.end(10, 0x400)
    let notes: Notes = isWanted ? [.fork, .exit] : .fork
    #expect(try queue.collect() == [.process(10, Self.last, notes, data: isWanted ? 0x400 : 0, udata: 7)])
    #expect(try !isKnown(10))
  }

  // MARK: NOTE_TRACK

  private func birth(_ process: UInt, of parent: UInt = 10) -> Entry {
    .process(process, [.add, .clear, .oneshot], .child, data: Int(parent), udata: 7)
  }

  @Test("C-268 a child is told, then watched as its parent is")
  func track() throws {
    try watch([.track, .exit, .exec])
    system.fork(10, 11)
    #expect(try queue.collect() == [birth(11)])
    system.exec(11)
    #expect(try queue.collect() == [.process(11, Self.other, .exec, udata: 7)])
    system.fork(11, 12)
    #expect(try queue.collect() == [birth(12, of: 11)])
    system.end(11, 0x500)
    #expect(try queue.collect() == [.process(11, Self.last, .exit, data: 0x500, udata: 7)])
  }

  @Test("C-268 birth and end are never one entry, nor in one call")
  func birthAndEnd() throws {
    try watch([.track, .exit])
    system.fork(10, 11)
    system.end(11, 0x600)
    #expect(try queue.collect() == [birth(11)])
    #expect(try queue.collect() == [.process(11, Self.last, .exit, data: 0x600, udata: 7)])
    #expect(try !isKnown(11))
  }

  @Test("C-268 a child that was gone is told, and its end with the status that was told")
  func goneChild() throws {
    try watch([.track, .exit])
    system.fork(10, 11)
    system.end(11, 0x700)
    system.reap(11)
    #expect(try queue.collect() == [birth(11)])
    #expect(try queue.collect() == [.process(11, Self.last, .exit, data: 0x700, udata: 7)])
  }

  @Test("C-268 ends that are not wanted leave nothing behind")
  func unwantedEnd() throws {
    try watch(.track)
    system.fork(10, 11)
    system.end(11, 0)
    #expect(try queue.collect() == [birth(11)])
    #expect(try queue.collect() == [])
    #expect(try !isKnown(11))
  }

  @Test("C-268 the parent's end, told first, does not lose its last child")
  func lastChild() throws {
    try watch([.track, .exit])
    system.end(10, 0)
    // The process reports itself first; the stream then has the fork that came before.
    system.fork(10, 11)
    let told = try queue.collect()
    #expect(Set(told.map(\.ident)) == [10, 11])
    #expect(told.contains(birth(11)))
  }

  @Test("C-268 NOTE_FORK of the parent only where asked for", arguments: [true, false])
  func parentsFork(isWanted: Bool) throws {
    try watch(isWanted ? [.track, .fork] : .track)
    system.fork(10, 11)
    #expect(try queue.collect().contains(.process(10, Self.other, .fork, udata: 7)) == isWanted)
  }

  @Test("C-268 a child that cannot be watched: NOTE_TRACKERR on its parent", arguments: [EMFILE, ENOMEM])
  func trackError(code: CInt) throws {
    try watch([.track, .exit])
    system.fail(.attach, code)
    system.fork(10, 11)
    #expect(try queue.collect() == [.process(10, Self.other, .trackError, udata: 7)])
    #expect(try !isKnown(11))
  }

  @Test("C-268 a child that is watched already keeps what it has, and is told")
  func watchedChild() throws {
    try watch([.track, .exec])
    system.fork(10, 11)
    try queue.change(.process(11, .add, .exit, data: 99, udata: 8))
    #expect(try queue.collect() == [.process(11, [.add, .clear, .oneshot], .child, data: 10, udata: 8)])
    system.exec(11)
    #expect(try queue.collect() == [.process(11, Self.other, .exec, udata: 8)])
    system.end(11, 0x800)
    #expect(try queue.collect() == [.process(11, Self.last, .exit, data: 0x800, udata: 8)])
  }

  @Test("C-268 a number that comes round again before all is told: NOTE_TRACKERR")
  func reusedNumber() throws {
    try watch([.track, .exit])
    system.fork(10, 11)
    system.end(11, 0)
    system.reap(11)
    system.fork(10, 11)
    let told = try queue.collect()
    #expect(told.contains(.process(10, Self.other, .trackError, udata: 7)))
    #expect(told.contains(birth(11)))
  }

  @Test("C-268 EV_DISABLE of a tracked child holds its end back, and EV_DELETE ends the watch")
  func disabledChild() throws {
    try watch([.track, .exit])
    system.fork(10, 11)
    #expect(try queue.collect() == [birth(11)])
    try queue.change(.process(11, .disable))
    system.end(11, 0)
    #expect(try queue.collect() == [])
    #expect(try isKnown(11))
    #expect(try queue.collect() == [])
  }

  @Test("what was lost: NOTE_TRACKERR, what may have been, and the ends of those that were gone")
  func loss() throws {
    system.start(20)
    system.start(30)
    try watch([.track, .exit])
    try queue.change(.process(20, .add, [.fork, .exit]), .process(30, .add, .exit))
    system.fork(10, 11)
    system.reap(11)  // gone, and its end not told yet
    #expect(try queue.collect() == [birth(11)])
    system.loseNews()
    let told = try queue.collect()
    #expect(told.contains(.process(10, Self.other, .trackError, udata: 7)))
    #expect(told.contains(.process(11, Self.last, [.exit, .trackError], udata: 7)))
    #expect(told.contains(.process(20, Self.other, .fork)))
    #expect(told.count == 3)
    system.end(30, 0x900)
    #expect(try queue.collect() == [.process(30, Self.last, .exit, data: 0x900)])
  }

  @Test("EV_FORCEONESHOT delivers once and deletes")
  func forced() throws {
    try watch(.exit)
    #expect(try queue.exchange(.process(10, .forceOneshot, .exit, udata: 7)).count == 1)
    #expect(try !isKnown(10))
  }
}
