import Support
import Testing

@testable import KQueueCore

@Suite("HashIndex") struct HashIndexTests {
  /// An index over values whose key is `value % keys`, and the set that it should be like.
  private struct Fixture: ~Copyable {
    var index = HashIndex()
    var model: Set<UInt32> = []
    let hash: (UInt32) -> UInt

    init(hash: @escaping (UInt32) -> UInt) {
      self.hash = hash
    }

    mutating func insert(_ value: UInt32) throws {
      try index.reserve(hash)
      index.insert(hash(value), value)
      model.insert(value)
    }

    mutating func remove(_ value: UInt32) {
      index.remove(hash(value), value)
      model.remove(value)
    }

    func has(_ value: UInt32) -> Bool {
      index.find(hash(value)) { $0 == value } == value
    }

    func agrees(about values: Range<UInt32>) -> Bool {
      values.allSatisfy { has($0) == model.contains($0) }
    }

    deinit {
      var index = index
      index.removeAll()
    }
  }

  @Test("random insertions and removals agree with a set", arguments: 1...6 as ClosedRange<UInt64>)
  func random(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    var fixture = Fixture { HashIndex.hash(UInt($0)) }
    for round in 0..<20 {
      for _ in 0..<1000 {
        let value = UInt32.random(in: 0..<3000, using: &generator)
        if fixture.model.contains(value) { fixture.remove(value) } else { try fixture.insert(value) }
      }
      let agrees = fixture.agrees(about: 0..<3000)
      try #require(agrees, "round \(round)")
    }
  }

  @Test("values whose hashes collide are told apart, and survive removals among them")
  func collisions() throws {
    var fixture = Fixture { _ in 1020 }  // near the end of the first table, so that probing wraps
    for value: UInt32 in 0..<20 { try fixture.insert(value) }
    for value: UInt32 in stride(from: 0, to: 20, by: 3) { fixture.remove(value) }
    let agrees = fixture.agrees(about: 0..<20)
    #expect(agrees)
  }

  @Test("a removed slot is used again")
  func tombstones() throws {
    var fixture = Fixture { _ in 5 }
    for value: UInt32 in 0..<3 { try fixture.insert(value) }
    fixture.remove(1)
    try fixture.insert(7)
    let agrees = fixture.agrees(about: 0..<10)
    #expect(agrees)
  }

  @Test("churn of few values in a small table never fills it with marks")
  func churn() throws {
    var fixture = Fixture { HashIndex.hash(UInt($0)) }
    for value: UInt32 in 0..<20_000 {
      try fixture.insert(value)
      if value >= 10 { fixture.remove(value - 10) }
    }
    let agrees = fixture.agrees(about: 19_900..<20_010)
    let (count, marks) = (fixture.model.count, fixture.has(1))
    #expect(agrees)
    #expect(count == 10)
    #expect(!marks)
  }

  @Test("all values are found after the table has grown")
  func growth() throws {
    var fixture = Fixture { HashIndex.hash(UInt($0)) }
    for value: UInt32 in 0..<20_000 { try fixture.insert(value) }
    let agrees = fixture.agrees(about: 0..<20_100)
    #expect(agrees)
  }

  @Test("an empty index finds nothing, also after removeAll")
  func empty() throws {
    var fixture = Fixture { UInt($0) }
    let before = fixture.has(0)
    try fixture.insert(0)
    fixture.index.removeAll()
    let after = fixture.has(0)
    #expect(!before)
    #expect(!after)
  }

  @Test("several values may share a key; the comparison chooses")
  func sharedKey() throws {
    var fixture = Fixture { _ in 77 }
    for value: UInt32 in 0..<5 { try fixture.insert(value) }
    var seen: Set<UInt32> = []
    _ = fixture.index.find(77) {
      seen.insert($0)
      return false
    }
    #expect(seen == [0, 1, 2, 3, 4])
  }

  @Test("removing a value that is not there changes nothing")
  func absent() throws {
    var fixture = Fixture { _ in 3 }
    try fixture.insert(1)
    fixture.remove(2)
    let agrees = fixture.agrees(about: 0..<5)
    #expect(agrees)
  }
}
