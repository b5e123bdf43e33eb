import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// EMPTY: everything that was sent has been taken (contract 6.4). Linux tells the bytes that wait, but wakes nobody
/// when they are gone.
extension LinuxBackend {
  /// - Throws: EBADF, EINVAL: no socket.
  func attachEmpty(_ knote: LinuxKnotePointer) throws(Errno) -> Backing {
    let kind = try Errno.check(kq_kind(knote.pointee.descriptor))
    switch kq_kind(UInt32(kind)) {
    case KQ_KIND_STREAM, KQ_KIND_PACKET_STREAM, KQ_KIND_DATAGRAM: break
    default: throw Errno(EINVAL)
    }
    knote.pointee.platform.place = .always
    return .recorded
  }

  func sampleEmpty(_ knote: LinuxKnotePointer) -> Readiness {
    let descriptor = knote.pointee.descriptor
    let wasTold = knote.pointee.has(EV_CLEAR) && knote.pointee.platform.isEmptyTold
    let isEmpty = kq_socket_unsent(descriptor) == 0
    knote.pointee.platform.isEmptyTold = isEmpty
    guard isEmpty && !wasTold else { return .polled }
    let isShut = kq_socket_send_shut(descriptor) && !kq_socket_listens(descriptor)
    return Readiness(data: 0, flags: isShut ? endOfFile : 0)
  }
}
