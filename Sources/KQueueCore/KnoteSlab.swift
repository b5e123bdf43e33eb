import CKQueueShims

/// All knotes of a kqueue, in places that are used again.
public struct KnoteSlab<PlatformState: BitwiseCopyable>: ~Copyable {
  public typealias Pointer = UnsafeMutablePointer<Knote<PlatformState>>

  private var places = ChunkedArray<Knote<PlatformState>>()
  /// Places ever used; those behind it are untouched memory.
  private(set) var used = 0
  /// Knotes that are registered.
  private(set) var count = 0
  private var firstFree: UInt32 = 0

  /// The knote in a place that is or was in use.
  @inline(__always)
  public subscript(index: UInt32) -> Pointer {
    places[Int(index)]
  }

  /// The knote that a token names, or nil where its place is free or another's by now.
  @inline(__always)
  public func find(_ token: KnoteToken) -> Pointer? {
    guard token.index < used else { return nil }
    let knote = self[token.index]
    return knote.pointee.generation == token.generation && knote.pointee.status.contains(.live) ? knote : nil
  }

  /// Goes through all knotes: the next registered one from a place on, which moves behind it.
  public func next(_ place: inout UInt32) -> UInt32? {
    while place < used {
      place += 1
      if self[place - 1].pointee.status.contains(.live) { return place - 1 }
    }
    return nil
  }

  /// Where the next knote will be.
  var nextPlace: UInt32 {
    firstFree != 0 ? firstFree - 1 : UInt32(used)
  }

  /// A zeroed place, marked live.
  /// - Throws: ENOMEM.
  mutating func allocate() throws(Errno) -> UInt32 {
    let index: UInt32
    if firstFree != 0 {
      index = firstFree - 1
      firstFree = self[index].pointee.next
      self[index].pointee.next = 0
    } else {
      guard used < UInt32.max / 2 else { throw Errno(ENOMEM) }
      _ = try places.grow(to: used)
      index = UInt32(used)
      used += 1
    }
    self[index].pointee.status = .live
    count += 1
    return index
  }

  /// Gives a place back. Tokens made for it are void from now on.
  mutating func free(_ index: UInt32) {
    let knote = self[index]
    let generation = knote.pointee.generation &+ 1
    UnsafeMutableRawPointer(knote).initializeMemory(
      as: UInt8.self, repeating: 0, count: MemoryLayout<Knote<PlatformState>>.stride)
    // The kernel is given 31 bits; see KnoteToken's users.
    knote.pointee.generation = generation & 0x7fff_ffff
    putFree(index)
  }

  /// Forgets which places are free, and that any is in use; `putFree` tells it anew.
  mutating func forgetFree() {
    firstFree = 0
    count = used
  }

  mutating func putFree(_ index: UInt32) {
    self[index].pointee.next = firstFree
    firstFree = index + 1
    count -= 1
  }

  mutating func removeAll() {
    places.removeAll()
    used = 0
    count = 0
    firstFree = 0
  }
}
