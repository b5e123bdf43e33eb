import KQueueCore
import Support
import Testing

/// C-086: with k ready level knotes and room n, ceil(k/n) calls report each, and none comes twice before all
/// came once.
@Suite("Fairness") struct FairnessTests {
  let system = FakeSystem()
  let queue: FakeQueue

  init() throws {
    queue = try FakeQueue(on: system)
  }

  private struct Name: Hashable {
    let filter: Int16
    let ident: UInt

    init(_ entry: Entry) {
      filter = entry.filter
      ident = entry.ident
    }
  }

  /// Collects rounds over `count` ready level knotes.
  private func checkRounds(_ count: Int, room: Int, _ location: SourceLocation = #_sourceLocation) throws {
    var seen: Set<Name> = []
    for call in 0..<(count + room - 1) / room {
      let names = try queue.collect(room: room).map(Name.init)
      #expect(Set(names).count == names.count, "one call reports none twice", sourceLocation: location)
      let comesAgain = names.contains { seen.contains($0) }
      let completes = seen.union(names).count == count
      #expect(!comesAgain || completes, "call \(call) repeats before all came: \(names)", sourceLocation: location)
      seen.formUnion(names)
    }
    #expect(seen.count == count, sourceLocation: location)
  }

  @Test("C-086 descriptors alone", arguments: 1...12)
  func descriptors(room: Int) throws {
    for _ in 0..<10 { try queue.change(.read(system.open(readable: 1), .add)) }
    try checkRounds(10, room: room)
  }

  @Test("C-086 USER knotes alone", arguments: 1...12)
  func users(room: Int) throws {
    for ident: UInt in 0..<10 { try queue.change(.user(ident, .add, .trigger)) }
    try checkRounds(10, room: room)
  }

  @Test("C-086 descriptors, files and USER knotes mixed", arguments: 1...12)
  func mixed(room: Int) throws {
    for ident: UInt in 0..<4 {
      try queue.change(.user(ident, .add, .trigger), .read(system.open(readable: 1), .add))
      try queue.change(.read(system.open(readable: 1, .recorded), .add), .write(system.open(writable: 1), .add))
    }
    try checkRounds(16, room: room)
  }

  @Test("C-086 in every round, not only the first", arguments: 1...7)
  func laterRounds(room: Int) throws {
    for ident: UInt in 0..<3 {
      try queue.change(.user(ident, .add, .trigger), .read(system.open(readable: 1), .add))
    }
    for _ in 0..<5 {
      // Whole rounds, so that the next begins where this one ended.
      for _ in 0..<room { try checkRounds(6, room: 1) }
      try checkRounds(6, room: room)
    }
  }

  @Test("C-086 whatever was ready and collected before", arguments: 1...40 as ClosedRange<UInt64>)
  func afterHistory(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let descriptors = (0..<5).map { _ in system.open() }
    for descriptor in descriptors { try queue.change(.read(descriptor, .add)) }
    for ident: UInt in 0..<3 { try queue.change(.user(ident, .add)) }
    for _ in 0..<Int.random(in: 0..<20, using: &generator) {
      let descriptor = descriptors.randomElement(using: &generator)!
      if Bool.random(using: &generator) { system.fill(descriptor, 1) } else { system.drain(descriptor) }
      let ident = UInt.random(in: 0..<3, using: &generator)
      try queue.change(
        .user(ident, Bool.random(using: &generator) ? .clear : [], [.trigger, []].randomElement(using: &generator)!))
      _ = try queue.collect(room: Int.random(in: 1...4, using: &generator))
    }
    for descriptor in descriptors { system.fill(descriptor, 1) }
    for ident: UInt in 0..<3 { try queue.change(.user(ident, [], .trigger)) }
    try checkRounds(8, room: Int.random(in: 1...5, using: &generator))
  }

  @Test("C-086 a descriptor that becomes ready while others wait their turn is not passed over")
  func latecomer() throws {
    let late = system.open()
    for descriptor in (0..<4).map({ _ in system.open(readable: 1) }) + [late] {
      try queue.change(.read(descriptor, .add))
    }
    // What does not fit beside the trigger stands in the queue when the fifth becomes ready.
    try queue.change(.user(1, [.add, .clear], .trigger))
    #expect(try queue.collect(room: 1).map(\.filter) == [-11])
    system.fill(late, 1)
    try checkRounds(5, room: 1)
  }
}
