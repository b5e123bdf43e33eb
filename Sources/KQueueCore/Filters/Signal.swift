/// SIGNAL: how often a signal came (contract 6.8).
extension KQueue where Backend: ~Copyable {
  mutating func noteSignal(_ index: UInt32, _ happening: Happening) {
    guard happening.data > 0 else { return }
    let count = Int(knotes[index].pointee.value) + happening.data
    knotes[index].pointee.value = UInt32(clamping: count)
    knotes[index].pointee.status.insert(.active)
    activate(index)
  }
}
