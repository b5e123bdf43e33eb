import CKQueue
import CKQueueShims.POSIX
import KQueueCore

/// What an event for a knote on a descriptor says (contract 6.1, 6.2), as far as POSIX tells.
extension POSIXBackend {
  public mutating func sample(_ index: UInt32, _ knotes: borrowing Knotes, reported: UInt32?) -> Readiness {
    let knote = knotes[index]
    if knote.pointee.platform.place == .file { return sampleFile(knote) }
    guard let bits = reported ?? polled(knote), !bits.has(POLLNVAL), isSameFile(knote) else {
      return .gone
    }
    let now = signature(knote, bits)
    // Another thread had it, whose list this one's still is.
    if knote.pointee.platform.place == .quiet && now == knote.pointee.platform.told { return .inactive }
    let readiness = knote.pointee.kind == .write ? sampleWrite(knote, bits) : sampleRead(knote, bits)
    follow(index, knotes, isActive: readiness.isActive, now)
    return readiness
  }

  /// poll(2) knows levels only: what is told, or is nothing to deliver, must not be asked for as it is.
  private mutating func follow(_ index: UInt32, _ knotes: borrowing Knotes, isActive: Bool, _ now: UInt32) {
    let knote = knotes[index]
    if isActive && knote.pointee.has(EV_DISPATCH | EV_ONESHOT) {
      move(index, to: .idle, knotes)
    } else if !isActive || knote.pointee.has(EV_CLEAR) {
      knote.pointee.platform.told = now
      move(index, to: .quiet, knotes)
    }
  }

  private func polled(_ knote: POSIXKnotePointer) -> UInt32? {
    var entry = pollfd(fd: knote.pointee.descriptor, events: knote.pointee.interest, revents: 0)
    return kq_poll_now(&entry, 1) < 0 ? nil : UInt32(UInt16(bitPattern: entry.revents))
  }

  // MARK: READ

  private func sampleRead(_ knote: POSIXKnotePointer, _ bits: UInt32) -> Readiness {
    let descriptor = knote.pointee.descriptor
    switch knote.pointee.platform.kind(of: descriptor) {
    case KQ_POSIX_STREAM, KQ_POSIX_PACKETS: return sampleStream(knote, bits)
    case KQ_POSIX_PIPE_WRITE: return .inactive
    case KQ_POSIX_PIPE_READ, KQ_POSIX_PIPE_BOTH: return sampleBytes(descriptor, bits)
    case KQ_POSIX_DEVICE: return bits.has(POLLIN) ? Readiness(data: 0) : .inactive
    default: return sampleOther(knote, bits)
    }
  }

  private func sampleStream(_ knote: POSIXKnotePointer, _ bits: UInt32) -> Readiness {
    let descriptor = knote.pointee.descriptor
    if kq_listens(descriptor) { return bits.has(POLLIN) ? Readiness(data: 1) : .inactive }
    let bytes = Int(max(kq_bytes(descriptor), 0))
    noteConnection(knote)
    if bits.has(POLLERR) { return failed(knote, bytes, bits) }
    // A socket that never was connected is called hung up by some systems; that is no end (C-158).
    guard bits.has(POLLIN) else { return knote.pointee.isAlwaysEnough ? Readiness(data: bytes) : .inactive }
    // An end that comes behind bytes is not told before they are taken, unless both sides are shut.
    let ended = bits.has(POLLHUP) || bytes == 0 && kq_is_at_end(descriptor)
    if ended { return Readiness(data: bytes, flags: endOfFile) }
    return bytes >= threshold(knote) || knote.pointee.platform.kind(of: descriptor) == KQ_POSIX_PACKETS
      ? Readiness(data: bytes) : .inactive
  }

  /// Taking SO_ERROR would rob the program of it. A connection that was up was reset, one that never was, refused.
  private func failed(_ knote: POSIXKnotePointer, _ data: Int, _ bits: UInt32) -> Readiness {
    let isRefused = bits.has(POLLHUP) && !knote.pointee.platform.wasConnected
    let error = isRefused ? ECONNREFUSED : ECONNRESET
    return Readiness(data: data, fflags: UInt32(error), flags: endOfFile)
  }

  func noteConnection(_ knote: POSIXKnotePointer) {
    if !knote.pointee.platform.wasConnected && kq_is_connected(knote.pointee.descriptor) {
      knote.pointee.platform.wasConnected = true
    }
  }

