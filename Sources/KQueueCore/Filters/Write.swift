import CKQueue

/// WRITE: something can be written (contract 6.2). What an event says, by what the descriptor is:
///
/// | descriptor | active while | data | EV_EOF, fflags |
/// |---|---|---|---|
/// | connection | there is as much room as is asked for, or writing is over or failed | room | no more can be written; the error |
/// | datagrams | there is as much room as is asked for, or it has failed | room | the error |
/// | pipe | a write of PIPE_BUF bytes fits, or nobody reads | room | nobody reads |
/// | terminal | output is taken, or it is hung up | room | it is hung up |
/// | file, device | always | 0 | never |
/// | listener, reading end of a pipe | never | | |
///
/// A platform says which of these a descriptor is, and gives bits and sizes.
extension KnoteRef {
  /// Whether a WRITE knote waits for more room than there is (NOTE_LOWAT).
  @inline(__always)
  public func asksForMore(than room: Int) -> Bool {
    hasLowWater && Int64(room) < data
  }
}

extension Readiness {
  /// Room of a socket that can be written to, which a full buffer may be called as well.
  @inline(__always)
  public static func room(_ bytes: Int) -> Readiness {
    Readiness(data: max(bytes, 1))
  }
}
