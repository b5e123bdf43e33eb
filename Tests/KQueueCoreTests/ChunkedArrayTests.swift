import Testing

@testable import KQueueCore

@Suite("ChunkedArray") struct ChunkedArrayTests {
  @Test("elements on both sides of every chunk border are separate", arguments: [64, 192, 448, 960, 1984])
  func borders(border: Int) throws {
    var array = ChunkedArray<Knote<Int>>()
    defer { array.removeAll() }
    for index in border - 2..<border + 2 { try array.grow(to: index).pointee.ident = UInt(index) }
    let found = (border - 2..<border + 2).map { array[$0].pointee.ident }
    #expect(found == (border - 2..<border + 2).map(UInt.init))
  }

  @Test("each index has a place of its own, for elements of every size")
  func distinct() throws {
    #expect(try distinctPlaces(UInt32.self) == 5000)
    #expect(try distinctPlaces(UInt64.self) == 5000)
    #expect(try distinctPlaces(Knote<Int>.self) == 5000)
  }

  private func distinctPlaces<Element: BitwiseCopyable>(_: Element.Type) throws -> Int {
    var array = ChunkedArray<Element>()
    defer { array.removeAll() }
    var places: Set<UInt> = []
    for index in 0..<5000 { places.insert(UInt(bitPattern: try array.grow(to: index))) }
    return places.count
  }

  @Test("pointers stay valid while the array grows")
  func stable() throws {
    var array = ChunkedArray<UInt64>()
    defer { array.removeAll() }
    let first = try array.grow(to: 0)
    first.pointee = 42
    for index in stride(from: 1, to: 100_000, by: 97) { _ = try array.grow(to: index) }
    let again = array[0]
    #expect(again == first)
    #expect(first.pointee == 42)
  }

  @Test("new elements are zero")
  func zeroed() throws {
    var array = ChunkedArray<UInt32>()
    defer { array.removeAll() }
    var sum: UInt64 = 0
    for index in 0..<3000 { sum += UInt64(try array.grow(to: index).pointee) }
    #expect(sum == 0)
  }

  @Test("an index whose chunk was never needed has no element")
  func missing() throws {
    var array = ChunkedArray<UInt32>()
    defer { array.removeAll() }
    let before = array.existing(0)
    _ = try array.grow(to: 0)
    let sameChunk = array.existing(255)
    let nextChunk = array.existing(256)
    let last = array.existing(Int(CInt.max))
    #expect(before == nil)
    #expect(sameChunk != nil)
    #expect(nextChunk == nil)
    #expect(last == nil)
  }

  @Test("growing to a far index takes only the chunk that holds it")
  func sparse() throws {
    var array = ChunkedArray<UInt32>()
    defer { array.removeAll() }
    try array.grow(to: 1_000_000).pointee = 7
    let near = array.existing(0)
    let far = array.existing(1_000_000)?.pointee
    #expect(near == nil)
    #expect(far == 7)
  }

  @Test("removeAll gives everything back, and the array can be used again")
  func removal() throws {
    var array = ChunkedArray<UInt32>()
    defer { array.removeAll() }
    for index in 0..<5000 { try array.grow(to: index).pointee = 1 }
    array.removeAll()
    let left = array.existing(0)
    #expect(left == nil)
    let fresh = try array.grow(to: 4000).pointee
    #expect(fresh == 0)
  }
}
