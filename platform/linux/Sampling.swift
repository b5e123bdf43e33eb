import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// What an event for a knote on a descriptor says (contract 6.1, 6.2).
extension LinuxBackend {
  @inline(__always)
  public mutating func sample(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes, reported: UInt32?) -> Readiness {
    let bytes = plainBytes(knote, reported: reported ?? 0)
    if bytes > 0 && !isSuspicious(knote, bytes) { return Readiness(data: bytes) }
    if knote.has(EV_ONESHOT), let bytes = plainBytesOnce(knote, reported) { return Readiness(data: bytes) }
    if let bytes = plainBytesOfPipe(knote, reported), !isSuspicious(knote, bytes) { return Readiness(data: bytes) }
    return sampleClosely(knote, knotes, reported)
  }

  /// A knote that goes with its first event: to find out what its descriptor is would be for nothing, and whether the
  /// number is its file's still is found out as its watch ends.
  /// - Returns: how many bytes there are, or nil where that is not all that is to be said.
  @inline(never)
  private func plainBytesOnce(_ knote: LinuxKnoteRef, _ reported: UInt32?) -> Int? {
    guard isOfBytesAlone(knote, reported), !knote.has(EV_CLEAR) else { return nil }
    let bytes = kq_readable_bytes(knote.descriptor)
    return bytes > 0 && Socket(knote.descriptor).lowWater <= 1 ? bytes : nil
  }

  @inline(__always)
  public func plainBytes(_ knote: LinuxKnoteRef, reported: UInt32) -> Int {
    guard reported == EPOLLIN.rawValue && knote.platform.isPlain && !knote.platform.isMuted else {
      return 0
    }
    return kq_readable_bytes(knote.descriptor)
  }

  /// - Returns: how many bytes a pipe has, if that is all that is to be said; nil, too, where its number may name
  ///   another file by now.
  @inline(never)
  private mutating func plainBytesOfPipe(_ knote: LinuxKnoteRef, _ reported: UInt32?) -> Int? {
    let kind = knote.platform.kindIfKnown
    guard reported == EPOLLIN.rawValue, kind == .pipeRead || kind == .pipeBoth,
      knote.isRead && knote.fflags == 0 && !knote.platform.isMuted && knote.platform.place == .main
    else { return nil }
    let bytes = kq_readable_bytes(knote.descriptor)
    return bytes > 0 && main.holds(knote.descriptor) ? bytes : nil
  }

  /// Whether a report says that there are bytes, and nothing else, where closes are seen. An entry that is muted reports
  /// what may be nothing to deliver.
  @inline(__always)
  private func isOfBytesAlone(_ knote: LinuxKnoteRef, _ reported: UInt32?) -> Bool {
    reported == EPOLLIN.rawValue && knote.isRead && knote.fflags == 0 && !validates
      && !knote.platform.isMuted && knote.platform.place.isInSet
  }

  /// Sockets, pipes and eventfds.
  public func isPlainlyReadable(_ knote: LinuxKnoteRef, reported: UInt32) -> Bool {
    guard isOfBytesAlone(knote, reported) else { return false }
    switch knote.platform.kind(of: knote.descriptor) {
    case .pipeRead, .pipeBoth, .eventfd: return true
    case let kind: return Self.isSocket(kind)
    }
  }

  private static func isSocket(_ kind: DescriptorKind) -> Bool {
    kind == .stream || kind == .packetStream || kind == .datagram
  }

  @inline(never)
  private mutating func sampleClosely(
    _ knote: LinuxKnoteRef, _ knotes: borrowing Knotes, _ reported: UInt32?
  ) -> Readiness {
    if validates && knote.platform.place != .always && !isSameFile(knote) { return .gone }
    switch knote.platform.place {
    case .file, .always:
      // Nothing else would tell that another file has the number.
      if !isSameFile(knote) { return .gone }
      return knote.kind == .empty ? sampleEmpty(knote) : sampleUnpollable(knote)
    case .none, .facility, .child, .lookedAt: return .gone
    case .main, .shared, .firstSide, .secondSide, .thirdSide: break
    }
    guard let bits = reported ?? polled(knote) else { return .gone }
    var readiness = sampleCondition(knote, bits)
    if knote.has(EV_CLEAR) { readiness = news(knote, readiness) }
    // Later events of a socket are told without the checks below, see `plainBytes`; so is this one.
    if readiness.isActive && isOfBytesAlone(knote, reported)
      && Self.isSocket(knote.platform.kind(of: knote.descriptor))
    {
      return readiness
    }
    // A close by a raw system call, which nobody sees, leaves a report of the file that was there, or a condition of
    // the one that is there now (C-119, C-123, C-126). An event under EV_ONESHOT ends the watch, and the core drops the
    // event where that fails: the number names another file.
    let endsNow = readiness.isActive && knote.has(EV_ONESHOT)
    if !endsNow && !isSameFile(knote) { return .gone }
    let isReportedAnew = followUp(knote, knotes, wasReported: reported != nil, isActive: readiness.isActive)
    return isReportedAnew ? readiness.thenReportedAnew : readiness
  }

  private mutating func sampleCondition(_ knote: LinuxKnoteRef, _ bits: UInt32) -> Readiness {
    switch knote.kind {
    case .write: sampleWrite(knote, bits)
    case .except: sampleUrgent(knote, bits)
    default: knote.wantsUrgent ? sampleReadOrUrgent(knote, bits) : sampleRead(knote, bits)
    }
  }

  /// The bits that the descriptor has now, or nil where it is closed.
  func polled(_ knote: LinuxKnoteRef) -> UInt32? {
    let bits = pollNow(knote.descriptor, knote.interest)
    return bits < 0 ? nil : UInt32(bits)
  }

  /// Keeps an entry from reporting for ever what is not to be delivered, and undoes that when it is.
  /// - Returns: whether it reports that once more for it.
  private mutating func followUp(
    _ knote: LinuxKnoteRef, _ knotes: borrowing Knotes, wasReported: Bool, isActive: Bool
  ) -> Bool {
    let isLevel = !knote.has(EV_CLEAR | EV_ONESHOT | EV_DISPATCH)
    if isActive {
      if knote.platform.isMuted && isLevel { setMuted(false, knote, knotes) }
      return false
    }
    // An entry that reports once did so, now or in an earlier pass; one by edges needs nothing.
    let reportsOnce = knote.has(EV_ONESHOT | EV_DISPATCH)
    guard !knote.platform.isMuted && (reportsOnce || wasReported && isLevel) else { return false }
    // Gone in the meantime, taken by another thread or process: the kernel will be quiet by itself.
    if isLevel, let bits = polled(knote), bits == 0 { return false }
    setMuted(true, knote, knotes)
    return true
  }
}

/// Bits of poll(2) as a knote was reported with.
extension UInt32 {
  @inline(__always)
  func has(_ bits: EPOLL_EVENTS) -> Bool {
    self & bits.rawValue != 0
  }
}
