import CKQueueShims

/// Memory of the library's own, in mappings that a forked child finds empty.
///
/// Nothing comes from malloc: a kqueue must work in a child forked while another thread held
/// malloc's lock, and must not be there at all in a child that made none.
public enum Arena {
  /// Zeroed memory for `count` elements; all-zero bytes must be a valid `Element`.
  /// - Throws: ENOMEM.
  public static func map<Element: ~Copyable>(_: Element.Type, count: Int) throws(Errno) -> UnsafeMutablePointer<Element>
  {
    guard let memory = take(MemoryLayout<Element>.stride * count) else { throw Errno(ENOMEM) }
    return memory.bindMemory(to: Element.self, capacity: count)
  }

  /// Gives back what `map` gave for as many elements. Async-signal-safe.
  public static func unmap<Element: ~Copyable>(_ memory: UnsafeMutablePointer<Element>, count: Int) {
    giveBack(memory, MemoryLayout<Element>.stride * count)
  }

  /// The same in a mapping of its own, of which the element is the beginning: for memory that a forked child finds
  /// empty and goes on with. Of a block that is cut from a segment the child's segment does not know.
  /// - Throws: ENOMEM.
  public static func mapApart<Element: ~Copyable>(_: Element.Type, bytes: Int) throws(Errno) -> UnsafeMutablePointer<
    Element
  > {
    guard let memory = kq_map(bytes) else { throw Errno(ENOMEM) }
    // Else, where huge pages are for everybody, the system puts one in place of a few small ones in its own time.
    if KQ_MADV_NOHUGEPAGE >= 0 { _ = madvise(memory, bytes, CInt(KQ_MADV_NOHUGEPAGE)) }
    return memory.bindMemory(to: Element.self, capacity: 1)
  }

  public static func unmapApart<Element: ~Copyable>(_ memory: UnsafeMutablePointer<Element>, bytes: Int) {
    kq_unmap(memory, bytes)
  }

  /// In a child whose memory the system does not empty: takes none of the parent's blocks, whose owners are not there
  /// to give them back. Async-signal-safe.
  public static func abandonParentMemory() {
    Segments.abandonParentMemory()
  }

  /// Zeroed memory that a forked child finds empty: a block of a segment, or where it is large, a mapping of its own.
  /// - Returns: nil where there is no memory.
  public static func take(_ bytes: Int) -> UnsafeMutableRawPointer? {
    bytes <= Segment.largest ? Segments.take(bytes) : kq_map(bytes)
  }

  /// Gives back what `take` gave for as many bytes. Async-signal-safe.
  public static func giveBack(_ memory: UnsafeMutableRawPointer, _ bytes: Int) {
    if bytes <= Segment.largest { Segments.giveBack(memory, bytes) } else { kq_unmap(memory, bytes) }
  }
}
