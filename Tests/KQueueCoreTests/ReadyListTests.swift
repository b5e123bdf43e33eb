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
      for index in indices { list.append(knotes[index], knotes) }
    }

    mutating func remove(_ index: UInt32) {
      list.remove(knotes[index], knotes)
    }

    mutating func pop() -> UInt32? {
      list.popFirst(knotes)?.index
    }

    mutating func popAll() -> [UInt32] {
      var popped: [UInt32] = []
      while let index = pop() { popped.append(index) }
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
    let first = fixture.pop()
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
    let popped = fixture.pop()
    #expect(before && !between && after)
    #expect(popped == nil)
  }

  @Test("knotes that the system will not report again are counted while they stand in the list")
  func held() throws {
    var fixture = try Fixture(3)
    fixture.append(0)
    fixture.list.append(fixture.knotes[1], fixture.knotes, isHeld: true)
    fixture.list.append(fixture.knotes[2], fixture.knotes, isHeld: true)
    let held = fixture.list.held
    fixture.remove(1)
    let between = fixture.list.held
    _ = fixture.popAll()
    let after = fixture.list.held
    #expect((held, between, after) == (2, 1, 0))
  }

  // MARK: Rounds

  /// What a round takes, where each knote that it takes is appended again and others leave meanwhile.
  private func round(_ fixture: inout Fixture, removing: [UInt32: [UInt32]] = [:]) -> [UInt32] {
    var taken: [UInt32] = []
    fixture.list.beginRound()
    while let index = fixture.list.popOld(fixture.knotes)?.index {
      taken.append(index)
      fixture.append(index)
      for other in removing[index] ?? [] { fixture.remove(other) }
    }
    return taken
  }

  @Test("C-352 a round takes each knote once, though it is appended again")
  func eachOnce() throws {
    var fixture = try Fixture(4)
    fixture.append(0, 1, 2, 3)
    let (first, second) = (round(&fixture), round(&fixture))
    #expect(first == [0, 1, 2, 3] && second == first)
  }

  @Test(
    "C-352 a round ends where it should, whoever leaves the list meanwhile",
    arguments: [
      [0: [1]], [0: [0]], [0: [0, 1]], [0: [3]], [2: [0, 1]], [3: [0]], [0: [1, 2, 3]],
    ] as [[UInt32: [UInt32]]])
  func leaving(removing: [UInt32: [UInt32]]) throws {
    var fixture = try Fixture(4)
    fixture.append(0, 1, 2, 3)
    let taken = round(&fixture, removing: removing)
    #expect(Set(taken).count == taken.count)
    let left = fixture.popAll()
    #expect(Set(left) == Set(0..<4).subtracting(removing.values.joined()))
  }

  @Test("a round of an empty list takes nothing, and what is appended later belongs to the next")
  func emptyRound() throws {
    var fixture = try Fixture(2)
    fixture.list.beginRound()
    fixture.append(0)
    let none = fixture.list.popOld(fixture.knotes)?.index
    fixture.list.beginRound()
    let one = fixture.list.popOld(fixture.knotes)?.index
    #expect(none == nil && one == 0)
  }

  @Test("lists with different marks do not see one another's knotes")
  func marks() throws {
    var fixture = try Fixture(2)
    var other = ReadyList(mark: .unsettled)
    other.append(fixture.knotes[0], fixture.knotes)
    fixture.append(1)
    fixture.remove(0)
    let foreign = other.count
    let popped = other.popFirst(fixture.knotes)?.index
    let own = fixture.popAll()
    #expect(foreign == 1)
    #expect(popped == 0)
    #expect(own == [1])
  }
}
