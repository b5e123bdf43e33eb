import CKQueue

/// PROC and PROCDESC: what became of a process (contract 6.6, 6.7).
extension KQueue where Backend: ~Copyable {
  mutating func noteProcess(_ index: UInt32, _ happening: Happening) {
    let knote = knotes[index]
    let bits = knote.pointee.wanted(happening.bits)
    if happening.bits & NOTE_EXIT.bits != 0 {
      // Nothing can happen to it any more, so its next event is its last, or it has none.
      if bits | knote.pointee.pending == 0 {
        try? remove(index, knote.pointee.kind)
        return
      }
      knote.pointee.flags |= UInt16(EV_ONESHOT)
      knote.pointee.status.insert(.ended)
      knote.pointee.value = UInt32(truncatingIfNeeded: happening.data)
    }
    record(index, bits)
  }

  func sampleProcess(_ knote: Knote<Backend.KnoteState>) -> Readiness {
    let isLast = knote.status.contains(.ended)
    return Readiness(
      data: Int(CInt(bitPattern: knote.value)), fflags: knote.pending, flags: isLast ? UInt16(EV_EOF) : 0)
  }
}
