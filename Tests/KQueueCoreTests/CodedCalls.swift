import CKQueueShims
import Foundation
import Support
import Testing

@testable import KQueueCore

/// Calls coded in bytes, made on a kqueue of the fake platform and compared with the reference model.
///
/// A call is four bytes, of which the first says what it is; whatever they are, they mean something.
final class CodedCalls {
  private let system = FakeSystem()
  private let queue: FakeQueue
  private var model = ReferenceModel()
  private let descriptors: [CInt]
  private var steps: [String] = []
  private(set) var calls = 0

  init() throws {
    queue = try FakeQueue(on: system)
    descriptors = [system.open(), system.open(), system.open(.recorded)]
    model.monotonic = Int(system.monotonic)
    model.realtime = Int(system.realtime)
  }

  /// Makes the calls.
  /// - Throws: where one differs, with the calls that led there.
  func run(_ bytes: some Collection<UInt8>) throws {
    var rest = bytes[...]
    while rest.count >= 4 {
      try step(Array(rest.prefix(4)))
      rest = rest.dropFirst(4)
      if !model.deliverable.isEmpty { try #require(queue.kernel.isReadable, "C-351 \(history)") }
    }
  }

  private var history: String {
    steps.suffix(40).joined(separator: "\n")
  }

  private func step(_ code: [UInt8]) throws {
    let descriptor = descriptors[Int(code[1]) % descriptors.count]
    switch code[0] % 16 {
    case 0:
      steps.append("fill \(descriptor)")
      system.fill(descriptor, 3)
      model.fill(UInt(descriptor), 3)
    case 1:
      steps.append("drain \(descriptor)")
      system.drain(descriptor)
      model.drain(UInt(descriptor))
    case 2:
      let number = UInt(code[1] % 2) + 1
      steps.append("raise \(number)")
      system.raise(number)
      model.raise(number)
    case 3:
      let time = (Int(code[1]) + 1) * 1_000_000
      steps.append("advance \(time)")
      system.advance(UInt64(time))
      model.advance(time)
    case 4..<11: try change(decode(code))
    default: try collect(room: [1, 1, 2, 3, 20][Int(code[1]) % 5])
    }
  }

  // MARK: Changes

  private func decode(_ code: [UInt8]) -> Entry {
    let flags = flags(code[1])
    let (udata, number) = (UInt(code[3]), UInt(code[2] & 3))
    switch code[0] % 16 {
    case 4, 5: return .read(descriptors[Int(code[2]) % descriptors.count], flags, udata: udata)
    case 6, 7:
      let notes = Notes.bits(UInt32(code[2] >> 2 & 15)).union(code[3] & 1 == 0 ? [] : .trigger)
      let operation: [Notes] = [[], .and, .or, .copy]
      return .user(number, flags, notes.union(operation[Int(code[3] >> 1 & 3)]), data: Int(code[3]) - 9, udata: udata)
    case 8: return .signal(number & 1 + 1, flags, udata: udata)
    default: return timer(number, flags, code, udata)
    }
  }

  /// One-shot, or by the wall clock: what has one expiry. Its time is never a full second, which waits for time(2).
  private func timer(_ number: UInt, _ flags: Flags, _ code: [UInt8], _ udata: UInt) -> Entry {
    let interval = Int(code[3]) + 1
    if number == 3 {
      let time = model.realtime / 1_000_000 + interval - 60
      return .timer(number, flags, time % 1000 == 0 ? time + 1 : time, .absolute, udata: udata)
    }
    return .timer(number, flags.contains(.add) ? flags.union(.oneshot) : flags, interval, udata: udata)
  }

  private func flags(_ code: UInt8) -> Flags {
    let usual: [Flags] = [
      .add, .add, [.add, .clear], [.add, .oneshot], [.add, .dispatch], [.add, .clear, .dispatch], [.add, .disable],
      [.add, .receipt, .disable], .delete, .enable, .enable, .disable, [], .keepUdata, [.enable, .keepUdata],
      [.add, .enable],
    ]
    return usual[Int(code) % usual.count]
  }

  private func change(_ change: Entry) throws {
    steps.append("change \(change)")
    calls += 1
    let expected = model.apply(change)
    var code: CInt = 0
    do { try queue.change(change) } catch let error as Errno { code = error.code }
    try #require(code == expected, "errno \(code), right is \(expected), after \(history)")
  }

  // MARK: Events

  private func collect(room: Int) throws {
    let expected = model.deliverable
    let events = try queue.collect(room: room)
    calls += 1
    steps.append("collect \(room): \(events)")
    let fewest = room >= expected.count + descriptors.count ? expected.count : min(1, expected.count)
    try #require((fewest...max(fewest, room)).contains(events.count), "of \(expected) after \(history)")
    let names = events.map { ReferenceModel.Name(filter: $0.filter, ident: $0.ident) }
    try #require(Set(names).count == names.count, "C-352 \(history)")
    for (name, event) in zip(names, events) {
      try #require(expected[name] == event, "right is \(String(describing: expected[name])) after \(history)")
      model.deliver(name)
    }
  }
}

@Suite("Calls coded in bytes") struct CodedCallsTests {
  @Test("3.1 to 3.4, 6.8 to 6.10 random bytes", arguments: 1...100 as ClosedRange<UInt64>)
  func random(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    try CodedCalls().run((0..<2000).map { _ in UInt8.random(in: 0...255, using: &generator) })
  }

  /// The inputs that are kept: Tests/Fuzz/corpus-core.
  @Test("3.1 to 3.4, 6.8 to 6.10 inputs that are kept", arguments: try inputs())
  func kept(input: URL) throws {
    try CodedCalls().run([UInt8](Data(contentsOf: input)))
  }

  private static func inputs() throws -> [URL] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../Fuzz/corpus-core")
    return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
  }
}
