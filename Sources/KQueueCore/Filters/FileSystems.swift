import CKQueue

/// FS: file systems that came and went (contract 6.11).
extension KQueue where Backend: ~Copyable {
  /// What the platform tells of one knote concerns all of this filter.
  mutating func noteFileSystems(_ happening: Happening) {
    var place: UInt32 = 0
    while let index = knotes.next(&place) {
      guard knotes[index].pointee.kind == .fs else { continue }
      record(index, knotes[index].pointee.wanted(happening.bits))
    }
  }
}
