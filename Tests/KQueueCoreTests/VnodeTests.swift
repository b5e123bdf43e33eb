import CKQueue
import CKQueueShims
import KQueueCore
import Support
import Testing

/// VNODE over a system that tells what happens (contract 6.5): what is recorded, and what becomes of it.
@Suite("VNODE") struct VnodeTests {
  let queue: FakeQueue
  let file: CInt
  private var system: FakeSystem { queue.system }

  init() throws {
    queue = try FakeQueue()
    file = queue.system.open()
  }

  private func watch(_ notes: Notes, _ flags: Flags = .clear) throws {
    try queue.change(.vnode(file, flags.union(.add), notes))
  }

  @Test("C-213 a growing write tells WRITE and EXTEND where WRITE was asked for")
  func growth() throws {
    try watch(.written)
    system.happen(file, [.written, .extended, .attributes])
    #expect(try queue.collect() == [.vnode(file, [.add, .clear], [.written, .extended])])
    system.happen(file, .extended)
    #expect(try queue.collect() == [])
  }

  @Test("C-214 growth alone where EXTEND was asked for")
  func growthAlone() throws {
    try watch(.extended)
    system.happen(file, [.written, .extended])
    #expect(try queue.collect() == [.vnode(file, [.add, .clear], .extended)])
  }

  @Test("C-234 what happens before a delivery is one event")
  func union() throws {
    try watch([.written, .attributes, .link])
    for notes in [Notes.written, .attributes, .link, .written] { system.happen(file, notes) }
    #expect(try queue.collect() == [.vnode(file, [.add, .clear], [.written, .attributes, .link])])
    #expect(try queue.collect() == [])
  }

  @Test("C-235 EV_CLEAR starts from nothing")
  func clear() throws {
    try watch([.written, .attributes])
    system.happen(file, .written)
    #expect(try queue.collect() == [.vnode(file, [.add, .clear], .written)])
    system.happen(file, .attributes)
    #expect(try queue.collect() == [.vnode(file, [.add, .clear], .attributes)])
  }

