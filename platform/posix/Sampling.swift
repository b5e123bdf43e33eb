import CKQueue
import CKQueueShims.POSIX
import KQueueCore

/// What an event for a knote on a descriptor says (contract 6.1, 6.2), as far as POSIX tells.
extension POSIXBackend {
  public mutating func sample(_ knote: POSIXKnoteRef, _ knotes: borrowing Knotes, reported: UInt32?) -> Readiness {
    let bytes = plainBytes(knote, reported: reported ?? 0)
    return bytes > 0 ? Readiness(data: bytes) : sampleClosely(knote, knotes, reported)
  }

  @inline(__always)
  public func plainBytes(_ knote: POSIXKnoteRef, reported: UInt32) -> Int {
    guard reported == UInt32(POLLIN) && knote.platform.plainLooks > 0 else { return 0 }
    knote.platform.plainLooks -= 1
    return kq_bytes(knote.descriptor)
  }

  /// Connections; one in a hundred looks is a close one, as for `plainBytes`.
  public func isPlainlyReadable(_ knote: POSIXKnoteRef, reported: UInt32) -> Bool {
    guard reported == UInt32(POLLIN) && knote.platform.plainLooks > 0 else { return false }
    knote.platform.plainLooks -= 1
    return true
  }

  private mutating func sampleClosely(_ knote: POSIXKnoteRef, _ knotes: borrowing Knotes, _ reported: UInt32?)
    -> Readiness
  {
    if knote.platform.place == .file { return isSameFile(knote) ? sampleFile(knote) : .gone }
    let asked = knote.isAlwaysEnough ? nil : reported
    guard let bits = asked ?? polled(knote), !bits.has(POLLNVAL), isSameFile(knote) else {
      return .gone
    }
    let now = glance(knote, bits)
    // Another thread had it, whose list this one's still is.
    if knote.platform.place == .quiet && !isNews(knote, now) { return .inactive }
    let readiness = sample(knote, now)
    follow(knote, knotes, isActive: readiness.isActive, now)
    return readiness
  }

  private func sample(_ knote: POSIXKnoteRef, _ now: Glance) -> Readiness {
    switch knote.kind {
    case .write: sampleWrite(knote, now)
    case .except: sampleUrgent(now)
    default: sampleReadOrUrgent(knote, now)
    }
  }

  private func polled(_ knote: POSIXKnoteRef) -> UInt32? {
    var entry = pollfd(fd: knote.descriptor, events: knote.interest, revents: 0)
    return kq_poll_now(&entry, 1) < 0 ? nil : UInt32(UInt16(bitPattern: entry.revents))
  }

  // MARK: READ

  func sampleRead(_ knote: POSIXKnoteRef, _ now: Glance) -> Readiness {
    switch knote.platform.kind(of: knote.descriptor) {
    case KQ_POSIX_STREAM, KQ_POSIX_PACKETS: return sampleStream(knote, now)
    case KQ_POSIX_PIPE_WRITE: return sampleReaders(knote, now)
    case KQ_POSIX_PIPE_READ, KQ_POSIX_PIPE_BOTH: return sampleBytes(now)
    case KQ_POSIX_DEVICE: return now.bits.has(POLLIN) ? Readiness(data: 0) : .inactive
    case KQ_POSIX_DATAGRAM: return sampleDatagram(knote, now)
    default: return sampleOther(knote, now)
    }
  }

  private func sampleStream(_ knote: POSIXKnoteRef, _ now: Glance) -> Readiness {
    let descriptor = knote.descriptor
    if kq_listens(descriptor) { return sampleListener(knote, now) }
    noteConnection(knote)
    if now.bits.has(POLLERR) { return failed(knote, Int(now.bytes), now.bits) }
    if knote.platform.hasListened && !knote.platform.wasConnected && now.bits.has(POLLHUP) {
      return .listenerIsShut
    }
    // A socket that never was connected is called hung up by some systems; that is no end (C-158).
    guard now.bits.has(POLLIN) else {
      return knote.isAlwaysEnough ? Readiness(data: Int(now.bytes)) : .inactive
    }
    let bytes = bytes(knote, now)
    if knote.platform.hasEnded { return Readiness(data: bytes, flags: endOfFile) }
    if knote.platform.kind(of: descriptor) == KQ_POSIX_PACKETS { return Readiness(data: bytes) }
    let least = knote.leastToRead(
      buffer: Int(kq_receive_buffer(descriptor)), lowWater: Int(kq_receive_low_water(descriptor)))
    notePlain(knote, least)
    return bytes >= least ? Readiness(data: bytes) : .inactive
  }

