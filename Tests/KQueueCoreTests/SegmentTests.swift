import Testing

@testable import KQueueCore

@Suite("Segment") struct SegmentTests {
  /// What a block holds while it is taken, so that two that overlap are found.
  private static func fill(_ block: UnsafeMutableRawPointer, _ bytes: Int, _ mark: UInt8) -> Bool {
    let bytes = UnsafeMutableRawBufferPointer(start: block, count: bytes)
    guard bytes.allSatisfy({ $0 == 0 }) else { return false }
    for place in bytes.indices { bytes[place] = mark }
    return true
  }

  @Test("The first run of bits", arguments: [1, 2, 3, 5, 7, 8, 11, 16])
  func firstRun(_ units: Int) {
    let run = UInt(1) << units - 1
    #expect(Segment.firstRun(of: units, in: 0) == nil)
    #expect(Segment.firstRun(of: units, in: .max) == 0)
    for first in 0...(UInt.bitWidth - units) {
      #expect(Segment.firstRun(of: units, in: run << first) == first)
      #expect(Segment.firstRun(of: units, in: (run >> 1) << first) == nil)
    }
    // A run that is too short comes before.
    if units > 1 { #expect(Segment.firstRun(of: units, in: run << 20 | run >> 1) == 20) }
  }

  @Test("A new segment gives all its units but the first, and has them again")
  func wholeSegment() throws {
    let segment = try #require(Segment.map())
    for units in [1, 3, 16] {
      var blocks: [UnsafeMutableRawPointer] = []
      while let block = segment.take(units) { blocks.append(block) }
      let perWord = UInt.bitWidth / units
      let most = 256 / UInt.bitWidth * perWord
      #expect(blocks.count == most || blocks.count == most - 1)
      #expect(Set(blocks).count == blocks.count)
      for (number, block) in blocks.enumerated() {
        #expect(UInt(bitPattern: block) & ~0xffff == segment.address)
        #expect(Self.fill(block, units * 256, UInt8(truncatingIfNeeded: number | 1)))
      }
      for block in blocks.shuffled() { segment.giveBack(block, units) }
    }
  }

  @Test("Blocks of each size are zero, apart, and come back, though more are taken than a segment has")
  func manyBlocks() throws {
    var blocks: [(UnsafeMutableRawPointer, Int)] = []
    for round in 0..<400 {
      let bytes = round * 97 % Segment.largest + 1
      let block = try #require(Segments.take(bytes))
      #expect(Self.fill(block, bytes, UInt8(truncatingIfNeeded: round | 1)))
      blocks.append((block, bytes))
    }
    for (round, (block, bytes)) in blocks.enumerated() {
      let contents = UnsafeRawBufferPointer(start: block, count: bytes)
      #expect(contents.allSatisfy { $0 == UInt8(truncatingIfNeeded: round | 1) })
      Segments.giveBack(block, bytes)
    }
  }

  @Test("Threads that take and give back at once have blocks of their own")
  func threads() async {
    let wrong = await withTaskGroup(of: Int.self) { group in
      for thread in 1...4 {
        group.addTask {
          var wrong = 0
          for round in 0..<5000 {
            let bytes = (round &* 131 &+ thread) % Segment.largest + 1
            guard let block = Segments.take(bytes) else { return -1 }
            if !Self.fill(block, bytes, UInt8(thread)) { wrong += 1 }
            if !UnsafeRawBufferPointer(start: block, count: bytes).allSatisfy({ $0 == UInt8(thread) }) { wrong += 1 }
            Segments.giveBack(block, bytes)
          }
          return wrong
        }
      }
      return await group.reduce(0, +)
    }
    #expect(wrong == 0)
  }
}
