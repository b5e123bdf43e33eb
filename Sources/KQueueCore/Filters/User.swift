import CKQueue

/// USER: events that the program itself triggers (contract 6.10).
extension KQueue where Backend: ~Copyable {
  mutating func attachUser(_ knote: KnoteRef, _ change: Kevent) throws(Errno) {
    try backend.prepareWake()
    knote.fflags = change.fflags & NOTE_FFLAGSMASK.bits
    knote.status.insert(.recorded)
    if change.triggers { raise(knote) }
  }

  mutating func modifyUser(_ knote: KnoteRef, _ change: Kevent) {
    let operation = change.fflags & NOTE_FFCTRLMASK.bits
    knote.fflags = combined(knote.fflags, operation, change.fflags)
    let onlyEnables = change.has(EV_ENABLE | EV_DISABLE) && !change.has(EV_ADD) && operation == 0
    if change.triggers || !onlyEnables { knote.data = Int64(change.data) }
    if change.triggers {
      raise(knote)
    } else if change.has(EV_CLEAR) {
      knote.status.remove(.active)
      ready.remove(knote, knotes)
    } else if knote.status.contains(.active) {
      activate(knote)
    }
  }

  private func combined(_ stored: UInt32, _ operation: UInt32, _ fflags: UInt32) -> UInt32 {
    let bits = fflags & NOTE_FFLAGSMASK.bits
    switch operation {
    case NOTE_FFAND.bits: return stored & bits
    case NOTE_FFOR.bits: return stored | bits
    case NOTE_FFCOPY.bits: return bits
    default: return stored
    }
  }

  func sampleUser(_ knote: KnoteRef) -> Readiness {
    guard knote.status.contains(.active) else { return .inactive }
    return Readiness(data: Int(truncatingIfNeeded: knote.data), fflags: knote.fflags)
  }
}

extension Kevent {
  fileprivate var triggers: Bool {
    fflags & NOTE_TRIGGER.bits != 0
  }
}

extension BinaryInteger {
  /// A constant of the header as fflags has it; C gives those without the top bit another type.
  @inline(__always)
  var bits: UInt32 {
    UInt32(truncatingIfNeeded: self)
  }
}
