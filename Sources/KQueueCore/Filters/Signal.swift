/// SIGNAL: how often a signal came (contract 6.8).
extension KQueue where Backend: ~Copyable {
  mutating func noteSignal(_ knote: KnoteRef, _ happening: Happening) {
    guard happening.data > 0 else { return }
    let (count, isTooLarge) = knote.value.addingReportingOverflow(UInt32(clamping: happening.data))
    knote.value = isTooLarge ? .max : count
    raise(knote)
  }
}
