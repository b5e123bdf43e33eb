import CKQueueShims.Linux
import KQueueCore

/// WRITE on what can be polled (contract 6.2).
extension LinuxBackend {
  mutating func sampleWrite(_ knote: LinuxKnoteRef, _ bits: UInt32) -> Readiness {
    let descriptor = knote.descriptor
    switch knote.platform.kind(of: descriptor) {
    case .stream, .packetStream: return sampleStreamRoom(knote, bits)
    case .datagram: return sampleDatagramRoom(knote, bits)
    case .pipeWrite, .pipeBoth: return samplePipeRoom(descriptor, bits)
    case .pipeRead: return .inactive
    case .terminal: return sampleTerminalRoom(descriptor, bits)
    case .eventfd: return sampleCounterRoom(descriptor, bits)
    default: return bits.has(EPOLLOUT) ? Readiness(data: 0) : .inactive
    }
  }

  private func sampleStreamRoom(_ knote: LinuxKnoteRef, _ reported: UInt32) -> Readiness {
    let descriptor = knote.descriptor
    let bits = withHangup(knote, reported)
    let failed = hasFailed(knote, bits)
    if failed || bits.has(EPOLLHUP) {
      // EPOLLHUP without a shut receiving side: not connected, not failed, so nothing to tell (C-190).
      let shut = polledBits(descriptor, EPOLLRDHUP.rawValue).has(EPOLLRDHUP)
      guard failed || shut else { return sampleUnconnected(knote) }
      if Socket(descriptor).listens { return .inactive }
      return Readiness(
        data: Socket(descriptor).room, fflags: failed ? UInt32(Socket(descriptor).pendingError) : 0,
        flags: bits.has(EPOLLHUP) ? endOfFile : 0)
    }
    return bits.has(EPOLLOUT) ? sampleRoom(knote) : .inactive
  }

  /// The connect() of a local socket wakes nobody, nor does one that is put off until the first write (C-365), so it
  /// must be looked at again.
  private func sampleUnconnected(_ knote: LinuxKnoteRef) -> Readiness {
    let descriptor = knote.descriptor
    knote.platform.forgetTold()
    switch knote.platform.transport(of: descriptor) {
    case .local: return .polled
    case .tcp: return Socket(descriptor).defersConnect ? .polled : .unsettled
    default: return .inactive
    }
  }

  private func sampleDatagramRoom(_ knote: LinuxKnoteRef, _ bits: UInt32) -> Readiness {
    let descriptor = knote.descriptor
    if hasFailed(knote, bits) {
      return Readiness(
        data: Socket(descriptor).room, fflags: UInt32(Socket(descriptor).pendingError))
    }
    return bits.has(EPOLLOUT) ? sampleRoom(knote) : .inactive
  }

  /// A socket that can be written to, or whose sending side the program has shut (C-197).
  private func sampleRoom(_ knote: LinuxKnoteRef) -> Readiness {
    let descriptor = knote.descriptor
    let room = Socket(descriptor).room
    let kind = knote.platform.kind(of: descriptor)
    // Packets are not asked: the call that finds it out looks like a change to other waiters.
    if kind == .stream && Socket(descriptor).isSendingShut(knote.platform.transport(of: descriptor)) {
      return Readiness(data: room, flags: endOfFile)
    }
    guard knote.asksForMore(than: room) else { return .room(room) }
    // TCP wakes nobody for more room once there is some.
    let isLocal = knote.platform.transport(of: descriptor) == .local
    return kind == .stream && !isLocal ? .polled : .inactive
  }

  /// A connection that fails shows its error a moment before it is hung up.
  @inline(never)
  func withHangup(_ knote: LinuxKnoteRef, _ bits: UInt32) -> UInt32 {
    guard bits.has(EPOLLERR) && !bits.has(EPOLLHUP) else { return bits }
    return bits | polledBits(knote.descriptor, EPOLLRDHUP.rawValue)
  }

  /// Whether EPOLLERR says that the socket has failed. It comes also where somebody asked for notes in the socket's
  /// error queue and one waits there; a stream that failed is hung up as well.
  func hasFailed(_ knote: LinuxKnoteRef, _ bits: UInt32) -> Bool {
    guard bits.has(EPOLLERR) else { return false }
    return bits.has(EPOLLHUP) || !Socket(knote.descriptor).queuesErrors
  }

  private func samplePipeRoom(_ descriptor: CInt, _ bits: UInt32) -> Readiness {
    let room = Pipe.room(descriptor)
    if bits.has(EPOLLERR) { return Readiness(data: room, flags: endOfFile) }
    return bits.has(EPOLLOUT) && room >= Pipe.atomicSize ? Readiness(data: room) : .inactive
  }

  private func sampleTerminalRoom(_ descriptor: CInt, _ bits: UInt32) -> Readiness {
    let room = Terminal.room(descriptor)
    if bits.has(EPOLLHUP) { return Readiness(data: room, flags: endOfFile) }
    return bits.has(EPOLLOUT) ? Readiness(data: room) : .inactive
  }

  private mutating func sampleCounterRoom(_ descriptor: CInt, _ bits: UInt32) -> Readiness {
    guard bits.has(EPOLLOUT) else { return .inactive }
    guard let counter = counters.counter(of: descriptor, staysOwn: !validates) else { return Readiness(data: 1) }
    return Readiness(data: Int(clamping: UInt64.max - 1 - min(counter, UInt64.max - 1)))
  }
}
