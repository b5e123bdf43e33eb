import CKQueueShims.Linux
import KQueueCore

/// Urgent data: EXCEPT, and READ that asks for it (contract 6.3).
extension LinuxBackend {
  func sampleUrgent(_ knote: LinuxKnoteRef, _ bits: UInt32) -> Readiness {
    let ended: Bool
    switch knote.platform.kind(of: knote.descriptor) {
    // EPOLLHUP alone is a socket that never was connected.
    case .stream, .packetStream, .datagram: ended = bits.has(EPOLLRDHUP)
    default: ended = bits.has(EPOLLHUP)
    }
    return .urgent(bits.has(EPOLLPRI), hasEnded: ended)
  }

  mutating func sampleReadOrUrgent(_ knote: LinuxKnoteRef, _ bits: UInt32) -> Readiness {
    let readiness = sampleRead(knote, bits)
    return bits.has(EPOLLPRI) ? readiness.withUrgent(Int(max(kq_readable_bytes(knote.descriptor), 0))) : readiness
  }
}
