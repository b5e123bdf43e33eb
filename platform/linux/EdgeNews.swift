import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// What EV_CLEAR makes of conditions that epoll tells by edges.
///
/// An edge is an arrival, and nobody tells what is left behind by a reader that takes one item of several (C-346,
/// C-367). An edge is also whatever else befalls the descriptor, and is then nothing new (C-147, C-182, C-187). Both
/// is told by comparing a mark of what was told with one of what there is. Where the same mark can be both, it is
/// told again after a second: late at worst, but not lost.
extension LinuxBackend {
  /// Of a knote under EV_CLEAR: what of a readiness is news. The kernel may have reported it in an earlier pass, which
  /// had no room for it; and of what the program has looked at anew nothing is remembered.
  func news(_ knote: LinuxKnoteRef, _ readiness: Readiness) -> Readiness {
    guard readiness.isActive else { return quiet(knote, readiness) }
    let isLook = knote.status.contains(.again) && knote.platform.past.contains(.marked)
    let news = comparedWithMark(knote, readiness, isLook)
    guard news.isActive, isOldNews(knote, news), !isLook else { return news }
    return news.next == .taken ? .polled : lookAgain(knote, news)
  }

  private func comparedWithMark(_ knote: LinuxKnoteRef, _ readiness: Readiness, _ isLook: Bool) -> Readiness {
    switch knote.platform.kind(of: knote.descriptor) {
    case .stream where knote.kind == .write: return newsOfRoom(knote, readiness, isLook)
    case .stream where knote.isRead: return newsOfBytes(knote, readiness, isLook)
    default: return handsOutItems(knote) ? newsOfItems(knote, readiness, isLook) : readiness
    }
  }

  /// Nothing to deliver: what was told has been taken.
  private func quiet(_ knote: LinuxKnoteRef, _ readiness: Readiness) -> Readiness {
    guard knote.platform.past.contains(.marked) else { return readiness }
    knote.platform.forgetTold(streak: handsOutItems(knote) ? knote.platform.longerStreak : 0)
    return readiness
  }

  public mutating func isOver(_ knote: LinuxKnoteRef) -> Bool {
    guard knote.isRead && knote.has(EV_CLEAR) && knote.platform.place.isInSet,
      knote.platform.past.contains(.marked), polled(knote) == 0
    else { return false }
    _ = quiet(knote, .inactive)
    return true
  }

  private func handsOutItems(_ knote: LinuxKnoteRef) -> Bool {
    guard knote.isRead else { return false }
    switch knote.platform.kind(of: knote.descriptor) {
    case .packetStream, .datagram, .device: return true
    case .other: return !knote.platform.isWhole
    default: return false
    }
  }

  // MARK: Items

  private func newsOfItems(_ knote: LinuxKnoteRef, _ readiness: Readiness, _ isLook: Bool) -> Readiness {
    // An end or an error was told when it came.
    let isItem = readiness.data > 0 || readiness.flags & endOfFile == 0 && readiness.fflags == 0
    if !isItem { return quiet(knote, isLook ? .inactive : readiness) }
    if !isLook && knote.platform.streak >= Self.trust && isLocal(knote) { return trusting(knote, readiness) }
    if isLook && knote.platform.past.contains(.trusted) { knote.platform.streak = 0 }
    let left = ItemsLeft(knote.descriptor, knote.platform.kind(of: knote.descriptor), readiness.data)
    let isSame = left.mark == knote.platform.mark
    let wasTrusted = knote.platform.past.contains(.trusted)
    if isLook && isSame && !wasTrusted && !knote.platform.isOverdue { return .polled }
    if isLook && !wasTrusted && left.isVague && !knote.platform.past.contains(.vague), let mark = left.mark {
      // What was told of exactly is not any more, as when a local sender has gone. That is no news by itself.
      knote.platform.remember(mark, isVague: true)
      return .polled
    }
    guard let mark = left.mark else {
      if knote.platform.kind(of: knote.descriptor) == .other {
        knote.platform.isWhole = true
      }
      // One item alone: those before it were taken, but where they had to be asked for.
      knote.platform.forgetTold(streak: isLook ? 0 : knote.platform.longerStreak)
      return readiness
    }
    knote.platform.past.remove(.trusted)
    knote.platform.remember(mark, isVague: left.isVague)
    return readiness.thenLeft
  }

  /// To ask what a local socket holds takes long. Of a reader that took all so many times it is taken for granted, and
  /// where it once is not so, what lies there is told again once.
  private static var trust: UInt8 { 32 }

  private func trusting(_ knote: LinuxKnoteRef, _ readiness: Readiness) -> Readiness {
    knote.platform.past.insert(.trusted)
    knote.platform.remember(UInt32(truncatingIfNeeded: readiness.data), isVague: false)
    return readiness.thenLeft
  }

  private func isLocal(_ knote: LinuxKnoteRef) -> Bool {
    switch knote.platform.kind(of: knote.descriptor) {
    case .packetStream, .datagram:
      return knote.platform.transport(of: knote.descriptor) == .local
    default: return false
    }
  }

  // MARK: Bytes

