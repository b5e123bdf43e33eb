import CKQueueShims.Linux
import KQueueCore

/// Ends and errors of what epoll tells by edges. One that is told stays, and further edges come while it does: the
/// acknowledgement of a FIN (C-153), the steps in which a terminal is hung up (C-179) or a connection is reset.
extension LinuxBackend {
  /// Whether a readiness says an end that was told before. It is the one to compare with from now on.
  func isOldNews(_ knote: LinuxKnoteRef, _ readiness: Readiness) -> Bool {
    guard comparesEnds(knote) else { return false }
    let (end, before) = (ToldEnd(readiness), knote.platform.toldEnd)
    knote.platform.toldEnd = end
    guard end != .none else { return false }
    // Items are compared by a mark of their own; no more come behind an end.
    if readiness.next == .taken { return end == before }
    let (detail, detailBefore) = (detail(knote, readiness), knote.platform.mark)
    knote.platform.past.remove(.marked)
    knote.platform.mark = detail
    // More bytes behind an end are news, as after an own SHUT_RD; and so is the failure of another connect().
    return end == before && (detail == detailBefore || detail == 0)
  }

  private func comparesEnds(_ knote: LinuxKnoteRef) -> Bool {
    switch knote.platform.kind(of: knote.descriptor) {
    case .stream, .packetStream: return !knote.wantsUrgent
    // The other side of a master can come back, unnoticed, and end anew.
    case .terminal: return !Terminal.isMaster(knote.descriptor)
    default: return false
    }
  }

  /// What an end came with: how many bytes, or the port that the connection which failed had. It takes the place of
  /// the mark, which no end is compared by.
  private func detail(_ knote: LinuxKnoteRef, _ readiness: Readiness) -> UInt32 {
    if knote.isRead && readiness.data != 0 { return UInt32(truncatingIfNeeded: readiness.data) }
    return readiness.fflags != 0 ? SocketAddress(of: Socket(knote.descriptor)).port : 0
  }

  /// What becomes of an edge that looks like the failure that was told. From a port that the program has chosen every
  /// attempt fails alike, so a failure that has not been taken by the next look is told: the same one again, at worst.
  func lookAgain(_ knote: LinuxKnoteRef, _ readiness: Readiness) -> Readiness {
    switch CInt(bitPattern: readiness.fflags) {
    case ECONNREFUSED, EHOSTUNREACH, ETIMEDOUT:
      knote.platform.remember(knote.platform.mark, isVague: true)
      return .polled
    default: return .inactive
    }
  }
}

/// What is kept of an end that was told.
enum ToldEnd: UInt8 {
  case none
  case end
  case error
  case endByError

  init(_ readiness: Readiness) {
    let isEnd = readiness.flags & endOfFile != 0
    switch (isEnd, readiness.fflags != 0) {
    case (false, false): self = .none
    case (true, false): self = .end
    case (false, true): self = .error
    case (true, true): self = .endByError
    }
  }
}
