import CKQueue
import Testing

@testable import KQueueCore

@Suite("ReadyList") struct ReadyListTests {
  /// A list over `count` live knotes.
  private struct Fixture: ~Copyable {
    var knotes = KnoteSlab<Int>()
    var list = ReadyList()

    init(_ count: Int) throws {
      for _ in 0..<count { _ = try knotes.allocate() }
    }

    mutating func append(_ indices: UInt32...) {
      for index in indices { list.append(index, knotes) }
    }

    mutating func remove(_ index: UInt32) {
      list.remove(index, knotes)
    }

    mutating func popAll() -> [UInt32] {
      var popped: [UInt32] = []
      while let index = list.popFirst(knotes) { popped.append(index) }
      return popped
    }

    deinit {
      var memory = knotes
      memory.removeAll()
    }
  }

  @Test("first activated, first out")
  func order() throws {
    var fixture = try Fixture(5)
    fixture.append(3, 0, 4, 1)
    let popped = fixture.popAll()
    #expect(popped == [3, 0, 4, 1])
  }

  @Test("a queued knote keeps its place when it is activated again")
  func twice() throws {
    var fixture = try Fixture(5)
    fixture.append(3, 0, 3, 0, 3)
    let count = fixture.list.count
    let popped = fixture.popAll()
    #expect(count == 2)
    #expect(popped == [3, 0])
  }

  @Test("a knote that was taken out can be queued again")
  func again() throws {
    var fixture = try Fixture(3)
    fixture.append(0, 1)
    let first = fixture.list.popFirst(fixture.knotes)
    fixture.append(0)
    let popped = fixture.popAll()
    #expect(first == 0)
    #expect(popped == [1, 0])
  }

  @Test(
    "removal at the head, in the middle and at the tail leaves the others in order", arguments: 0..<5 as Range<UInt32>)
  func removal(index: UInt32) throws {
    var fixture = try Fixture(5)
    fixture.append(0, 1, 2, 3, 4)
    fixture.remove(index)
    let count = fixture.list.count
    let popped = fixture.popAll()
    #expect(count == 4)
    #expect(popped == (0..<5).filter { $0 != index })
  }

  @Test("an append after a removal at the tail is linked in")
  func appendAfterRemoval() throws {
    var fixture = try Fixture(4)
    fixture.append(0, 1)
    fixture.remove(1)
    fixture.append(2)
    let popped = fixture.popAll()
    #expect(popped == [0, 2])
  }

  @Test("removing a knote that is not queued changes nothing")
  func notQueued() throws {
    var fixture = try Fixture(3)
    fixture.append(0)
    fixture.remove(2)
    let popped = fixture.popAll()
    #expect(popped == [0])
  }

  @Test("an emptied list is empty")
  func empty() throws {
    var fixture = try Fixture(2)
    let before = fixture.list.isEmpty
    fixture.append(1)
    let between = fixture.list.isEmpty
    fixture.remove(1)
    let after = fixture.list.isEmpty
    let popped = fixture.list.popFirst(fixture.knotes)
    #expect(before && !between && after)
    #expect(popped == nil)
  }

  @Test("recorded knotes are counted, and held")
  func recorded() throws {
    var fixture = try Fixture(4)
    fixture.knotes[1].pointee.status.insert(.recorded)
    fixture.append(0, 1, 2)
    let (recorded, held) = (fixture.list.recorded, fixture.list.held)
    fixture.remove(1)
    let (recordedAfter, heldAfter) = (fixture.list.recorded, fixture.list.held)
    #expect(recorded == 1 && held == 1)
    #expect(recordedAfter == 0 && heldAfter == 0)
  }

  @Test("knotes that the kernel reports once only are held", arguments: [EV_CLEAR, EV_ONESHOT, EV_DISPATCH])
  func held(flag: CInt) throws {
    var fixture = try Fixture(2)
    fixture.knotes[0].pointee.flags = UInt16(flag)
    fixture.append(0, 1)
    let held = fixture.list.held
    _ = fixture.popAll()
    let after = fixture.list.held
    #expect(held == 1)
    #expect(after == 0)
  }

  @Test("lists with different marks do not see one another's knotes")
  func marks() throws {
    var fixture = try Fixture(2)
    var other = ReadyList(mark: .unsettled)
    other.append(0, fixture.knotes)
    fixture.append(1)
    fixture.remove(0)
    let foreign = other.count
    let popped = other.popFirst(fixture.knotes)
    let own = fixture.popAll()
    #expect(foreign == 1)
    #expect(popped == 0)
    #expect(own == [1])
  }
}
