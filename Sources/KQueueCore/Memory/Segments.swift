import CKQueueShims
import Synchronization

/// Small blocks of memory, cut from segments that are kept until the process ends: as long as a segment has room, a
/// kqueue is made, used and dropped without a system call for memory.
///
/// Taking a block sets its bits in the head of the segment at once, and giving it back clears them: no lock is taken,
/// both are async-signal-safe, and a thread that a handler's jump takes out of either loses a block at the most. What
/// is not taken is zero. In a forked child the segments are empty, their heads too.
enum Segments {
  /// Takes a block of zeroed memory.
  /// - Returns: nil where there is no memory.
  static func take(_ bytes: Int) -> UnsafeMutableRawPointer? {
    let units = Segment.units(bytes)
    if let segment = Segment(address: kept.pointee.roomy.load(ordering: .acquiring)), let block = segment.take(units) {
      return block
    }
    var next = Segment(address: kept.pointee.newest.load(ordering: .acquiring))
    while let segment = next {
      if let block = segment.take(units) {
        kept.pointee.roomy.store(segment.address, ordering: .releasing)
        return block
      }
      next = segment.older
    }
    return takeFromFresh(units)
  }

  /// Gives a block back. Async-signal-safe.
  static func giveBack(_ block: UnsafeMutableRawPointer, _ bytes: Int) {
    let segment = Segment(of: block)
    segment.giveBack(block, Segment.units(bytes))
    kept.pointee.roomy.store(segment.address, ordering: .releasing)
  }

  static func abandonParentMemory() {
    kept.pointee.roomy.store(0, ordering: .relaxed)
    kept.pointee.newest.store(0, ordering: .relaxed)
  }

  private static func takeFromFresh(_ units: Int) -> UnsafeMutableRawPointer? {
    guard let fresh = Segment.map() else { return nil }
    let block = fresh.take(units)
    add(fresh)
    return block
  }

  /// Puts a new one before the others.
  @inline(never)
  static func add(_ fresh: Segment) {
    var first = kept.pointee.newest.load(ordering: .acquiring)
    while true {
      fresh.follow(first)
      let swap = kept.pointee.newest.compareExchange(
        expected: first, desired: fresh.address, ordering: .acquiringAndReleasing)
      if swap.exchanged { break }
      first = swap.original
    }
    kept.pointee.roomy.store(fresh.address, ordering: .releasing)
  }
}

/// The addresses of the segments, in C's memory, since a closer in a handler gives blocks back.
struct Kept: ~Copyable {
  /// The segment that was mapped last; each leads to the one before.
  let newest: Atomic<UInt>
  /// One that had room when it was looked at last, or 0.
  let roomy: Atomic<UInt>
}

private var kept: UnsafeMutablePointer<Kept> {
  @inline(__always) get { kq_segments().assumingMemoryBound(to: Kept.self) }
}

/// 64 KiB, cut into units. The first unit is the head: the address of the segment before, and a bit for each unit that
/// is taken. All-zero bytes are an empty segment.
struct Segment {
  /// The size of a segment, which begins at a multiple of it.
  private static var size: Int { 1 << 16 }
  private static var unit: Int { 256 }
  private static var words: Int { size / unit / UInt.bitWidth }
  /// The largest block; its bits have to stand in one word.
  static var largest: Int { 16 * unit }

  private let head: UnsafeMutablePointer<Atomic<UInt>>

  init?(address: UInt) {
    guard let head = UnsafeMutablePointer<Atomic<UInt>>(bitPattern: address) else { return nil }
    self.head = head
  }

  /// The segment that a block was cut from.
  init(of block: UnsafeMutableRawPointer) {
    let offset = Int(bitPattern: block) & (Self.size - 1)
    head = (block - offset).assumingMemoryBound(to: Atomic<UInt>.self)
  }

  /// So many bytes hold a whole segment, wherever they begin.
  static var bytesToPlace: Int { 2 * size }

  /// The segment in `bytesToPlace` bytes that are zero and unused.
  static func place(in memory: UnsafeMutableRawPointer) -> Segment {
    let fresh = Segment(of: memory + size - 1)
    // A page whose first access is a read costs two faults, one for the zero page and one for the write; so it is
    // written first.
    fresh.follow(0)
    return fresh
  }

  /// A new one. What is mapped to have it begin at a multiple of its size is given back.
  static func map() -> Segment? {
    guard let memory = kq_map(bytesToPlace) else { return nil }
    let fresh = place(in: memory)
    let before = UnsafeMutableRawPointer(fresh.head) - memory
    if before > 0 { kq_unmap(memory, before) }
    kq_unmap(memory + before + size, size - before)
    return fresh
  }

  static func units(_ bytes: Int) -> Int {
    (bytes + unit - 1) / unit
  }

  var address: UInt {
    UInt(bitPattern: head)
  }

  var older: Segment? {
    Segment(address: head[0].load(ordering: .acquiring))
  }

  /// Puts it before the one that was mapped last. Nobody else knows of it yet.
  func follow(_ older: UInt) {
    head[0].store(older, ordering: .releasing)
  }

  /// Takes units that follow one another, where there are so many.
  func take(_ units: Int) -> UnsafeMutableRawPointer? {
    for place in 0..<Self.words {
      let own: UInt = place == 0 ? 1 : 0
      var taken = head[1 + place].load(ordering: .relaxed)
      while let first = Self.firstRun(of: units, in: ~(taken | own)) {
        let swap = head[1 + place].compareExchange(
          expected: taken, desired: taken | Self.run(units, first), ordering: .acquiringAndReleasing)
        if swap.exchanged { return block(place * UInt.bitWidth + first) }
        taken = swap.original
      }
    }
    return nil
  }

  func giveBack(_ block: UnsafeMutableRawPointer, _ units: Int) {
    block.initializeMemory(as: UInt8.self, repeating: 0, count: units * Self.unit)
    let number = (Int(bitPattern: block) & (Self.size - 1)) / Self.unit
    let run = Self.run(units, number % UInt.bitWidth)
    head[1 + number / UInt.bitWidth].bitwiseAnd(~run, ordering: .releasing)
  }

  private func block(_ number: Int) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(head) + number * Self.unit
  }

  private static func run(_ units: Int, _ first: Int) -> UInt {
    (1 << units - 1) << first
  }

  /// The first of so many bits that are set one after the other, or nil.
  static func firstRun(of units: Int, in bits: UInt) -> Int? {
    var (starts, length) = (bits, 1)
    // Of each length, where a run of it starts; the next is up to twice as long.
    while length < units {
      let more = min(length, units - length)
      starts &= starts >> more
      length += more
    }
    return starts == 0 ? nil : starts.trailingZeroBitCount
  }
}
