import CKQueue
import Foundation
import KQueue
import Testing

/// Changes, by themselves and many at once.
@Suite struct ChangeTests {
  @Test func oneShot() throws {
    let queue = try KernelQueue()
    try queue.add(.user(1), .oneShot)
    try queue.trigger(1)
    #expect(try queue.sources() == [.user(1, flags: 0)])
    #expect(throws: Errno.noSuchRegistration) { try queue.delete(.user(1)) }
  }

  @Test func level() throws {
    let queue = try KernelQueue()
    try queue.add(.user(1))
    try queue.trigger(1)
    for _ in 0..<3 { #expect(try queue.events(within: .zero).count == 1) }
    try queue.delete(.user(1))
    #expect(try queue.events(within: .zero).isEmpty)
  }

  @Test func dispatch() throws {
    let queue = try KernelQueue()
    let pair = Pair.sockets
    try queue.add(.read(pair.other), .dispatch, tag: 4)
    pair.send("x")
    #expect(try queue.events().map(\.tag) == [4])
    #expect(try queue.events(within: .zero).isEmpty)
    try queue.enable(.read(pair.other))
    #expect(try queue.events(within: .zero).map(\.tag) == [4])
    try queue.enable(.read(pair.other), tag: 5)
    #expect(try queue.events(within: .zero).map(\.tag) == [5])
  }

  @Test func disabled() throws {
    let queue = try KernelQueue()
    try queue.add(.user(1), [.clear, .disabled], tag: 6)
    try queue.trigger(1)
    #expect(try queue.events(within: .zero).isEmpty)
    try queue.enable(.user(1))
    #expect(try queue.events(within: .zero).map(\.tag) == [6])
    try queue.disable(.user(1), tag: 8)
    try queue.trigger(1)
    #expect(try queue.events(within: .zero).isEmpty)
    try queue.enable(.user(1))
    #expect(try queue.events(within: .zero).map(\.tag) == [8])
  }

  @Test func tagsOfAllBits() throws {
    let queue = try KernelQueue()
    try queue.add(.user(1), tag: .max)
    try queue.trigger(1)
    #expect(try queue.events().map(\.tag) == [.max])
  }

  /// In order, and none after the first that fails.
  @Test func untilOneFails() throws {
    let queue = try KernelQueue()
    try queue.apply([])
    try queue.apply([.add(.user(1)), .add(.user(2)), .delete(.user(1))])
    #expect(throws: Errno.noSuchRegistration) {
      try queue.apply([.add(.user(3)), .delete(.user(1)), .delete(.user(2))])
    }
    try queue.apply([.delete(.user(3)), .delete(.user(2))])
  }

  @Test func receipts() throws {
    let queue = try KernelQueue()
    let receipts = try queue.receipts(for: [
      .add(.user(1)), .delete(.user(2)), .add(.read(-1)), .add(.process(.max, .exit)),
      .add(.timer(4, every: .seconds(1))),
    ])
    #expect(receipts.map(\.key) == [.user(1), .user(2), .read(-1), .process(.max), .timer(4)])
    #expect(receipts.map(\.error) == [nil, .noSuchRegistration, .badDescriptor, .noSuchProcess, nil])
    #expect(try queue.receipts(for: []).isEmpty)
    try queue.apply([.delete(.user(1)), .delete(.timer(4))])
  }

  @Test func manyReceipts() throws {
    let queue = try KernelQueue()
    let receipts = try queue.receipts(for: (0..<1000).map { $0 % 3 == 0 ? .delete(.user($0)) : .add(.user($0)) })
    #expect(receipts.count == 1000)
    #expect(receipts.enumerated().allSatisfy { ($1.error == nil) == ($0 % 3 != 0) && $1.key == .user(UInt($0)) })
  }

  /// A failed change stands among the events; good ones take no room.
  @Test func changesWithAWait() throws {
    let queue = try KernelQueue()
    let changes: [KernelQueue.Change] = [.add(.user(1), .clear), .trigger(1)]
    #expect(try queue.events(applying: changes).map(\.source) == [.user(1, flags: 0)])
    let failed = try #require(try queue.events(applying: [.delete(.timer(5)), .trigger(1)]).first)
    #expect(failed.isFailedChange && failed.error == .noSuchRegistration && failed.key == .timer(5))
    #expect(failed.exitStatus == nil)
    #expect(try queue.sources() == [.user(1, flags: 0)])
  }

  @Test func namesOfBits() {
    let options: [(KernelQueue.Options, Int32)] = [
      (.oneShot, EV_ONESHOT), (.clear, EV_CLEAR), (.dispatch, EV_DISPATCH), (.disabled, EV_DISABLE),
    ]
    for (option, value) in options { #expect(option.rawValue == UInt16(value)) }
    let vnode: [(KernelQueue.VnodeEvents, Int32)] = [
      (.delete, NOTE_DELETE), (.write, NOTE_WRITE), (.extend, NOTE_EXTEND), (.attributes, NOTE_ATTRIB),
      (.link, NOTE_LINK), (.rename, NOTE_RENAME), (.revoke, NOTE_REVOKE), (.truncate, NOTE_TRUNCATE),
      (.close, NOTE_CLOSE), (.closeWrite, NOTE_CLOSE_WRITE), (.read, NOTE_READ), (.open, NOTE_OPEN),
    ]
    for (event, value) in vnode { #expect(event.rawValue == UInt32(value)) }
    #expect(KernelQueue.ProcessEvents.exit.rawValue == UInt32(NOTE_EXIT))
    let process: [(KernelQueue.ProcessEvents, Int32)] = [
      (.fork, NOTE_FORK), (.exec, NOTE_EXEC), (.track, NOTE_TRACK), (.child, NOTE_CHILD), (.trackError, NOTE_TRACKERR),
    ]
    for (event, value) in process { #expect(event.rawValue == UInt32(value)) }
    let systems: [(KernelQueue.FileSystemEvents, Int32)] = [
      (.notResponding, VQ_NOTRESP), (.needsAuthentication, VQ_NEEDAUTH), (.lowDisk, VQ_LOWDISK), (.mount, VQ_MOUNT),
      (.unmount, VQ_UNMOUNT), (.dead, VQ_DEAD), (.needsAssistance, VQ_ASSIST), (.lockNotResponding, VQ_NOTRESPLOCK),
    ]
    for (event, value) in systems { #expect(event.rawValue == UInt32(value)) }
  }
}
