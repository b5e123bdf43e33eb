import CKQueueShims

/// All knotes of a kqueue, in places that are used again.
public struct KnoteSlab<PlatformState: BitwiseCopyable>: ~Copyable {
  public typealias KnoteRef = KQueueCore.KnoteRef<PlatformState>

  private var places = ChunkedArray<Knote<PlatformState>>()
  /// Places ever used; those behind it are untouched memory.
  private(set) var used = 0
  /// Knotes that are registered.
  private(set) var count = 0
  private var firstFree = KnoteLink.none

  /// The knote in a place that is or was in use.
  @inline(__always)
  public subscript(index: UInt32) -> KnoteRef {
    KnoteRef(index, places[Int(index)])
  }

  /// The knote that a link leads to.
  @inline(__always)
  public subscript(link: KnoteLink) -> KnoteRef? {
    link == .none ? nil : self[link.rawValue &- 1]
  }

  /// The knote that a token names, or nil where its place is free or another's by now.
  @inline(__always)
  public func find(_ token: KnoteToken) -> KnoteRef? {
    guard token.index < used else { return nil }
    let knote = self[token.index]
    return knote.generation == token.generation && knote.status.contains(.live) ? knote : nil
  }

  /// Iterates over all knotes: the next registered one from a place on, which moves behind it.
  public func next(_ place: inout UInt32) -> KnoteRef? {
    while place < used {
      place += 1
      let knote = self[place - 1]
      if knote.status.contains(.live) { return knote }
    }
    return nil
  }

  /// Where the next knote will be.
  var nextPlace: UInt32 {
    firstFree.index ?? UInt32(used)
  }

  /// A zeroed place, marked live.
  /// - Throws: ENOMEM.
  mutating func allocate() throws(Errno) -> KnoteRef {
    let knote: KnoteRef
    if let free = self[firstFree] {
      knote = free
      firstFree = knote.next
      knote.next = .none
    } else {
      guard used < UInt32.max / 2 else { throw Errno(ENOMEM) }
      knote = KnoteRef(UInt32(used), try places.grow(to: used))
      used += 1
    }
    kq_order_stores()
    knote.status = .live
    count += 1
    return knote
  }

  /// A knote is made: from here on a repair keeps it.
  @inline(__always)
  func complete(_ knote: KnoteRef) {
    kq_order_stores()
    knote.status.insert(.whole)
    kq_order_stores()
  }

  /// A knote is about to be removed: from here on a repair frees it.
  @inline(__always)
  func beginRemoval(_ knote: KnoteRef) {
    knote.status.remove(.whole)
    kq_order_stores()
  }

  /// Gives a place back. Tokens made for it are void from now on.
  mutating func free(_ knote: KnoteRef) {
    beginRemoval(knote)
    // The kernel is given 31 bits; see KnoteToken's users. First, and by one store, so that it never goes back.
    knote.generation = (knote.generation &+ 1) & 0x7fff_ffff
    kq_order_stores()
    knote.record.clear()
    putFree(knote)
  }

  /// Forgets which places are free, and that any is in use; `free` tells it anew.
  mutating func forgetFree() {
    // The place that was taken last may not be counted yet.
    while let knote = places.existing(used), knote.pointee.status.contains(.live) { used += 1 }
    firstFree = .none
    count = used
  }

  mutating func putFree(_ knote: KnoteRef) {
    knote.next = firstFree
    firstFree = KnoteLink(knote.index)
    count -= 1
  }

  mutating func removeAll() {
    places.removeAll()
    used = 0
    count = 0
    firstFree = .none
  }
}

extension KnoteRef {
  /// Whether it is made, and not being removed.
  var isWhole: Bool {
    status.contains(.whole) && Filter(rawValue: filter) != nil
  }
}

extension Knote {
  /// Makes the place as it was before its first use, but for the generation.
  fileprivate mutating func clear() {
    status = KnoteStatus()
    ident = 0
    udata = nil
    data = 0
    (fflags, filter, flags) = (0, 0, 0)
    (occurrence, next, previous, link) = (0, .none, .none, .none)
    withUnsafeMutableBytes(of: &platform) { _ = $0.initializeMemory(as: UInt8.self, repeating: 0) }
  }
}