  /// How many bytes the knote, or else the socket, asks for; more than the buffer holds would never come together.
  private func threshold(_ knote: POSIXKnotePointer) -> Int {
    guard knote.pointee.fflags & UInt32(NOTE_LOWAT) != 0 else {
      return Int(kq_receive_low_water(knote.pointee.descriptor))
    }
    return min(knote.pointee.data, Int(kq_receive_buffer(knote.pointee.descriptor)))
  }

  private func sampleBytes(_ descriptor: CInt, _ bits: UInt32) -> Readiness {
    let bytes = Int(max(kq_bytes(descriptor), 0))
    if bits.has(POLLHUP) { return Readiness(data: bytes, flags: endOfFile) }
    return bits.has(POLLIN) && bytes > 0 ? Readiness(data: bytes) : .inactive
  }

  private func sampleOther(_ knote: POSIXKnotePointer, _ bits: UInt32) -> Readiness {
    let isPacket = knote.pointee.platform.kind(of: knote.pointee.descriptor) == KQ_POSIX_DATAGRAM
    guard bits.has(POLLIN) || bits.has(POLLHUP) || bits.has(POLLERR) else { return .inactive }
    let bytes = Int(kq_bytes(knote.pointee.descriptor))
    // A datagram may be empty; where sizes are not told there is at least one byte.
    return Readiness(data: bytes < 0 || bytes == 0 && !isPacket ? 1 : bytes, flags: bits.has(POLLHUP) ? endOfFile : 0)
  }

  // MARK: WRITE

  private func sampleWrite(_ knote: POSIXKnotePointer, _ bits: UInt32) -> Readiness {
    let descriptor = knote.pointee.descriptor
    switch knote.pointee.platform.kind(of: descriptor) {
    case KQ_POSIX_STREAM, KQ_POSIX_PACKETS: return sampleRoom(knote, bits)
    case KQ_POSIX_PIPE_READ: return .inactive
    case KQ_POSIX_PIPE_WRITE, KQ_POSIX_PIPE_BOTH:
      if bits.has(POLLERR) { return Readiness(data: 0, flags: endOfFile) }
      return bits.has(POLLOUT) ? Readiness(data: 1) : .inactive
    case KQ_POSIX_DEVICE: return bits.has(POLLOUT) ? Readiness(data: 0) : .inactive
    case KQ_POSIX_DATAGRAM: return sampleDatagramRoom(knote, bits)
    default: return bits.has(POLLOUT) ? Readiness(data: 1, flags: bits.has(POLLHUP) ? endOfFile : 0) : .inactive
    }
  }

  private func sampleRoom(_ knote: POSIXKnotePointer, _ bits: UInt32) -> Readiness {
    let descriptor = knote.pointee.descriptor
    if kq_listens(descriptor) { return .inactive }
    let room = Int(kq_send_buffer(descriptor))
    noteConnection(knote)
    if bits.has(POLLERR) { return failed(knote, room, bits) }
    if bits.has(POLLHUP) { return kq_is_connected(descriptor) ? Readiness(data: room, flags: endOfFile) : .inactive }
    guard bits.has(POLLOUT) else { return .inactive }
    let isStream = knote.pointee.platform.kind(of: descriptor) == KQ_POSIX_STREAM
    if isStream && kq_is_send_shut(descriptor) { return Readiness(data: room, flags: endOfFile) }
    return sampleEnough(knote, room)
  }

  private func sampleDatagramRoom(_ knote: POSIXKnotePointer, _ bits: UInt32) -> Readiness {
    let room = Int(kq_send_buffer(knote.pointee.descriptor))
    if bits.has(POLLERR) { return Readiness(data: room, fflags: UInt32(ECONNREFUSED)) }
    return bits.has(POLLOUT) ? sampleEnough(knote, room) : .inactive
  }

  private func sampleEnough(_ knote: POSIXKnotePointer, _ room: Int) -> Readiness {
    let asksForMore = knote.pointee.fflags & UInt32(NOTE_LOWAT) != 0 && room < knote.pointee.data
    return asksForMore ? .inactive : Readiness(data: max(room, 1))
  }

  // MARK: Files

  private func sampleFile(_ knote: POSIXKnotePointer) -> Readiness {
    if !kq_is_open(knote.pointee.descriptor) { return .gone }
    guard knote.pointee.kind == .read else { return Readiness(data: 0) }
    var remaining: Int64 = 0
    guard kq_remaining(knote.pointee.descriptor, &remaining) == 0 else { return .inactive }
    let always = knote.pointee.fflags & UInt32(NOTE_FILE_POLL) != 0
    // Nobody tells that a file has grown.
    return remaining != 0 || always ? Readiness(data: Int(remaining)) : .polled
  }
}