  /// A listener that is shut down tells its end (C-362): one of some families listens on, and one of others is as if
  /// it never was connected, so that only its past tells.
  private func sampleListener(_ knote: POSIXKnoteRef, _ now: Glance) -> Readiness {
    knote.platform.hasListened = true
    let isShut = now.bits.has(POLLHUP) || now.bits.has(POLLIN) && kq_is_receive_shut(knote.descriptor) > 0
    if isShut { return .listenerIsShut }
    return now.bits.has(POLLIN) ? Readiness(data: 1) : .inactive
  }

  /// The writing end of a pipe: nothing to read, ever, but its end shows here, too; not that of a FIFO (C-170).
  private func sampleReaders(_ knote: POSIXKnoteRef, _ now: Glance) -> Readiness {
    let ended = now.bits.has(POLLERR) || now.bits.has(POLLHUP)
    return ended && isNameless(knote.descriptor) ? Readiness(data: 0, flags: endOfFile) : .inactive
  }

  func isNameless(_ descriptor: CInt) -> Bool {
    var (own, other) = (kq_identity(), kq_identity())
    return kq_identity(descriptor, &own) == 0 && kq_identity(pipe.inside, &other) == 0 && own.device == other.device
  }

  /// Whether the next looks may be short ones. There is an end to them, by when a close that nobody saw is found
  /// (contract 6.14) and a new low-water mark; where closes go unseen there are none.
  private func notePlain(_ knote: POSIXKnoteRef, _ least: Int) {
    let isPlain =
      !validates && least <= 1 && knote.platform.wasConnected
      && !knote.has(EV_CLEAR | EV_DISPATCH | EV_ONESHOT) && knote.fflags == 0
    knote.platform.plainLooks = isPlain ? 100 : 0
  }

  /// The bytes that can be read; and notes the end. One that comes behind bytes does not show before they are taken,
  /// unless both sides are shut.
  private func bytes(_ knote: POSIXKnoteRef, _ now: Glance) -> Int {
    if now.bits.has(POLLHUP) {
      knote.platform.hasEnded = true
    } else if knote.platform.kind(of: knote.descriptor) == KQ_POSIX_PACKETS {
      knote.platform.hasEnded = false
    }
    guard now.bytes == 0 else { return Int(now.bytes) }
    switch kq_peek(knote.descriptor) {
    case 0: knote.platform.hasEnded = !isEmptyRecord(knote)
    case 1: return 1  // behind urgent data, where they are not counted
    default: break
    }
    return 0
  }

  /// Whether what is read as nothing is a record of no bytes and no end, where the system tells them apart. Elsewhere
  /// it is called an end, but taken for one only until the next look.
  private func isEmptyRecord(_ knote: POSIXKnoteRef) -> Bool {
    let descriptor = knote.descriptor
    return knote.platform.kind(of: descriptor) == KQ_POSIX_PACKETS && kq_is_receive_shut(descriptor) == 0
  }

  /// Taking SO_ERROR would rob the program of it. A connection that was up was reset, one that never was, refused.
  private func failed(_ knote: POSIXKnoteRef, _ data: Int, _ bits: UInt32) -> Readiness {
    let isRefused = bits.has(POLLHUP) && !knote.platform.wasConnected
    let error = isRefused ? ECONNREFUSED : ECONNRESET
    return Readiness(data: data, fflags: UInt32(error), flags: endOfFile)
  }

  /// A socket that is not connected any more may be connected anew.
  func noteConnection(_ knote: POSIXKnoteRef) {
    if knote.platform.wasConnected && !knote.platform.hasEnded { return }
    if kq_is_connected(knote.descriptor) {
      knote.platform.wasConnected = true
    } else {
      knote.platform.hasEnded = false
    }
  }

  private func sampleBytes(_ now: Glance) -> Readiness {
    .bytes(Int(now.bytes), canBeRead: now.bits.has(POLLIN), hasEnded: now.bits.has(POLLHUP))
  }

