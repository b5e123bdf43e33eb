import CKQueueShims
import KQueueCore
import Support
import Testing

/// Receipts and errors against every length of eventlist (contract 1.3).
@Suite("Receipts and errors") struct ReceiptTests {
  /// A receipt, an error, a receipt, an error, a receipt.
  static let changes: [Entry] = [
    .user(1, [.add, .receipt]), .user(10, .delete), .user(2, [.add, .receipt]), .user(11, .delete),
    .user(3, [.add, .receipt]),
  ]

  let queue: FakeQueue

  init() throws {
    queue = try FakeQueue()
  }

  /// Which of the knotes 1, 2 and 3 are there.
  private func added() -> [UInt] {
    (1...3).filter { ident in
      do {
        try queue.change(.user(ident, .delete))
        return true
      } catch { return false }
    }
  }

  private var answers: [Entry] {
    Self.changes.enumerated().map { $1.answer($0 % 2 == 0 ? 0 : ENOENT) }
  }

  @Test("C-035, C-038 a receipt without room ends the call after its change", arguments: [(0, 1), (2, 2), (4, 3)])
  func receiptWithoutRoom(room: Int, applied: UInt) throws {
    #expect(try queue.kevent(Self.changes, room: room, timeout: nil) == Array(answers.prefix(room)))
    #expect(added() == Array(1...applied))
  }

  @Test("C-032, C-033 an error without room ends the call with its errno", arguments: [(1, 1), (3, 2)])
  func errorWithoutRoom(room: Int, applied: UInt) throws {
    #expect(throws: Errno(ENOENT)) { try queue.kevent(Self.changes, room: room, timeout: nil) }
    #expect(added() == Array(1...applied))
  }

  @Test("C-030, C-035 with room for all every change is answered", arguments: [5, 6, 100])
  func room(room: Int) throws {
    #expect(try queue.kevent(Self.changes, room: room, timeout: nil) == answers)
    #expect(added() == [1, 2, 3])
  }

  @Test("entries before an error without room lie in the array")
  func uncounted() throws {
    let events = UnsafeMutableBufferPointer<Kevent>.allocate(capacity: 1)
    defer { events.deallocate() }
    events.initialize(repeating: Entry(0, 0).kevent)
    let changes = Self.changes.map(\.kevent)
    #expect(throws: Errno(ENOENT)) { try changes.withUnsafeBufferPointer { try queue.kevent($0, events, nil) } }
    #expect(events[0].ident == 1 && events[0].data == 0)
  }

  @Test("a failing entry with EV_RECEIPT is answered once")
  func failingReceipt() throws {
    let change = Entry.user(9, [.delete, .receipt])
    #expect(try queue.exchange(change) == [change.answer(ENOENT)])
  }

  @Test("EV_RECEIPT answers each change that carries it, and no other of the same knote")
  func onlyCarriers() throws {
    let changes: [Entry] = [.user(1, [.add, .receipt]), .user(1, .disable), .user(1, [.enable, .receipt])]
    #expect(try queue.kevent(changes, room: 8, timeout: nil) == [changes[0].answer(0), changes[2].answer(0)])
  }
}
