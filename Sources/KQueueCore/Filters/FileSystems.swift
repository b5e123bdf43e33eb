import CKQueue

/// FS: file systems that came and went (contract 6.11).
extension KQueue where Backend: ~Copyable {
  mutating func noteFileSystems(_ index: UInt32, _ happening: Happening) {
    record(index, knotes[index].pointee.wanted(happening.bits))
  }
}
