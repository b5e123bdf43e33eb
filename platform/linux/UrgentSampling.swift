import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// Urgent data: EXCEPT, and READ that asks for it (contract 6.3).
extension LinuxBackend {
  func sampleUrgent(_ knote: LinuxKnoteRef, _ bits: UInt32) -> Readiness {
    let isUrgent = bits.has(EPOLLPRI)
    let ended: Bool
    switch knote.platform.kind(of: knote.descriptor) {
    // EPOLLHUP alone is a socket that never was connected.
    case KQ_KIND_STREAM, KQ_KIND_PACKET_STREAM, KQ_KIND_DATAGRAM: ended = bits.has(EPOLLRDHUP)
    default: ended = bits.has(EPOLLHUP)
    }
    guard isUrgent || ended else { return .inactive }
    return Readiness(data: 0, fflags: isUrgent ? UInt32(NOTE_OOB) : 0, flags: ended ? endOfFile : 0)
  }

  func sampleReadOrUrgent(_ knote: LinuxKnoteRef, _ bits: UInt32) -> Readiness {
    var readiness = sampleRead(knote, bits)
    guard bits.has(EPOLLPRI) else { return readiness }
    if !readiness.isActive { readiness = Readiness(data: Int(max(kq_readable_bytes(knote.descriptor), 0))) }
    readiness.flags |= UInt16(EV_OOBAND)
    return readiness
  }
}
