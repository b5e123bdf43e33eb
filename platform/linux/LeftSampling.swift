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
  /// Of a knote under EV_CLEAR: what of a readiness is news. The kernel may have reported it in an earlier pass, which had
  /// no room for it; and of what the program has looked at anew nothing is remembered.
  func news(_ knote: LinuxKnotePointer, _ readiness: Readiness) -> Readiness {
    guard readiness.isActive else { return quiet(knote, readiness) }
    let isLook = knote.pointee.status.contains(.again) && knote.pointee.platform.past.contains(.marked)
    let news = comparedWithMark(knote, readiness, isLook)
    guard news.isActive, isOldNews(knote, news), !isLook else { return news }
    return news.isLeft ? .polled : lookAgain(knote, news)
  }

  private func comparedWithMark(
    _ knote: LinuxKnotePointer, _ readiness: Readiness, _ isLook: Bool
  ) -> Readiness {
    switch knote.pointee.platform.kind(of: knote.pointee.descriptor) {
    case KQ_KIND_STREAM where knote.pointee.kind == .write: return newsOfRoom(knote, readiness, isLook)
    case KQ_KIND_STREAM where knote.pointee.isRead: return newsOfBytes(knote, readiness, isLook)
    default: return handsOutItems(knote) ? newsOfItems(knote, readiness, isLook) : readiness
    }
  }

  /// Nothing to deliver: what was told has been taken.
  private func quiet(_ knote: LinuxKnotePointer, _ readiness: Readiness) -> Readiness {
    guard knote.pointee.platform.past.contains(.marked) else { return readiness }
    knote.pointee.platform.forgetTold(streak: handsOutItems(knote) ? knote.pointee.platform.longerStreak : 0)
    return readiness
  }

  public mutating func isOver(_ index: UInt32, _ knotes: borrowing Knotes) -> Bool {
    let knote = knotes[index]
    guard knote.pointee.isRead && knote.pointee.has(EV_CLEAR) && knote.pointee.platform.place.isInSet,
      knote.pointee.platform.past.contains(.marked), polled(knote) == 0
    else { return false }
    _ = quiet(knote, .inactive)
    return true
  }

  private func handsOutItems(_ knote: LinuxKnotePointer) -> Bool {
    guard knote.pointee.isRead else { return false }
    switch knote.pointee.platform.kind(of: knote.pointee.descriptor) {
    case KQ_KIND_PACKET_STREAM, KQ_KIND_DATAGRAM, KQ_KIND_DEVICE: return true
    case KQ_KIND_OTHER: return !knote.pointee.platform.isWhole
    default: return false
    }
  }

  // MARK: Items

  private func newsOfItems(_ knote: LinuxKnotePointer, _ readiness: Readiness, _ isLook: Bool) -> Readiness {
    var mark: UInt32 = 0
    // An end or an error was told when it came.
    let isItem = readiness.data > 0 || readiness.flags & endOfFile == 0 && readiness.fflags == 0
    if !isItem { return quiet(knote, isLook ? .inactive : readiness) }
    if !isLook && knote.pointee.platform.streak >= Self.trust && isLocal(knote) { return trusting(knote, readiness) }
    if isLook && knote.pointee.platform.past.contains(.trusted) { knote.pointee.platform.streak = 0 }
    let kind = CInt(truncatingIfNeeded: knote.pointee.platform.kind(of: knote.pointee.descriptor).rawValue)
    let left = kq_items_left(knote.pointee.descriptor, kind, readiness.data, &mark)
    let isSame = left != KQ_LEFT_NOTHING && knote.pointee.platform.mark == mark
    let wasTrusted = knote.pointee.platform.past.contains(.trusted)
    if isLook && isSame && !wasTrusted && !knote.pointee.platform.isOverdue { return .polled }
    if left == KQ_LEFT_NOTHING {
      if knote.pointee.platform.kind(of: knote.pointee.descriptor) == KQ_KIND_OTHER {
        knote.pointee.platform.isWhole = true
      }
      // One item alone: those before it were taken, but where they had to be asked for.
      knote.pointee.platform.forgetTold(streak: isLook ? 0 : knote.pointee.platform.longerStreak)
      return readiness
    }
    knote.pointee.platform.past.remove(.trusted)
    knote.pointee.platform.remember(mark, isVague: left == KQ_LEFT_UNKNOWN)
    return readiness.thenLeft
  }

  /// To ask what a local socket holds takes long. Of a reader that took all so many times it is taken for granted, and
  /// where it once is not so, what lies there is told again once.
  private static var trust: UInt8 { 32 }

  private func trusting(_ knote: LinuxKnotePointer, _ readiness: Readiness) -> Readiness {
    knote.pointee.platform.past.insert(.trusted)
    knote.pointee.platform.remember(UInt32(truncatingIfNeeded: readiness.data), isVague: false)
    return readiness.thenLeft
  }

  private func isLocal(_ knote: LinuxKnotePointer) -> Bool {
    switch knote.pointee.platform.kind(of: knote.pointee.descriptor) {
    case KQ_KIND_PACKET_STREAM, KQ_KIND_DATAGRAM:
      return knote.pointee.platform.transport(of: knote.pointee.descriptor) == KQ_PROTOCOL_LOCAL
    default: return false
    }
  }

  // MARK: Bytes

  /// Whether a connection has as many bytes as were told before: then something else may have happened to it than
  /// an arrival. Messages of one size look so, too, so of a row of them ever fewer are looked at.
  @inline(__always)
  func isSuspicious(_ knote: LinuxKnotePointer, _ bytes: Int) -> Bool {
    guard knote.pointee.has(EV_CLEAR) else { return false }
    let mark = UInt32(truncatingIfNeeded: bytes)
    if knote.pointee.platform.mark != mark {
      knote.pointee.platform.mark = mark
      return false
    }
    return isDue(knote)
  }

  /// Whether one of a row is to be looked at: the first, second, fourth, ..., and every 64th.
  private func isDue(_ knote: LinuxKnotePointer) -> Bool {
    let streak = knote.pointee.platform.streak
    knote.pointee.platform.streak = streak >= 128 ? 65 : streak + 1
    return streak & (streak &- 1) == 0
  }

  /// An own shutdown(SHUT_WR), its acknowledgement, or a peer that will read no more, are edges without an arrival.
  private func newsOfBytes(
    _ knote: LinuxKnotePointer, _ readiness: Readiness, _ isLook: Bool
  ) -> Readiness {
    guard readiness.flags == 0 && readiness.fflags == 0 && !knote.pointee.wantsUrgent else { return readiness }
    let mark = UInt32(truncatingIfNeeded: readiness.data)
    if readiness.isLeft {  // a listener that does not say how many wait
      if isLook && !knote.pointee.platform.isOverdue { return .polled }
      knote.pointee.platform.remember(mark, isVague: true)
      return readiness
    }
    let isSame = knote.pointee.platform.mark == mark && readiness.data > 0
    if isLook && isSame && !knote.pointee.platform.isOverdue { return .polled }
    guard isSame && !isLook && sendingHasEnded(knote) else {
      knote.pointee.platform.past.remove(.marked)
      knote.pointee.platform.mark = mark
      return readiness
    }
    if kq_tcp_took_nothing(knote.pointee.descriptor, readiness.data) { return .inactive }
    knote.pointee.platform.remember(mark, isVague: true)
    return .polled
  }

  /// Whether the sending side was found shut for the first time; that of TCP changes once more when it is acknowledged.
  private func sendingHasEnded(_ knote: LinuxKnotePointer) -> Bool {
    let descriptor = knote.pointee.descriptor
    if knote.pointee.platform.past.contains(.otherEnd) { return isNewlyRefused(knote) }
    var (isShut, isEnding) = (false, false)
    if knote.pointee.platform.transport(of: descriptor) == KQ_PROTOCOL_TCP {
      let sender = kq_tcp_sender(descriptor)
      (isShut, isEnding) = (sender.is_shut, sender.is_ending)
    } else {
      isShut = kq_socket_send_shut(descriptor, KQ_PROTOCOL_LOCAL)
    }
    if isShut && !isEnding { knote.pointee.platform.past.insert(.otherEnd) }
    return isShut
  }

  private func isNewlyRefused(_ knote: LinuxKnotePointer) -> Bool {
    let descriptor = knote.pointee.descriptor
    guard !knote.pointee.platform.past.contains(.refused),
      knote.pointee.platform.transport(of: descriptor) == KQ_PROTOCOL_LOCAL, kq_local_peer_refuses(descriptor)
    else { return false }
    knote.pointee.platform.past.insert(.refused)
    return true
  }

  // MARK: Room

  /// Room is news where there was none, so not where nothing was written. TCP counts that; of another socket an end
  /// of the receiving side explains the edge where the room is as it was.
  private func newsOfRoom(_ knote: LinuxKnotePointer, _ readiness: Readiness, _ isLook: Bool) -> Readiness {
    guard readiness.flags == 0 && readiness.fflags == 0 else { return readiness }
    let descriptor = knote.pointee.descriptor
    let wasMarked = knote.pointee.platform.past.contains(.marked)
    guard knote.pointee.platform.transport(of: descriptor) != KQ_PROTOCOL_TCP else {
      let sender = kq_tcp_sender(descriptor)
      if wasMarked && sender.tells_written && sender.written == knote.pointee.platform.mark { return .inactive }
      if sender.tells_written { knote.pointee.platform.remember(sender.written, isVague: false) }
      return readiness
    }
    let mark = UInt32(truncatingIfNeeded: readiness.data)
    let isSame = wasMarked && knote.pointee.platform.mark == mark
    if isLook && isSame && !knote.pointee.platform.isOverdue { return .polled }
    if isSame && !isLook && isDue(knote) && receivingHasEnded(knote) {
      knote.pointee.platform.remember(mark, isVague: true)
      return .polled
    }
    knote.pointee.platform.remember(mark, isVague: false)
    return readiness
  }

  private func receivingHasEnded(_ knote: LinuxKnotePointer) -> Bool {
    let bits = UInt32(max(kq_poll(knote.pointee.descriptor, CInt(bitPattern: EPOLLRDHUP.rawValue)), 0))
    let isNew = bits.has(EPOLLRDHUP) && !knote.pointee.platform.past.contains(.otherEnd)
    if bits.has(EPOLLRDHUP) { knote.pointee.platform.past.insert(.otherEnd) }
    return isNew
  }
}
