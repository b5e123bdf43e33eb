/// Finds a knote by what names it within a kqueue: filter and ident (contract 3.1).
///
/// Knotes on a descriptor hang together by `link`, behind an array over descriptor numbers; all
/// others are found by hash.
struct KnoteTable: ~Copyable {
  private var descriptors = ChunkedArray<KnoteLink>()
  private var others = HashIndex()

  func find<S>(_ filter: Filter, _ ident: UInt, _ knotes: borrowing KnoteSlab<S>) -> KnoteRef<S>? {
    if filter.watchesDescriptor {
      var next = first(on: CInt(truncatingIfNeeded: ident), knotes)
      while let knote = next, knote.filter != filter.rawValue { next = knotes[knote.link] }
      return next
    }
    return others.find(Self.hash(filter.rawValue, ident)) {
      let knote = knotes[$0]
      return knote.ident == ident && knote.filter == filter.rawValue
    }.map { knotes[$0] }
  }

  /// Whether there are knotes on a descriptor number.
  @inline(__always)
  func hasKnotes(on number: CInt) -> Bool {
    descriptors.existing(Int(number)).map { $0.pointee != .none } ?? false
  }

  /// The knote on a descriptor number that was made last, where there is one.
  func first<S>(on number: CInt, _ knotes: borrowing KnoteSlab<S>) -> KnoteRef<S>? {
    descriptors.existing(Int(number)).flatMap { knotes[$0.pointee] }
  }

  /// Whether a descriptor number takes no memory that grows with it.
  func hasRoom(for number: CInt) -> Bool {
    number < ChunkedArray<KnoteLink>.firstCount || descriptors.existing(Int(number)) != nil
  }

  /// - Throws: ENOMEM.
  mutating func insert<S>(_ knote: KnoteRef<S>, _ filter: Filter, _ knotes: borrowing KnoteSlab<S>) throws(Errno) {
    if filter.watchesDescriptor {
      let first = try descriptors.grow(to: Int(knote.ident))
      knote.link = first.pointee
      first.pointee = KnoteLink(knote.index)
    } else {
      try others.reserve { Self.hash(knotes[$0].filter, knotes[$0].ident) }
      others.insert(Self.hash(filter.rawValue, knote.ident), knote.index)
    }
  }

  mutating func remove<S>(_ knote: KnoteRef<S>, _ filter: Filter, _ knotes: borrowing KnoteSlab<S>) {
    guard filter.watchesDescriptor else {
      others.remove(Self.hash(filter.rawValue, knote.ident), knote.index)
      return
    }
    let first = descriptors[Int(knote.ident)]
    let own = KnoteLink(knote.index)
    if first.pointee == own {
      first.pointee = knote.link
    } else {
      var before = knotes[first.pointee]
      while let other = before, other.link != own { before = knotes[other.link] }
      guard let before else { bug("a knote is not among those of its descriptor") }
      before.link = knote.link
    }
    knote.link = .none
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
