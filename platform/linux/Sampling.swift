import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// What an event for a knote on a descriptor says (contract 6.1, 6.2).
extension LinuxBackend {
  @inline(__always)
  public mutating func sample(_ index: UInt32, _ knotes: borrowing Knotes, reported: UInt32?) -> Readiness {
    let knote = knotes[index]
    let bytes = plainBytes(knote, reported: reported ?? 0)
    if bytes > 0 && !isSuspicious(knote, bytes) { return Readiness(data: bytes) }
    return sampleClosely(index, knote, reported)
  }

  @inline(__always)
  public func plainBytes(_ knote: LinuxKnotePointer, reported: UInt32) -> Int {
    guard reported == EPOLLIN.rawValue && knote.pointee.platform.isPlain && !knote.pointee.platform.isMuted else {
      return 0
    }
    return kq_readable_bytes(knote.pointee.descriptor)
  }

  /// Sockets and pipes. An entry that is muted reports what may be nothing to deliver.
  public func isPlainlyReadable(_ knote: LinuxKnotePointer, reported: UInt32) -> Bool {
    guard
      reported == EPOLLIN.rawValue && knote.pointee.isRead && knote.pointee.fflags == 0 && !validates
        && !knote.pointee.platform.isMuted && knote.pointee.platform.place.isInSet
    else { return false }
    switch knote.pointee.platform.kind(of: knote.pointee.descriptor) {
    case KQ_KIND_STREAM, KQ_KIND_DATAGRAM, KQ_KIND_PIPE_READ: return true
    default: return false
    }
  }

  @inline(never)
  private func sampleClosely(_ index: UInt32, _ knote: LinuxKnotePointer, _ reported: UInt32?) -> Readiness {
    if validates && knote.pointee.platform.place != .always && !isSameFile(knote) { return .gone }
    switch knote.pointee.platform.place {
    case .file, .always:
      // Nothing else would tell that another file has the number.
      if !isSameFile(knote) { return .gone }
      return knote.pointee.kind == .empty ? sampleEmpty(knote) : sampleUnpollable(knote)
    case .none, .facility, .child, .lookedAt: return .gone
    case .main, .firstSide, .secondSide, .thirdSide: break
    }
    guard let bits = reported ?? polled(knote) else { return .gone }
    var readiness = sampleCondition(knote, bits)
    if knote.pointee.has(EV_CLEAR) { readiness = news(knote, readiness) }
    // Later events of such a knote are told without the checks below, see `plainBytes`; so is this one.
    if readiness.isActive && knote.pointee.platform.isPlain && isPlainlyReadable(knote, reported: reported ?? 0) {
      return readiness
    }
    // A close by a raw system call, which nobody sees, leaves a report of the file that was there, or a condition of the
    // one that is there now (C-119, C-123, C-126).
    if !isSameFile(knote) { return .gone }
    followUp(index, knote, wasReported: reported != nil, isActive: readiness.isActive)
    return readiness
  }

  private func sampleCondition(_ knote: LinuxKnotePointer, _ bits: UInt32) -> Readiness {
    switch knote.pointee.kind {
    case .write: sampleWrite(knote, bits)
    case .except: sampleUrgent(knote, bits)
    default: knote.pointee.wantsUrgent ? sampleReadOrUrgent(knote, bits) : sampleRead(knote, bits)
    }
  }

  /// The bits that the descriptor has now, or nil where it is closed.
  func polled(_ knote: LinuxKnotePointer) -> UInt32? {
    let bits = kq_poll(knote.pointee.descriptor, CInt(bitPattern: knote.pointee.interest))
    return bits < 0 ? nil : UInt32(bits)
  }

  /// Keeps an entry from reporting for ever what is not to be delivered, and undoes that when it is.
  private func followUp(_ index: UInt32, _ knote: LinuxKnotePointer, wasReported: Bool, isActive: Bool) {
    let isLevel = !knote.pointee.has(EV_CLEAR | EV_ONESHOT | EV_DISPATCH)
    if isActive {
      if knote.pointee.platform.isMuted && isLevel { setMuted(false, index, knote) }
      return
    }
    // An entry that reports once did so, now or in an earlier pass; one by edges needs nothing.
    let reportsOnce = knote.pointee.has(EV_ONESHOT | EV_DISPATCH)
    guard !knote.pointee.platform.isMuted && (reportsOnce || wasReported && isLevel) else { return }
    // Gone in the meantime, taken by another thread or process: the kernel will be quiet by itself.
    if isLevel, let bits = polled(knote), bits == 0 { return }
    setMuted(true, index, knote)
  }

  /// Files and devices: always ready, but for READ on a file at its end.
  private func sampleUnpollable(_ knote: LinuxKnotePointer) -> Readiness {
    guard knote.pointee.isRead else { return Readiness(data: 0) }
    let kind = knote.pointee.platform.kind(of: knote.pointee.descriptor)
    guard kind == KQ_KIND_FILE || kind == KQ_KIND_DIRECTORY else { return Readiness(data: 0) }
    var remaining: Int64 = 0
    let result = kq_file_remaining(knote.pointee.descriptor, &remaining)
    guard result == 0 else { return result == -EBADF ? .inactive : .unsettled }
    let always = knote.pointee.fflags & UInt32(NOTE_FILE_POLL) != 0
    let isTold = knote.pointee.platform.place == .file
    if remaining == 0 && knote.pointee.fflags & UInt32(NOTE_EOF) != 0 { return sampleEndOfFile(knote, isTold) }
    knote.pointee.platform.isEndTold = false
    if isTold && knote.pointee.fflags & UInt32(NOTE_EOF) != 0 && knote.pointee.has(EV_CLEAR) {
      // Nobody tells that a reader has come to the end.
      return knote.pointee.status.contains(.again) ? .polled : Readiness(data: Int(clamping: remaining)).thenLeft
    }
    if !isTold && !always { return sampleUntold(knote, remaining) }
    // At its end: growth is told, but not that the program moves the offset.
    return remaining != 0 || always ? Readiness(data: Int(clamping: remaining)) : .unsettled
  }

  /// NOTE_EOF: the end of a file is told, too; under EV_CLEAR once (C-363).
  private func sampleEndOfFile(_ knote: LinuxKnotePointer, _ isTold: Bool) -> Readiness {
    if knote.pointee.has(EV_CLEAR) && knote.pointee.platform.isEndTold { return isTold ? .unsettled : .polled }
    knote.pointee.platform.isEndTold = true
    let end = Readiness(data: 0, fflags: UInt32(NOTE_EOF))
    return isTold ? end : end.thenPolled
  }

  /// A file of which nobody tells that it has grown; under EV_CLEAR it is told again once it has changed.
  private func sampleUntold(_ knote: LinuxKnotePointer, _ remaining: Int64) -> Readiness {
    let mark = kq_file_mark(knote.pointee.descriptor)
    guard remaining != 0 && !(knote.pointee.has(EV_CLEAR) && mark == knote.pointee.platform.toldMark) else {
      return .polled
    }
    knote.pointee.platform.toldMark = mark
    return Readiness(data: Int(clamping: remaining)).thenPolled
  }
}

/// Bits of poll(2) as a knote was reported with.
extension UInt32 {
  @inline(__always)
  func has(_ bits: EPOLL_EVENTS) -> Bool {
    self & bits.rawValue != 0
  }
}

let endOfFile = UInt16(EV_EOF)
