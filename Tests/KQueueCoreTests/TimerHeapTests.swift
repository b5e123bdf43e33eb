import Support
import Testing

@testable import KQueueCore

@Suite("TimerHeap") struct TimerHeapTests {
  /// A heap over live knotes, and the sorted array that it should be like.
  private struct Fixture: ~Copyable {
    var knotes = KnoteSlab<Int>()
    var heap = TimerHeap()
    var model: [UInt32: UInt64] = [:]

    init(_ count: Int) throws {
      for _ in 0..<count { _ = try knotes.allocate() }
    }

    mutating func insert(_ knote: UInt32, _ deadline: UInt64) throws {
      try heap.reserve()
      heap.join()
      heap.insert(knotes[knote], deadline: deadline, knotes)
      model[knote] = deadline
    }

    mutating func remove(_ knote: UInt32) {
      heap.remove(knotes[knote], knotes)
      model[knote] = nil
    }

    /// Whether the heap's first is one of the earliest, and the number right.
    var isLikeModel: Bool {
      guard heap.count == model.count else { return false }
      guard let first = heap.first else { return model.isEmpty }
      return first.deadline == model.values.min() && model[first.knote] == first.deadline
    }

    mutating func drain() -> [UInt64] {
      var deadlines: [UInt64] = []
      while let first = heap.first {
        deadlines.append(first.deadline)
        remove(first.knote)
      }
      return deadlines
    }

    deinit {
      var heap = heap
      var knotes = knotes
      heap.removeAll()
      knotes.removeAll()
    }
  }

  @Test("random insertions and removals agree with a sorted model", arguments: 1...6 as ClosedRange<UInt64>)
  func random(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    var fixture = try Fixture(300)
    for step in 0..<4000 {
      let knote = UInt32.random(in: 0..<300, using: &generator)
      if fixture.model[knote] == nil {
        try fixture.insert(knote, UInt64.random(in: 1...200, using: &generator))
      } else {
        fixture.remove(knote)
      }
      let isLikeModel = fixture.isLikeModel
      try #require(isLikeModel, "step \(step)")
    }
    let expected = fixture.model.values.sorted()
    let drained = fixture.drain()
    #expect(drained == expected)
  }

  @Test("timers come out earliest first, whatever the order they went in")
  func sorted() throws {
    var fixture = try Fixture(100)
    var generator = SeededGenerator(seed: 5)
    for (knote, deadline) in (1...100).shuffled(using: &generator).enumerated() {
      try fixture.insert(UInt32(knote), UInt64(deadline))
    }
    let drained = fixture.drain()
    #expect(drained == (1...100).map(UInt64.init))
  }

  @Test("removing a timer that does not run changes nothing")
  func absent() throws {
    var fixture = try Fixture(3)
    try fixture.insert(0, 10)
    fixture.heap.remove(fixture.knotes[1], fixture.knotes)
    let isLikeModel = fixture.isLikeModel
    #expect(isLikeModel)
  }

  @Test("a removed timer can be removed again, and inserted again")
  func again() throws {
    var fixture = try Fixture(3)
    for knote: UInt32 in 0..<3 { try fixture.insert(knote, UInt64(knote) + 1) }
    fixture.remove(0)
    fixture.remove(0)
    try fixture.insert(0, 9)
    let drained = fixture.drain()
    #expect(drained == [2, 3, 9])
  }

  @Test("an empty heap has no first")
  func empty() throws {
    var fixture = try Fixture(1)
    try fixture.insert(0, 1)
    fixture.remove(0)
    let first = fixture.heap.first?.knote
    #expect(first == nil)
  }
}
