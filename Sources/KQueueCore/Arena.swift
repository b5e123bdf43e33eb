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
    guard let memory = kq_map(MemoryLayout<Element>.stride * count) else { throw Errno(ENOMEM) }
    return memory.bindMemory(to: Element.self, capacity: count)
  }

  public static func unmap<Element: ~Copyable>(_ memory: UnsafeMutablePointer<Element>, count: Int) {
    kq_unmap(memory, MemoryLayout<Element>.stride * count)
  }
}
