import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// READ on what can be polled (contract 6.1).
extension LinuxBackend {
  func sampleRead(_ knote: LinuxKnotePointer, _ bits: UInt32) -> Readiness {
    let descriptor = knote.pointee.descriptor
    switch knote.pointee.platform.kind(of: descriptor) {
    case KQ_KIND_STREAM, KQ_KIND_PACKET_STREAM: return sampleStream(knote, bits)
    case KQ_KIND_DATAGRAM: return sampleDatagram(knote, bits)
    case KQ_KIND_PIPE_READ, KQ_KIND_PIPE_BOTH: return sampleBytes(descriptor, bits)
    case KQ_KIND_PIPE_WRITE: return .inactive
    case KQ_KIND_TTY: return sampleTerminal(descriptor, bits)
    case KQ_KIND_EVENTFD: return sampleCounter(descriptor, bits)
    default: return sampleOther(descriptor, bits)
    }
  }

  private func sampleStream(_ knote: LinuxKnotePointer, _ bits: UInt32) -> Readiness {
    let descriptor = knote.pointee.descriptor
    let bytes = kq_readable_bytes(descriptor)
    if bytes < 0 && kq_socket_listens(descriptor) { return sampleListener(descriptor, bits) }
    let available = max(Int(bytes), 0)
    let failed = hasFailed(knote, bits)
    // Linux says EPOLLHUP also of a socket that never was connected; that is no end (C-158).
    let ended = bits.has(EPOLLRDHUP)
    if failed || ended {
      let error = failed ? UInt32(kq_socket_pending_error(descriptor)) : 0
      return Readiness(data: available, fflags: error, flags: ended ? endOfFile : 0)
    }
    if available == 0 && bits.has(EPOLLIN) && hasBytesBehindMark(descriptor) { return Readiness(data: 1) }
    let enough = knote.pointee.isAlwaysEnough || bits.has(EPOLLIN) && isEnough(available, knote)
    return enough ? Readiness(data: available) : .inactive
  }

  /// Bytes behind an urgent one that was not taken can be read, but are not counted.
  private func hasBytesBehindMark(_ descriptor: CInt) -> Bool {
    kq_socket_at_mark(descriptor)
      && UInt32(max(kq_poll(descriptor, CInt(bitPattern: EPOLLIN.rawValue)), 0)).has(EPOLLIN)
  }

  /// Whether as many bytes wait as the knote, or else the socket, asks for.
  private func isEnough(_ available: Int, _ knote: LinuxKnotePointer) -> Bool {
    if knote.pointee.fflags & UInt32(NOTE_LOWAT) != 0 {
      // More than the buffer holds would never come together.
      return available >= min(knote.pointee.data, Int(kq_socket_receive_buffer(knote.pointee.descriptor)))
    }
    let least = Int(kq_socket_low_water(knote.pointee.descriptor))
    let isPacket = knote.pointee.platform.kind(of: knote.pointee.descriptor) == KQ_KIND_PACKET_STREAM
    knote.pointee.platform.isPlain = least <= 1 && !isPacket && !validates
    return available >= least || isPacket
  }

  private func sampleListener(_ descriptor: CInt, _ bits: UInt32) -> Readiness {
    let waiting = bits.has(EPOLLIN) ? Int(kq_socket_backlog(descriptor)) : 0
    if bits.has(EPOLLERR) {
      return Readiness(data: waiting, fflags: UInt32(kq_socket_pending_error(descriptor)))
    }
    return waiting > 0 ? Readiness(data: waiting) : .inactive
  }

  private func sampleDatagram(_ knote: LinuxKnotePointer, _ bits: UInt32) -> Readiness {
    let descriptor = knote.pointee.descriptor
    let bytes = kq_readable_bytes(descriptor)
    let failed = hasFailed(knote, bits)
    let ended = bits.has(EPOLLRDHUP)
    guard bits.has(EPOLLIN) || failed || ended else { return .inactive }
    // A datagram may be empty; where sizes are not told there is at least one byte.
    return Readiness(
      data: bytes < 0 ? 1 : Int(bytes), fflags: failed ? UInt32(kq_socket_pending_error(descriptor)) : 0,
      flags: ended ? endOfFile : 0)
  }

  /// Pipes and terminals: bytes, and an end when the other side has gone.
  private func sampleBytes(_ descriptor: CInt, _ bits: UInt32) -> Readiness {
    let bytes = Int(max(kq_readable_bytes(descriptor), 0))
    if bits.has(EPOLLHUP) { return Readiness(data: bytes, flags: endOfFile) }
    return bits.has(EPOLLIN) && bytes > 0 ? Readiness(data: bytes) : .inactive
  }

  /// A terminal's end of input (^D) is something to read of which no byte is counted.
  private func sampleTerminal(_ descriptor: CInt, _ bits: UInt32) -> Readiness {
    let readiness = sampleBytes(descriptor, bits)
    guard !readiness.isActive && bits.has(EPOLLIN) else { return readiness }
    let now = UInt32(max(kq_poll(descriptor, CInt(bitPattern: EPOLLIN.rawValue)), 0))
    return now.has(EPOLLIN) ? Readiness(data: 0) : .inactive
  }

  private func sampleCounter(_ descriptor: CInt, _ bits: UInt32) -> Readiness {
    guard bits.has(EPOLLIN) || bits.has(EPOLLERR) else { return .inactive }
    var counter: UInt64 = 0
    guard kq_eventfd_counter(descriptor, &counter) == 0 else { return Readiness(data: 1) }
    return counter == 0 ? .inactive : Readiness(data: Int(clamping: counter))
  }

  /// Whatever else polls: timerfd, signalfd, inotify, pidfd, another kqueue, a device.
  private func sampleOther(_ descriptor: CInt, _ bits: UInt32) -> Readiness {
    guard bits.has(EPOLLIN) || bits.has(EPOLLHUP) || bits.has(EPOLLERR) else { return .inactive }
    let bytes = bits.has(EPOLLIN) ? max(Int(kq_readable_bytes(descriptor)), 1) : 0
    return Readiness(data: bytes, flags: bits.has(EPOLLHUP) ? endOfFile : 0)
  }
}
