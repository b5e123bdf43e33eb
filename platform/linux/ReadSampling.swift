import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// READ on what can be polled (contract 6.1).
extension LinuxBackend {
  mutating func sampleRead(_ knote: LinuxKnoteRef, _ bits: UInt32) -> Readiness {
    let descriptor = knote.descriptor
    switch knote.platform.kind(of: descriptor) {
    case .stream, .packetStream, .datagram: return sampleSocket(knote, bits)
    case .pipeRead, .pipeBoth: return sampleBytes(descriptor, bits)
    case .pipeWrite: return sampleReaders(descriptor, bits)
    case .terminal: return sampleTerminal(descriptor, bits)
    case .eventfd: return sampleCounter(descriptor, bits)
    case .file: return sampleMessages(descriptor, bits)
    default: return sampleOther(descriptor, bits)
    }
  }

  private mutating func sampleSocket(_ knote: LinuxKnoteRef, _ reported: UInt32) -> Readiness {
    let isDatagram = knote.platform.kind(of: knote.descriptor) == .datagram
    let bits = isDatagram ? reported : withHangup(knote, reported)
    let bytes = Int(kq_readable_bytes(knote.descriptor))
    if bytes < 0 {
      if !isDatagram && Socket(knote.descriptor).listens { return sampleListener(knote, bits) }
      // Netlink does not count its bytes. Nor does what has the number of a socket that was closed unseen.
      if !isSameFile(knote) { return .inactive }
    }
    return isDatagram ? sampleDatagram(knote, bits, bytes) : sampleStream(knote, bits, max(bytes, 0))
  }

  /// Notes that a report of bytes needs no closer look from now on.
  /// - Parameter holds: whether any bytes are enough; and one look at the number tells of all that came.
  private mutating func notePlain(_ knote: LinuxKnoteRef, if holds: Bool) {
    knote.platform.isPlain = holds && knote.fflags == 0 && !validates
  }

  private mutating func sampleStream(_ knote: LinuxKnoteRef, _ bits: UInt32, _ available: Int) -> Readiness {
    let descriptor = knote.descriptor
    let failed = hasFailed(knote, bits)
    // Linux says EPOLLHUP also of a socket that never was connected; that is no end (C-158). With an error it is one:
    // a connect() was given up (C-364).
    let ended = bits.has(EPOLLRDHUP) || failed && bits.has(EPOLLHUP)
    if knote.platform.past.contains(.listened) {
      if bits.has(EPOLLHUP) && !failed { return .listenerIsShut }
      knote.platform.past.remove(.listened)
    }
    if failed || ended {
      let error = failed ? UInt32(Socket(descriptor).pendingError) : 0
      return Readiness(data: available, fflags: error, flags: ended ? endOfFile : 0)
    }
    if available == 0 && bits.has(EPOLLIN) && hasBytesBehindMark(descriptor) {
      return Readiness(data: max(Socket(descriptor).bytesBehindMark, 1))
    }
    let enough = knote.isAlwaysEnough || bits.has(EPOLLIN) && isEnough(available, knote)
    return enough ? Readiness(data: available) : .inactive
  }

  /// Bytes behind an urgent one that was not taken can be read, but are not counted.
  private func hasBytesBehindMark(_ descriptor: CInt) -> Bool {
    Socket(descriptor).isAtMark && isReadable(descriptor)
  }

  private func isReadable(_ descriptor: CInt) -> Bool {
    polledBits(descriptor, EPOLLIN.rawValue).has(EPOLLIN)
  }

  /// Whether as many bytes wait as the knote, or else the socket, asks for.
  private mutating func isEnough(_ available: Int, _ knote: LinuxKnoteRef) -> Bool {
    let isPacket = knote.platform.kind(of: knote.descriptor) == .packetStream
    if isPacket && !knote.hasLowWater {
      notePlain(knote, if: !knote.has(EV_CLEAR))
      return true
    }
    let least = knote.leastToRead(
      buffer: Socket(knote.descriptor).receiveBuffer, lowWater: Socket(knote.descriptor).lowWater)
    notePlain(knote, if: least <= 1)
    return available >= least
  }