  /// A datagram may be empty. Taking the error would rob the program of it; it is nearly always this one.
  private func sampleDatagram(_ knote: POSIXKnoteRef, _ now: Glance) -> Readiness {
    if now.bits.has(POLLERR) { return Readiness(data: Int(now.bytes), fflags: UInt32(ECONNREFUSED)) }
    guard now.bits.has(POLLIN) || now.bits.has(POLLHUP) else { return .inactive }
    if now.bytes == 0 && kq_bytes(knote.descriptor) < 0 { return Readiness(data: 1) }
    return Readiness(data: Int(now.bytes), flags: now.bits.has(POLLHUP) ? endOfFile : 0)
  }

  /// Where sizes are not told there is at least one byte.
  private func sampleOther(_ knote: POSIXKnoteRef, _ now: Glance) -> Readiness {
    if now.bits.has(POLLHUP) { return Readiness(data: Int(now.bytes), flags: endOfFile) }
    return now.bits.has(POLLIN) || now.bits.has(POLLERR) ? Readiness(data: max(Int(now.bytes), 1)) : .inactive
  }

  // MARK: WRITE

  private func sampleWrite(_ knote: POSIXKnoteRef, _ now: Glance) -> Readiness {
    let bits = now.bits
    switch knote.platform.kind(of: knote.descriptor) {
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

  private func sampleRoom(_ knote: POSIXKnoteRef, _ bits: UInt32) -> Readiness {
    let descriptor = knote.descriptor
    if kq_listens(descriptor) { return .inactive }
    let room = Int(kq_send_buffer(descriptor))
    noteConnection(knote)
    if bits.has(POLLERR) { return failed(knote, room, bits) }
    if bits.has(POLLHUP) { return isOver(descriptor) ? Readiness(data: room, flags: endOfFile) : .inactive }
    guard bits.has(POLLOUT) else { return .inactive }
    if bits & Glance.isShut != 0 { return Readiness(data: room, flags: endOfFile) }
    return sampleEnough(knote, room)
  }

  /// Whether a stream that is called hung up was connected, and not only will be: one of which both sides are shut
  /// has no peer any more, but can be read as one that has ended (C-197).
  private func isOver(_ descriptor: CInt) -> Bool {
    kq_is_connected(descriptor) || kq_peek(descriptor) >= 0
  }

  private func sampleDatagramRoom(_ knote: POSIXKnoteRef, _ bits: UInt32) -> Readiness {
    let room = Int(kq_send_buffer(knote.descriptor))
    if bits.has(POLLERR) { return Readiness(data: room, fflags: UInt32(ECONNREFUSED)) }
    return bits.has(POLLOUT) ? sampleEnough(knote, room) : .inactive
  }

  private func sampleEnough(_ knote: POSIXKnoteRef, _ room: Int) -> Readiness {
    knote.asksForMore(than: room) ? .inactive : .room(room)
  }

  // MARK: Files

  /// No call of POSIX reports that a file has grown.
  private func sampleFile(_ knote: POSIXKnoteRef) -> Readiness {
    if !kq_is_open(knote.descriptor) { return .gone }
    guard knote.kind == .read else { return Readiness(data: 0) }
    var remaining: Int64 = 0
    var size: Int64 = 0
    guard kq_remaining(knote.descriptor, &remaining, &size) == 0 else { return .inactive }
    if remaining == 0 && knote.fflags & UInt32(NOTE_EOF) != 0 { return sampleEndOfFile(knote) }
    knote.platform.hasEnded = false
    let short = Glance(bits: UInt32(truncatingIfNeeded: size >> 32), bytes: UInt32(truncatingIfNeeded: size))
    if knote.has(EV_CLEAR) && isTold(knote, short) { return .polled }
    let always = knote.fflags & UInt32(NOTE_FILE_POLL) != 0
    guard remaining != 0 || always else { return .polled }
    knote.platform.told = short
    knote.platform.wasTold = true
    return .remaining(remaining).thenPolled
  }

  /// NOTE_EOF: the end of a file is told, too; under EV_CLEAR once (C-363).
  private func sampleEndOfFile(_ knote: POSIXKnoteRef) -> Readiness {
    let wasTold = knote.platform.hasEnded && knote.has(EV_CLEAR)
    knote.platform.hasEnded = true
    return wasTold ? .polled : .fileHasEnded.thenPolled
  }

  private func isTold(_ knote: POSIXKnoteRef, _ size: Glance) -> Bool {
    let told = knote.platform.told
    return knote.platform.wasTold && told.bytes == size.bytes && told.bits == size.bits
  }
}
