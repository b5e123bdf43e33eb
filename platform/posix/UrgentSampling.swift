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
    .urgent(now.bits.has(POLLPRI), hasEnded: now.bits & Glance.isShut != 0)
  }

  func sampleReadOrUrgent(_ knote: POSIXKnoteRef, _ now: Glance) -> Readiness {
    let readiness = sampleRead(knote, now)
    return knote.wantsUrgent && now.bits.has(POLLPRI) ? readiness.withUrgent(Int(now.bytes)) : readiness
  }
}
