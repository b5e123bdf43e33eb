import CKQueueShims
import Support
import Testing

/// Closes, changes and collections of several threads, in every order in which their steps can come (C-352 to C-355).
@Suite("Orders of threads", .serialized) struct OrdersTests {
  let system = FakeSystem()
  let number: CInt

  init() {
    number = system.open()
    system.closeUnseen(number)
  }

  /// What one thread does.
  struct Deed: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let run: @Sendable (ClosingWorld) -> Void

    init(_ name: String, _ run: @escaping @Sendable (ClosingWorld) -> Void) {
      testDescription = name
      self.run = run
    }
  }

  static let deeds = [
    Deed("reuse") { $0.reuse() },
    Deed("reuse, add") {
      $0.reuse()
      $0.add()
    },
    Deed("reuse, fill, add edge") {
      $0.reuse()
      $0.fill()
      $0.add(Entry.readFilter, [.add, .clear])
    },
    Deed("close") { $0.close() },
    Deed("add") { $0.add() },
    Deed("add edge") { $0.add(Entry.readFilter, [.add, .clear]) },
    Deed("add WRITE") { $0.add(Entry.writeFilter) },
    Deed("delete") { $0.delete() },
    Deed("enable") { $0.enable() },
    Deed("fill") { $0.fill() },
    Deed("collect") { $0.collect() },
    Deed("wait") { $0.wait() },
    Deed("close the kqueue") { $0.closeQueue() },
  ]

  static func isCloser(_ deed: Deed) -> Bool {
    deed.testDescription.hasPrefix("reuse") || deed.testDescription == "close"
  }

  /// Each two, of which not both close one number: which file the second would close nobody knows.
  static let pairs = deeds.indices.flatMap { first in
    deeds.indices.filter { $0 >= first }.map { [deeds[first], deeds[$0]] }
  }.filter { $0.count(where: isCloser) < 2 }

  static let threes = deeds.indices.flatMap { first in
    deeds.indices.filter { $0 >= first }.flatMap { second in
      deeds.indices.filter { $0 >= second }.map { [deeds[first], deeds[second], deeds[$0]] }
    }
  }.filter { $0.count(where: isCloser) == 1 }

  private func explore(_ deeds: [Deed], _ beginning: (ClosingWorld) -> Void, interruptions: Int) throws -> Int {
    try Orders(interruptions: interruptions).explore {
      let world = try ClosingWorld(system, number)
      beginning(world)
      return Orders.Scenario(deeds.map { deed in { deed.run(world) } }) { try world.check() }
    }
  }

  @Test("two threads", arguments: pairs)
  func two(_ deeds: [Deed]) throws {
    var count = 0
    for beginning in Self.beginnings { count += try explore(deeds, beginning, interruptions: 3) }
    #expect(count > 5)
  }

  @Test("three threads", arguments: threes)
  func three(_ deeds: [Deed]) throws {
    var count = 0
    for beginning in Self.beginnings { count += try explore(deeds, beginning, interruptions: 1) }
    #expect(count > 5)
  }

  /// What was there before.
  static let beginnings: [@Sendable (ClosingWorld) -> Void] = [
    { _ in },
    {
      $0.add(Entry.readFilter, [.add, .clear])
      $0.fill()
    },
    {
      $0.add()
      $0.add(Entry.writeFilter)
    },
    { $0.duplicate() },
    {
      $0.duplicate()
      $0.add(Entry.readFilter, [.add, .clear])
      $0.fill()
    },
  ]
}
