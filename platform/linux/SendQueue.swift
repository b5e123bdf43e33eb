import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// EMPTY: everything that was sent has been taken (contract 6.4). Linux tells the bytes that wait, but wakes nobody
/// when they are gone.
extension LinuxBackend {
  /// - Throws: EBADF, EINVAL: no socket.
  func attachEmpty(_ knote: LinuxKnoteRef) throws(Errno) -> Backing {
    switch try DescriptorKind(of: knote.descriptor) {
    case .stream, .packetStream, .datagram: break
    default: throw Errno(EINVAL)
    }
    knote.standAlways()
    return .recorded
  }

  func sampleEmpty(_ knote: LinuxKnoteRef) -> Readiness {
    let descriptor = knote.descriptor
    let wasTold = knote.has(EV_CLEAR) && knote.platform.isEmptyTold
    let bits = polledBits(descriptor, EPOLLRDHUP.rawValue)
    let unsent = Socket(descriptor).unsent
    // What a connection that is over had not sent it never will.
    let isOver = bits.has(EPOLLHUP) && bits.has(EPOLLRDHUP)
    let isDone = unsent == 0 || isOver
    knote.platform.isEmptyTold = isDone
    guard isDone && !wasTold else { return .polled }
    if isOver && !Socket(descriptor).listens {
      let error = bits.has(EPOLLERR) ? UInt32(Socket(descriptor).pendingError) : 0
      return Readiness(data: unsent, fflags: error, flags: endOfFile)
    }
    return Readiness(data: 0, flags: isShut(knote, bits) ? endOfFile : 0)
  }

  /// Whether the program has shut the sending side. A socket with an error is not asked, as it would give that away.
  private func isShut(_ knote: LinuxKnoteRef, _ bits: UInt32) -> Bool {
    let descriptor = knote.descriptor
    guard knote.platform.kind(of: descriptor) == .stream, !Socket(descriptor).listens,
      !bits.has(EPOLLERR), !bits.has(EPOLLHUP)
    else { return false }
    return Socket(descriptor).isSendingShut(Socket(descriptor).transport)
  }
}
