import CKQueue

/// VNODE: what happened to a file (contract 6.5).
extension KQueue where Backend: ~Copyable {
  func sampleFile(_ knote: KnoteRef) -> Readiness {
    let isRevoked = knote.pending & NOTE_REVOKE.bits != 0
    return Readiness(data: 0, fflags: knote.pending, flags: isRevoked ? UInt16(EV_EOF) : 0)
  }
}

extension KnoteRef {
  /// What a knote is to be told of what happened: what it asked for, and with a write that the file grew.
  func wantedOfFile(_ bits: UInt32) -> UInt32 {
    bits & fflags | (bits & fflags & NOTE_WRITE.bits != 0 ? bits & NOTE_EXTEND.bits : 0)
  }
}
