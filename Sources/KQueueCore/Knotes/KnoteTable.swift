/// Finds a knote by what names it within a kqueue: filter and ident (contract 3.1).
///
/// Knotes on a descriptor hang together by `link`, behind an array over descriptor numbers; all
/// others are found by hash.
struct KnoteTable: ~Copyable {
  private var descriptors = ChunkedArray<UInt32>()  // 0: none; index + 1
  private var others = HashIndex()

  func find<S>(_ filter: Filter, _ ident: UInt, _ knotes: borrowing KnoteSlab<S>) -> UInt32? {
    if filter.watchesDescriptor {
      var link = descriptors.existing(Int(ident))?.pointee ?? 0
      while link != 0 {
        let knote = knotes[link - 1]
        if knote.pointee.filter == filter.rawValue { return link - 1 }
        link = knote.pointee.link
      }
      return nil
    }
    return others.find(Self.hash(filter.rawValue, ident)) {
      knotes[$0].pointee.ident == ident && knotes[$0].pointee.filter == filter.rawValue
    }
  }

  /// A knote on a descriptor number, where there is one.
  func first<S>(on number: CInt, _ knotes: borrowing KnoteSlab<S>) -> UInt32? {
    guard let first = descriptors.existing(Int(number)), first.pointee != 0 else { return nil }
    return first.pointee - 1
  }

  /// Whether a descriptor number takes no memory that grows with it.
  func hasRoom(for number: CInt) -> Bool {
    number < ChunkedArray<UInt32>.firstCount || descriptors.existing(Int(number)) != nil
  }

  /// - Throws: ENOMEM.
  mutating func insert<S>(_ index: UInt32, _ filter: Filter, _ knotes: borrowing KnoteSlab<S>) throws(Errno) {
    let knote = knotes[index]
    if filter.watchesDescriptor {
      let first = try descriptors.grow(to: Int(knote.pointee.ident))
      knote.pointee.link = first.pointee
      first.pointee = index + 1
    } else {
      try others.reserve { Self.hash(knotes[$0].pointee.filter, knotes[$0].pointee.ident) }
      others.insert(Self.hash(filter.rawValue, knote.pointee.ident), index)
    }
  }

  mutating func remove<S>(_ index: UInt32, _ filter: Filter, _ knotes: borrowing KnoteSlab<S>) {
    let knote = knotes[index]
    guard filter.watchesDescriptor else {
      others.remove(Self.hash(filter.rawValue, knote.pointee.ident), index)
      return
    }
    let first = descriptors[Int(knote.pointee.ident)]
    var before: UInt32 = 0
    var link = first.pointee
    while link != index + 1 {
      guard link != 0 else { bug("a knote is not among those of its descriptor") }
      before = link
      link = knotes[link - 1].pointee.link
    }
    if before == 0 { first.pointee = knote.pointee.link } else { knotes[before - 1].pointee.link = knote.pointee.link }
    knote.pointee.link = 0
  }

  mutating func removeAll() {
    descriptors.removeAll()
    others.removeAll()
  }

  @inline(__always)
  private static func hash(_ filter: Int16, _ ident: UInt) -> UInt {
    HashIndex.hash(ident &+ UInt(bitPattern: Int(filter)) << 48)
  }
}