  /// Whether a connection has as many bytes as were told before: then something else may have happened to it than
  /// an arrival. Messages of one size look so, too, so of a row of them ever fewer are looked at.
  @inline(__always)
  func isSuspicious(_ knote: LinuxKnoteRef, _ bytes: Int) -> Bool {
    guard knote.has(EV_CLEAR) else { return false }
    let mark = UInt32(truncatingIfNeeded: bytes)
    if knote.platform.mark != mark {
      knote.platform.mark = mark
      return false
    }
    return isDue(knote)
  }

  /// Whether one of a row is to be looked at: the first, second, fourth, ..., and every 64th.
  private func isDue(_ knote: LinuxKnoteRef) -> Bool {
    let streak = knote.platform.streak
    knote.platform.streak = streak >= 128 ? 65 : streak + 1
    return streak & (streak &- 1) == 0
  }

  /// An own shutdown(SHUT_WR), its acknowledgement, or a peer that will read no more, are edges without an arrival.
  private func newsOfBytes(_ knote: LinuxKnoteRef, _ readiness: Readiness, _ isLook: Bool) -> Readiness {
    guard readiness.flags == 0 && readiness.fflags == 0 && !knote.wantsUrgent else { return readiness }
    let mark = UInt32(truncatingIfNeeded: readiness.data)
    if readiness.next == .taken {  // a listener that does not say how many wait
      if isLook && !knote.platform.isOverdue { return .polled }
      knote.platform.remember(mark, isVague: true)
      return readiness
    }
    let isSame = knote.platform.mark == mark && readiness.data > 0
    if isLook && isSame && !knote.platform.isOverdue { return .polled }
    if isSame && !isLook && isAcknowledgement(knote, readiness.data) { return .inactive }
    guard isSame && !isLook && sendingHasEnded(knote) else {
      knote.platform.past.remove(.marked)
      knote.platform.mark = mark
      return readiness
    }
    if TCPConnection(Socket(knote.descriptor)).tookNothing(unread: readiness.data) { return .inactive }
    knote.platform.remember(mark, isVague: true)
    return .polled
  }

  /// Whether the sending side was found shut for the first time; that of TCP changes once more when it is acknowledged.
  private func sendingHasEnded(_ knote: LinuxKnoteRef) -> Bool {
    let descriptor = knote.descriptor
    if knote.platform.past.contains(.otherEnd) { return isNewlyRefused(knote) }
    var (isShut, isEnding) = (false, false)
    if knote.platform.transport(of: descriptor) == .tcp {
      let connection = TCPConnection(Socket(descriptor))
      (isShut, isEnding) = (connection.isShut, connection.isEnding)
    } else {
      isShut = Socket(descriptor).isSendingShut(.local)
    }
    if isShut && !isEnding { knote.platform.past.insert(.otherEnd) }
    return isShut
  }

  /// Whether an edge is the acknowledgement of the own end of TCP, which comes once, also after the state that it makes was
  /// seen. That shows where nothing was ever read; else it is taken for an arrival, which must not be told late.
  private func isAcknowledgement(_ knote: LinuxKnoteRef, _ unread: Int) -> Bool {
    guard knote.platform.past.contains(.otherEnd), !knote.platform.past.contains(.refused),
      knote.platform.transport(of: knote.descriptor) == .tcp
    else { return false }
    knote.platform.past.insert(.refused)
    return TCPConnection(Socket(knote.descriptor)).tookNothing(unread: unread)
  }

  private func isNewlyRefused(_ knote: LinuxKnoteRef) -> Bool {
    let descriptor = knote.descriptor
    guard !knote.platform.past.contains(.refused),
      knote.platform.transport(of: descriptor) == .local, SocketDiagnosis.peerRefuses(descriptor)
    else { return false }
    knote.platform.past.insert(.refused)
    return true
  }

  // MARK: Room

  /// Room is news where there was none, so not where nothing was written. TCP counts that, from Linux 4.19 on; of another
  /// socket an end of the receiving side explains the edge where the room is as it was.
  private func newsOfRoom(_ knote: LinuxKnoteRef, _ readiness: Readiness, _ isLook: Bool) -> Readiness {
    guard readiness.flags == 0 && readiness.fflags == 0 else { return readiness }
    let descriptor = knote.descriptor
    let wasMarked = knote.platform.past.contains(.marked)
    if knote.platform.transport(of: descriptor) == .tcp, let written = TCPConnection(Socket(descriptor)).written {
      if wasMarked && written == knote.platform.mark { return .inactive }
      knote.platform.remember(written, isVague: false)
      return readiness
    }
    let mark = UInt32(truncatingIfNeeded: readiness.data)
    let isSame = wasMarked && knote.platform.mark == mark
    if isLook && isSame && !knote.platform.isOverdue { return .polled }
    if isSame && !isLook && isDue(knote) && receivingHasEnded(knote) {
      knote.platform.remember(mark, isVague: true)
      return .polled
    }
    knote.platform.remember(mark, isVague: false)
    return readiness
  }

  private func receivingHasEnded(_ knote: LinuxKnoteRef) -> Bool {
    let bits = polledBits(knote.descriptor, EPOLLRDHUP.rawValue)
    let isNew = bits.has(EPOLLRDHUP) && !knote.platform.past.contains(.otherEnd)
    if bits.has(EPOLLRDHUP) { knote.platform.past.insert(.otherEnd) }
    return isNew
  }
}
