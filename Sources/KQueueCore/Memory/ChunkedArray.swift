import CKQueueShims

/// An array that grows without moving its elements, in chunks each twice the size of the one before.
///
/// Pointers into it stay valid until `removeAll`, and the pages of a chunk are taken from the system only
/// when they are touched, so a sparse index costs little. All-zero bytes must be a valid `Element`.
public struct ChunkedArray<Element: BitwiseCopyable>: ~Copyable {
  private typealias Chunk = UnsafeMutablePointer<Element>?

  private static var chunkLimit: Int { 27 }

  /// Where the chunks are. It lies apart, so that what the compiler copies to lend out the array is a pointer.
  private var chunks: UnsafeMutablePointer<Chunk>?

  public init() {}

  /// Base-2 logarithm of the size of the first chunk, which has about a KiB.
  @inline(__always)
  private static var shift: Int {
    switch MemoryLayout<Element>.stride {
    case ...4: 8
    case ...16: 6
    default: 4
    }
  }

  /// How many elements cost no more memory than the first does.
  @inline(__always)
  static var firstCount: Int { 1 << shift }

  /// Chunk *k* holds the `first << k` elements from index `(first << k) - first` on.
  @inline(__always)
  private static func locate(_ index: Int) -> (chunk: Int, offset: Int) {
    let position = index &+ (1 << shift)
    let top = Int.bitWidth &- 1 &- position.leadingZeroBitCount
    return (top &- shift, position &- (1 &<< top))
  }

  private static func size(ofChunk chunk: Int) -> Int {
    1 << (chunk + shift)
  }

  /// The element at an index whose chunk is there.
  @inline(__always)
  public subscript(index: Int) -> UnsafeMutablePointer<Element> {
    let place = Self.locate(index)
    return chunks.unsafelyUnwrapped[place.chunk].unsafelyUnwrapped + place.offset
  }

  /// The element at an index, or nil where its chunk was never needed.
  @inline(__always)
  func existing(_ index: Int) -> UnsafeMutablePointer<Element>? {
    let place = Self.locate(index)
    guard place.chunk < Self.chunkLimit, let chunks, let chunk = chunks[place.chunk] else { return nil }
    return chunk + place.offset
  }

  /// The element at an index, in memory taken now where there was none.
  /// - Throws: ENOMEM.
  public mutating func grow(to index: Int) throws(Errno) -> UnsafeMutablePointer<Element> {
    let place = Self.locate(index)
    guard place.chunk < Self.chunkLimit else { throw Errno(ENOMEM) }
    // A page whose first access is a read costs two faults, one for the zero page and one for the write; so it is
    // written first.
    let isFresh = chunks == nil
    if isFresh { chunks = try Arena.map(Chunk.self, count: Self.chunkLimit) }
    let chunks = chunks.unsafelyUnwrapped
    if isFresh || chunks[place.chunk] == nil {
      chunks[place.chunk] = try Arena.map(Element.self, count: Self.size(ofChunk: place.chunk))
    }
    return self[index]
  }

  /// Gives all memory back.
  public mutating func removeAll() {
    guard let chunks else { return }
    for chunk in 0..<Self.chunkLimit {
      if let memory = chunks[chunk] { Arena.unmap(memory, count: Self.size(ofChunk: chunk)) }
    }
    Arena.unmap(chunks, count: Self.chunkLimit)
    self.chunks = nil
  }
}
