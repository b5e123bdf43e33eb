/// FS: file systems that came and went (contract 6.11).
extension KQueue where Backend: ~Copyable {
  /// What the platform tells of one knote concerns all of this filter.
  mutating func noteFileSystems(_ happening: Happening) {
    var place: UInt32 = 0
    while let knote = knotes.next(&place) {
      guard knote.kind == .fs else { continue }
      record(knote, knote.wanted(happening.bits))
    }
  }
}
