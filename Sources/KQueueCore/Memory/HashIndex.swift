import CKQueueShims

/// A hash table of 32-bit values that stand for things kept elsewhere: open addressing, linear probing.
///
/// The callers hash and compare; several values may share a key.
public struct HashIndex: ~Copyable {
  private static var removed: UInt32 { .max }
  /// Few enough that a kqueue which watches little touches no page for it: a process that was forked pays for each.
  private static var smallest: Int { 128 }

  private var slots: UnsafeMutablePointer<UInt32>?  // 0: empty; value + 1
  private var capacity = 0
  /// Slots that are not empty, removed ones included.
  private var occupied = 0
  private var count = 0

  public init() {}

  /// Spreads a key over all bits.
  @inline(__always)
  public static func hash(_ key: UInt) -> UInt {
    let product = UInt64(key) &* 0x9e37_79b9_7f4a_7c15
    return UInt(truncatingIfNeeded: product ^ (product >> 32))
  }

  /// The first value of this hash for which `matches` holds.
  @inline(__always)
  public func find(_ hash: UInt, _ matches: (UInt32) -> Bool) -> UInt32? {
    guard let slots else { return nil }
    var place = Int(hash & UInt(capacity - 1))
    while slots[place] != 0 {
      let slot = slots[place]
      if slot != Self.removed, matches(slot - 1) { return slot - 1 }
      place = (place + 1) & (capacity - 1)
    }
    return nil
  }

  /// Calls `body` with each value.
  public func visit(_ body: (UInt32) -> Void) {
    guard let slots else { return }
    for place in 0..<capacity where slots[place] != 0 && slots[place] != Self.removed { body(slots[place] - 1) }
  }

  /// Makes room for one more, so that `insert` cannot fail.
  /// - Parameter hashOf: the hash of a value that is in the table.
  /// - Throws: ENOMEM.
  public mutating func reserve(_ hashOf: (UInt32) -> UInt) throws(Errno) {
    guard slots == nil || (occupied + 1) * 4 > capacity * 3 else { return }
    let size = slots == nil ? Self.smallest : (count + 1) * 2 > capacity ? capacity * 2 : capacity
    let fresh = try Arena.map(UInt32.self, count: size)
    let (old, oldCapacity) = (slots, capacity)
    slots = fresh
    capacity = size
    occupied = 0
    count = 0
    guard let old else { return }
    for place in 0..<oldCapacity where old[place] != 0 && old[place] != Self.removed {
      insert(hashOf(old[place] - 1), old[place] - 1)
    }
    Arena.unmap(old, count: oldCapacity)
  }

  /// Inserts a value for which `reserve` made room.
  public mutating func insert(_ hash: UInt, _ value: UInt32) {
    guard let slots else { bug("insert into an index without room") }
    var place = Int(hash & UInt(capacity - 1))
    while slots[place] != 0 && slots[place] != Self.removed { place = (place + 1) & (capacity - 1) }
    if slots[place] == 0 { occupied += 1 }
    slots[place] = value + 1
    count += 1
  }

  public mutating func remove(_ hash: UInt, _ value: UInt32) {
    guard let slots else { return }
    var place = Int(hash & UInt(capacity - 1))
    while slots[place] != value + 1 {
      guard slots[place] != 0 else { return }
      place = (place + 1) & (capacity - 1)
    }
    // Nothing was probed past an end of a run, so there no mark is needed.
    let endsRun = slots[(place + 1) & (capacity - 1)] == 0
    slots[place] = endsRun ? 0 : Self.removed
    if endsRun { occupied -= 1 }
    count -= 1
  }

  public mutating func removeAll() {
    if let slots { Arena.unmap(slots, count: capacity) }
    slots = nil
    capacity = 0
    occupied = 0
    count = 0
  }
}
