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
    kq_order_stores()
    self[index].pointee.status = .live
    count += 1
    return index
  }

  /// A knote is made: from here on a repair keeps it.
  @inline(__always)
  func complete(_ index: UInt32) {
    kq_order_stores()
    self[index].pointee.status.insert(.whole)
    kq_order_stores()
  }

  /// A knote is about to be removed: from here on a repair frees it.
  @inline(__always)
  func beginRemoval(_ index: UInt32) {
    self[index].pointee.status.remove(.whole)
    kq_order_stores()
  }

  /// Gives a place back. Tokens made for it are void from now on.
  mutating func free(_ index: UInt32) {
    beginRemoval(index)
    // The kernel is given 31 bits; see KnoteToken's users. First, and by one store, so that it never goes back.
    self[index].pointee.generation = (self[index].pointee.generation &+ 1) & 0x7fff_ffff
    kq_order_stores()
    self[index].pointee.clear()
    putFree(index)
  }

  /// Forgets which places are free, and that any is in use; `free` tells it anew.
  mutating func forgetFree() {
    // The place that was taken last may not be counted yet.
    while let knote = places.existing(used), knote.pointee.status.contains(.live) { used += 1 }
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

extension Knote {
  /// Whether it is made, and not being removed.
  var isWhole: Bool {
    status.contains(.whole) && Filter(rawValue: filter) != nil
  }

  /// Makes the place as it was before its first use, but for the generation.
  fileprivate mutating func clear() {
    status = KnoteStatus()
    ident = 0
    udata = nil
    data = 0
    (fflags, filter, flags) = (0, 0, 0)
    (occurrence, next, previous, link) = (0, 0, 0, 0)
    withUnsafeMutableBytes(of: &platform) { _ = $0.initializeMemory(as: UInt8.self, repeating: 0) }
  }
}
