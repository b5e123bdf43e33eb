import Testing

@testable import KQueueCore

@Suite("KnoteSlab") struct KnoteSlabTests {
  @Test("a place is live and otherwise zero when it is taken")
  func fresh() throws {
    var slab = KnoteSlab<Int>()
    defer { slab.removeAll() }
    let knote = try slab.allocate()
    #expect(knote.status == .live)
    #expect(knote.ident == 0 && knote.flags == 0 && knote.next == .none && knote.platform == 0)
  }

  @Test("a token finds its knote")
  func token() throws {
    var slab = KnoteSlab<Int>()
    defer { slab.removeAll() }
    let knote = try slab.allocate()
    knote.ident = 9
    let found = slab.find(KnoteToken(index: knote.index, generation: 0))?.ident
    #expect(found == 9)
  }

  @Test("a token finds nothing once its knote is freed")
  func freed() throws {
    var slab = KnoteSlab<Int>()
    defer { slab.removeAll() }
    let knote = try slab.allocate()
    let token = knote.token
    slab.free(knote)
    let same = slab.find(token)
    let next = slab.find(KnoteToken(index: token.index, generation: 1))
    #expect(same == nil)
    #expect(next == nil, "the place is free, whatever its generation")
  }

  @Test("a stale token does not find the next tenant of its place")
  func stale() throws {
    var slab = KnoteSlab<Int>()
    defer { slab.removeAll() }
    let first = try slab.allocate()
    let old = first.token
    slab.free(first)
    let second = try slab.allocate()
    let foundOld = slab.find(old)
    let foundNew = slab.find(second.token)
    #expect(second.index == old.index)
    #expect(foundOld == nil)
    #expect(foundNew != nil)
  }

  @Test("a token from elsewhere finds nothing")
  func outOfRange() throws {
    var slab = KnoteSlab<Int>()
    defer { slab.removeAll() }
    _ = try slab.allocate()
    let next = slab.find(KnoteToken(index: 1, generation: 0))
    let far = slab.find(KnoteToken(index: .max, generation: 0))
    #expect(next == nil)
    #expect(far == nil)
  }

  @Test("generations stay within the 31 bits that a kernel is given")
  func wrap() throws {
    var slab = KnoteSlab<Int>()
    defer { slab.removeAll() }
    let knote = try slab.allocate()
    knote.generation = 0x7fff_ffff
    slab.free(knote)
    #expect(knote.generation == 0)
  }

  @Test("freed places are used again before new ones")
  func reuse() throws {
    var slab = KnoteSlab<Int>()
    defer { slab.removeAll() }
    for _ in 0..<10 { _ = try slab.allocate() }
    for index: UInt32 in [3, 5, 8] { slab.free(slab[index]) }
    var taken: Set<UInt32> = []
    for _ in 0..<3 { taken.insert(try slab.allocate().index) }
    let (used, count) = (slab.used, slab.count)
    #expect(taken == [3, 5, 8])
    #expect(used == 10)
    #expect(count == 10)
  }

  @Test("the number of knotes is counted")
  func counts() throws {
    var slab = KnoteSlab<Int>()
    defer { slab.removeAll() }
    for _ in 0..<200 { _ = try slab.allocate() }
    for index: UInt32 in 0..<50 { slab.free(slab[index]) }
    let (used, count) = (slab.used, slab.count)
    #expect(used == 200)
    #expect(count == 150)
  }
}
