import CKQueue
import CKQueueShims.POSIX
import KQueueCore

/// Urgent data: EXCEPT, and READ that asks for it (contract 6.3).
extension POSIXBackend {
  /// Bytes are nothing to EXCEPT; but behind the last of them the end shows.
  func glanceForUrgent(_ knote: POSIXKnoteRef, _ bits: UInt32) -> Glance {
    let descriptor = knote.descriptor
    let isOver: Bool
    switch knote.platform.kind(of: descriptor) {
    case KQ_POSIX_STREAM, KQ_POSIX_PACKETS, KQ_POSIX_DATAGRAM:
      isOver = bits.has(POLLIN) && kq_bytes(descriptor) == 0 && kq_peek(descriptor) == 0
    default: isOver = bits.has(POLLHUP)
    }
    return Glance(bits: bits & UInt32(POLLPRI | POLLERR) | (isOver ? Glance.isShut : 0), bytes: 0)
  }

  func sampleUrgent(_ now: Glance) -> Readiness {
    let isUrgent = now.bits.has(POLLPRI)
    let ended = now.bits & Glance.isShut != 0
    guard isUrgent || ended else { return .inactive }
    return Readiness(data: 0, fflags: isUrgent ? UInt32(NOTE_OOB) : 0, flags: ended ? endOfFile : 0)
  }

  func sampleReadOrUrgent(_ knote: POSIXKnoteRef, _ now: Glance) -> Readiness {
    var readiness = sampleRead(knote, now)
    guard knote.wantsUrgent && now.bits.has(POLLPRI) else { return readiness }
    if !readiness.isActive { readiness = Readiness(data: Int(now.bytes)) }
    readiness.flags |= UInt16(EV_OOBAND)
    return readiness
  }
}

extension KnoteRef<POSIXKnote> {
  /// READ with EV_OOBAND, or EXCEPT.
  var wantsUrgent: Bool {
    fflags & UInt32(NOTE_OOB) != 0
  }
}