  /// A listener that is shut down tells its end (C-362). TCP's then is a socket that never was connected, which only
  /// its past tells; a local one listens on.
  private func sampleListener(_ knote: LinuxKnoteRef, _ bits: UInt32) -> Readiness {
    let descriptor = knote.descriptor
    knote.platform.past.insert(.listened)
    if bits.has(EPOLLRDHUP) { return .listenerIsShut }
    let backlog = bits.has(EPOLLIN) ? Socket(descriptor).backlog : 0
    let waiting = abs(backlog)
    if bits.has(EPOLLERR) {
      return Readiness(data: waiting, fflags: UInt32(Socket(descriptor).pendingError))
    }
    guard waiting > 0 else { return .inactive }
    // Where nobody says how many wait, somebody who takes one leaves some.
    return backlog > 0 ? Readiness(data: waiting) : Readiness(data: waiting).thenLeft
  }

  private mutating func sampleDatagram(_ knote: LinuxKnoteRef, _ bits: UInt32, _ bytes: Int) -> Readiness {
    let descriptor = knote.descriptor
    notePlain(knote, if: !knote.has(EV_CLEAR))
    let failed = hasFailed(knote, bits)
    let ended = bits.has(EPOLLRDHUP)
    guard bits.has(EPOLLIN) || failed || ended else { return .inactive }
    // Another thread may have taken it since it was reported.
    if bytes == 0 && !failed && !ended && !isReadable(descriptor) { return .inactive }
    // A datagram may be empty; where sizes are not told there is at least one byte.
    return Readiness(
      data: bytes < 0 ? 1 : bytes, fflags: failed ? UInt32(Socket(descriptor).pendingError) : 0,
      flags: ended ? endOfFile : 0)
  }

  /// Pipes and terminals: bytes, and an end when the other side has gone.
  private func sampleBytes(_ descriptor: CInt, _ bits: UInt32) -> Readiness {
    let bytes = Int(max(kq_readable_bytes(descriptor), 0))
    return .bytes(bytes, canBeRead: bits.has(EPOLLIN), hasEnded: bits.has(EPOLLHUP))
  }

  /// The writing end of a pipe: it has nothing to read, ever, but its end shows here, too (C-170). One end of a FIFO
  /// is not both ways, as pipe(2)'s are to a BSD.
  private func sampleReaders(_ descriptor: CInt, _ bits: UInt32) -> Readiness {
    bits.has(EPOLLERR) && Pipe.isNameless(descriptor) ? Readiness(data: 0, flags: endOfFile) : .inactive
  }

  /// A message queue, which is a file and can be polled: one message is taken at a time, so they are counted.
  private func sampleMessages(_ descriptor: CInt, _ bits: UInt32) -> Readiness {
    guard let messages = messages(descriptor) else { return sampleOther(descriptor, bits) }
    return messages > 0 ? Readiness(data: messages) : .inactive
  }

  /// Messages in a POSIX message queue; nil where the descriptor is none.
  private func messages(_ descriptor: CInt) -> Int? {
    var attributes = InlineArray<8, Int>(repeating: 0)  // struct mq_attr
    let result = withUnsafeMutableBytes(of: &attributes) {
      systemCall(KQ_SYS_MQ_GETSETATTR, Int(descriptor), 0, Int(bitPattern: $0.baseAddress))
    }
    return result == 0 ? attributes[3] : nil
  }

  /// A terminal's end of input (^D) is something to read of which no byte is counted.
  private func sampleTerminal(_ descriptor: CInt, _ bits: UInt32) -> Readiness {
    let readiness = sampleBytes(descriptor, bits)
    guard !readiness.isActive && bits.has(EPOLLIN) else { return readiness }
    return isReadable(descriptor) ? Readiness(data: 0) : .inactive
  }

  private mutating func sampleCounter(_ descriptor: CInt, _ bits: UInt32) -> Readiness {
    guard bits.has(EPOLLIN) || bits.has(EPOLLERR) else { return .inactive }
    guard let counter = counters.counter(of: descriptor, staysOwn: !validates) else { return Readiness(data: 1) }
    return counter == 0 ? .inactive : Readiness(data: Int(clamping: counter))
  }

  /// Whatever else polls: timerfd, signalfd, inotify, pidfd, another kqueue, a device.
  private func sampleOther(_ descriptor: CInt, _ bits: UInt32) -> Readiness {
    guard bits.has(EPOLLIN) || bits.has(EPOLLHUP) || bits.has(EPOLLERR) else { return .inactive }
    let bytes = bits.has(EPOLLIN) ? max(Int(kq_readable_bytes(descriptor)), 1) : 0
    return Readiness(data: bytes, flags: bits.has(EPOLLHUP) ? endOfFile : 0)
  }
}
