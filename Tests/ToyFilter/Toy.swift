import CKQueue

/// TOY: a number, and an event for as long as it is not 0. Its ident is whatever the program likes.
extension KQueue where Backend: ~Copyable {
  mutating func attachToy(_ knote: KnoteRef, _ change: Kevent) throws(Errno) {
    try backend.prepareWake()
    knote.status.insert(.recorded)
    setToy(knote, change)
  }

  mutating func modifyToy(_ knote: KnoteRef, _ change: Kevent) {
    if change.redefines { setToy(knote, change) }
    if knote.status.contains(.active) { activate(knote) }
  }

  private mutating func setToy(_ knote: KnoteRef, _ change: Kevent) {
    knote.data = Int64(change.data)
    if knote.data == 0 {
      knote.status.remove(.active)
      ready.remove(knote, knotes)
    } else {
      knote.status.insert(.active)
      activate(knote)
    }
  }

  func sampleToy(_ knote: KnoteRef) -> Readiness {
    guard knote.status.contains(.active) else { return .inactive }
    return Readiness(data: Int(truncatingIfNeeded: knote.data))
  }
}
