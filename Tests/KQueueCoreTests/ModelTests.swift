import CKQueueShims
import Support
import Testing

@testable import KQueueCore

/// Random changes and collections, compared with the reference model.
@Suite("Against a model") struct ModelTests {
  /// A kqueue and the model that it should be like.
  private final class Pair {
    let system = FakeSystem()
    let queue: FakeQueue
    var model = ReferenceModel()
    var generator: SeededGenerator
    private var steps: [String] = []
    let descriptors: [CInt]

    init(seed: UInt64) throws {
      queue = try FakeQueue(on: system)
      generator = SeededGenerator(seed: seed)
      descriptors = [system.open(), system.open(), system.open(.recorded)]
    }

    func note(_ step: String) {
      steps.append(step)
    }

    /// The steps that led here, as far as they may matter.
    var history: String {
      steps.suffix(30).joined(separator: "\n")
    }

    func choose<Element>(_ choices: [Element]) -> Element {
      choices.randomElement(using: &generator)!
    }
  }

  @Test("3.1, 3.2, 6.10 random changes and collections", arguments: 1...150 as ClosedRange<UInt64>)
  func random(seed: UInt64) throws {
    let pair = try Pair(seed: seed)
    for _ in 0..<120 {
      try step(pair)
      try checkReadable(pair)
      try checkLists(pair)
    }
  }

  private func step(_ pair: Pair) throws {
    switch Int.random(in: 0..<10, using: &pair.generator) {
    case 0..<4: try change(pair, randomChange(pair))
    case 4: try change(pair, randomAdd(pair))
    case 5: fill(pair)
    case 6: drain(pair)
    default: try collect(pair, room: pair.choose([1, 1, 2, 3, 20]))
    }
  }

  // MARK: Steps

  private func randomName(_ pair: Pair) -> Entry {
    let udata = UInt.random(in: 0..<100, using: &pair.generator)
    if Bool.random(using: &pair.generator) { return .read(pair.choose(pair.descriptors), udata: udata) }
    let notes = pair.choose([[], .trigger, .trigger] as [Notes]).union(pair.choose([[], .and, .or, .copy]))
    let bits = Notes.bits(UInt32.random(in: 0..<16, using: &pair.generator))
    let data = Int.random(in: -5..<5, using: &pair.generator)
    return .user(UInt.random(in: 0..<3, using: &pair.generator), [], notes.union(bits), data: data, udata: udata)
  }

  private func randomAdd(_ pair: Pair) -> Entry {
    var change = randomName(pair)
    change.flags = [.add]
    for flag: Flags in [.clear, .oneshot, .dispatch, .receipt, .disable]
    where Int.random(in: 0..<4, using: &pair.generator) == 0 { change.flags.insert(flag) }
    return change
  }

  private func randomChange(_ pair: Pair) -> Entry {
    var change = randomName(pair)
    change.flags = pair.choose([
      .add, .delete, .enable, .enable, .disable, [], .keepUdata, [.enable, .keepUdata], .clear, [.add, .clear],
      [.add, .disable], [.add, .enable],
    ])
    return change
  }

  private func change(_ pair: Pair, _ change: Entry) throws {
    pair.note("change \(change)")
    let expected = pair.model.apply(change)
    var code: CInt = 0
    do { try pair.queue.change(change) } catch let error as Errno { code = error.code }
    try #require(code == expected, "\(pair.history)")
  }

  private func fill(_ pair: Pair) {
    let descriptor = pair.choose(pair.descriptors)
    pair.note("fill \(descriptor)")
    pair.system.fill(descriptor, 3)
    pair.model.fill(UInt(descriptor), 3)
  }

  private func drain(_ pair: Pair) {
    let descriptor = pair.choose(pair.descriptors)
    pair.note("drain \(descriptor)")
    pair.system.drain(descriptor)
    pair.model.drain(UInt(descriptor))
  }

  private func collect(_ pair: Pair, room: Int) throws {
    let expected = pair.model.deliverable
    let waits = Bool.random(using: &pair.generator)
    let events = waits ? try pair.queue.wait(1000, room: room) : try pair.queue.collect(room: room)
    pair.note("collect \(room) waiting \(waits): \(events)")
    // With room for all, all come; a shorter eventlist may be left short where queued conditions have gone.
    let fewest = room >= expected.count + pair.descriptors.count ? expected.count : min(1, expected.count)
    try #require((fewest...max(fewest, room)).contains(events.count), "of \(expected) after \(pair.history)")
    let names = events.map { ReferenceModel.Name(filter: $0.filter, ident: $0.ident) }
    try #require(Set(names).count == names.count, "\(pair.history)")
    for (name, event) in zip(names, events) {
      try #require(expected[name] == event, "\(pair.history)")
      pair.model.deliver(name)
    }
  }

  // MARK: Checks

  /// The kqueue's descriptor is readable while anything can be delivered (C-099, C-100).
  private func checkReadable(_ pair: Pair) throws {
    guard !pair.model.deliverable.isEmpty else { return }
    try #require(pair.queue.kernel.isReadable, "\(pair.history)")
  }

  /// The counts of the ready list are those of the knotes in it.
  private func checkLists(_ pair: Pair) throws {
    let queue = try #require(pair.system.registry.find(pair.queue.number)).queue
    var (queued, held) = (0, 0)
    for place in 0..<UInt32(queue.pointee.knotes.used) {
      let status = queue.pointee.knotes[place].status
      guard status.contains(.queued) else { continue }
      queued += 1
      if status.contains(.held) { held += 1 }
    }
    let ready = queue.pointee.ready
    try #require(ready.count == queued && ready.held == held, "\(pair.history)")
  }
}
