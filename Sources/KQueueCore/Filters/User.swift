import CKQueue

/// USER: events that the program itself triggers (contract 6.10).
extension KQueue where Backend: ~Copyable {
  mutating func attachUser(_ index: UInt32, _ change: Kevent) throws(Errno) {
    try backend.prepareWake()
    knotes[index].pointee.fflags = change.fflags & NOTE_FFLAGSMASK.bits
    knotes[index].pointee.status.insert(.recorded)
    if change.triggers { trigger(index) }
  }

  mutating func modifyUser(_ index: UInt32, _ change: Kevent) {
    let operation = change.fflags & NOTE_FFCTRLMASK.bits
    knotes[index].pointee.fflags = combined(knotes[index].pointee.fflags, operation, change.fflags)
    let onlyEnables = change.has(EV_ENABLE | EV_DISABLE) && !change.has(EV_ADD) && operation == 0
    if change.triggers || !onlyEnables { knotes[index].pointee.data = Int64(change.data) }
    if change.triggers {
      trigger(index)
    } else if change.has(EV_CLEAR) {
      knotes[index].pointee.status.remove(.active)
      ready.remove(index, knotes)
    } else if knotes[index].pointee.status.contains(.active) {
      activate(index)
    }
  }

  private mutating func trigger(_ index: UInt32) {
    knotes[index].pointee.status.insert(.active)
    activate(index)
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

  func sampleUser(_ index: UInt32) -> Readiness {
    let knote = knotes[index]
    guard knote.pointee.status.contains(.active) else { return .inactive }
    return Readiness(data: Int(truncatingIfNeeded: knote.pointee.data), fflags: knote.pointee.fflags)
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