  @Test("C-236 without EV_CLEAR it repeats and only grows")
  func level() throws {
    try watch([.written, .attributes], [])
    system.happen(file, .written)
    for _ in 0..<3 { #expect(try queue.collect() == [.vnode(file, .add, .written)]) }
    system.happen(file, .attributes)
    for _ in 0..<3 { #expect(try queue.collect() == [.vnode(file, .add, [.written, .attributes])]) }
  }

  @Test("C-237 what nobody asked for wakes nobody")
  func unwanted() throws {
    try watch(.delete)
    system.happen(file, [.written, .attributes])
    #expect(try queue.wait(1000) == [])
    #expect(!queue.kernel.isReadable)
  }

  @Test("C-238 a new mask drops what it does not want, and keeps the rest")
  func newMask() throws {
    try watch([.written, .link])
    system.happen(file, [.written, .link])
    try watch([.link, .attributes], [])
    #expect(try queue.collect() == [.vnode(file, [.add, .clear], .link)])
    system.happen(file, .written)
    try watch(.attributes, [])
    #expect(try queue.collect() == [])
  }

  @Test("C-238 what happened under the old mask is not told under a new one")
  func olderThanTheMask() throws {
    try watch(.written)
    system.happen(file, .attributes)
    try watch(.attributes, [])
    #expect(try queue.collect() == [])
  }

  @Test("C-238 a mask without WRITE drops the growth that came with it")
  func growthGoesWithTheWrite() throws {
    try watch(.written)
    system.happen(file, [.written, .extended])
    try watch(.attributes, [])
    #expect(try queue.collect() == [])
  }

  @Test("a change that fails leaves what happened to be told")
  func failedChange() throws {
    try watch([.written, .link])
    system.happen(file, .written)
    system.fail(.update, ENOMEM)
    #expect(throws: Errno(ENOMEM)) { try watch(.delete) }
    #expect(try queue.collect() == [.vnode(file, [.add, .clear], .written)])
    #expect(!queue.kernel.isReadable)
    system.happen(file, [.link, .delete])
    #expect(try queue.collect().map(\.notes) == [.link])
  }

  @Test("C-125 a number added again after an event of the file that it named before")
  func reusedAfterAnEvent() throws {
    try watch(.written)
    system.happen(file, .written)
    system.closeUnseen(file)
    system.reopen(file)
    try watch(.written)
    #expect(!queue.kernel.isReadable)
    #expect(try queue.collect() == [])
    system.happen(file, .written)
    #expect(try queue.collect().count == 1)
  }

  @Test("an EV_ENABLE that fails leaves a knote disabled, and what happened for the next one")
  func failedEnable() throws {
    try watch(.written, [.clear, .disable])
    system.fail(.update, ENOMEM)
    system.happen(file, .written)
    #expect(throws: Errno(ENOMEM)) { try queue.change(.vnode(file, [.add, .clear, .enable], .written)) }
    #expect(try queue.collect() == [])
    #expect(try queue.exchange(.vnode(file, .enable)).map(\.notes) == [.written])
  }

  @Test("C-239 what happens while disabled is told after EV_ENABLE", arguments: [Flags.clear, []])
  func disabled(flags: Flags) throws {
    try watch([.written, .link], flags.union(.disable))
    system.happen(file, .written)
    #expect(try queue.collect() == [])
    system.happen(file, .link)
    #expect(try queue.collect() == [])
    let event = Entry.vnode(file, flags.union(.add), [.written, .link])
    #expect(try queue.exchange(.vnode(file, .enable)) == [event])
  }

  @Test("C-235 EV_DISPATCH records between a delivery and EV_ENABLE")
  func dispatch() throws {
    try watch([.written, .link], [.dispatch, .clear])
    system.happen(file, .written)
    #expect(try queue.collect().map(\.notes) == [.written])
    system.happen(file, .link)
    #expect(try queue.collect() == [])
    #expect(try queue.exchange(.vnode(file, .enable)).map(\.notes) == [.link])
  }

  @Test("C-235 EV_ONESHOT")
  func oneshot() throws {
    try watch(.written, .oneshot)
    system.happen(file, .written)
    system.happen(file, .written)
    #expect(try queue.collect() == [.vnode(file, [.add, .oneshot], .written)])
    #expect(throws: Errno.self) { try queue.change(.vnode(file, .delete)) }
  }

  @Test("Section 6.5: a revoked file is at its end")
  func revoked() throws {
    try watch([.revoke])
    system.happen(file, .revoke)
    #expect(try queue.collect() == [.vnode(file, [.add, .clear, .endOfFile], .revoke)])
  }

  @Test("C-248 no note is silent")
  func nothing() throws {
    try watch([])
    system.happen(file, [.written, .delete])
    #expect(try queue.collect() == [])
  }

  @Test("Section 3.5: a knote made again has nothing of the one before")
  func madeAgain() throws {
    try watch(.written)
    system.happen(file, .written)
    try queue.change(.vnode(file, .delete))
    try watch(.written)
    #expect(try queue.collect() == [])
    system.happen(file, .written)
    try queue.change(.vnode(file, .delete), .vnode(file, [.add, .clear], .written))
    #expect(try queue.collect() == [])
  }

  @Test("3.4: READ and VNODE of one descriptor are two events")
  func besideRead() throws {
    try queue.change(.read(file, .add))
    try watch(.written)
    system.fill(file, 3)
    system.happen(file, .written)
    #expect(Set(try queue.collect().map(\.filter)) == [Int16(EVFILT_READ), Int16(EVFILT_VNODE)])
  }

  @Test("C-100 the kqueue is readable while there is something to tell")
  func readable() throws {
    try watch(.written)
    #expect(!queue.kernel.isReadable)
    system.happen(file, .written)
    #expect(queue.kernel.isReadable)
    #expect(try queue.collect().count == 1)
    #expect(!queue.kernel.isReadable)
  }

  @Test("It wakes a sleeper, with what happened")
  func wakes() throws {
    try watch([.written, .link])
    system.after(500) { [system, file] in system.happen(file, .link) }
    #expect(try queue.wait() == [.vnode(file, [.add, .clear], .link)])
  }

  @Test("More than are gathered at a time, and more than there is room for", arguments: [1, 7, 1000])
  func many(room: Int) throws {
    let files = (0..<700).map { _ in system.open() }
    for file in files { try queue.change(.vnode(file, [.add, .clear], .written)) }
    for file in files { system.happen(file, .written) }
    var told: [UInt] = []
    while case let events = try queue.collect(room: room), !events.isEmpty { told += events.map(\.ident) }
    #expect(told == files.map { UInt($0) })
  }

  @Test("C-126 what was recorded vanishes with the number", arguments: [false, true])
  func closed(isUnseen: Bool) throws {
    try watch(.written, [])
    system.happen(file, .written)
    #expect(try queue.collect().count == 1)
    if isUnseen { system.closeUnseen(file) } else { system.close(file) }
    #expect(try queue.collect() == [])
    #expect(throws: Errno.self) {
      system.reopen(file)
      try queue.change(.vnode(file, .delete))
    }
  }

  @Test("Where the system refuses, there is no knote")
  func refused() throws {
    system.fail(.attach, ENOTSUP)
    #expect(throws: Errno(ENOTSUP)) { try watch(.written) }
    system.fail(.prepareWake, EMFILE)
    #expect(throws: Errno(EMFILE)) { try watch(.written) }
    try watch(.written)
    system.fail(.update, ENOMEM)
    #expect(throws: Errno(ENOMEM)) { try watch(.link, []) }
    system.happen(file, .written)
    #expect(try queue.collect().map(\.notes) == [.written])
  }
}
