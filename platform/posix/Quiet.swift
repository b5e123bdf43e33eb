import CKQueue
import CKQueueShims.POSIX
import KQueueCore

/// What poll(2) and the descriptor say at one time.
struct Glance: BitwiseCopyable {
  var bits: UInt32
  var bytes: UInt32

  /// Beside the bits of poll(2): the program shut the sending side down.
  static var isShut: UInt32 { 1 << 16 }
}

/// Knotes that poll(2) calls ready though there is nothing to deliver: they were delivered under EV_CLEAR, or their
/// condition is not poll's.
///
/// poll(2) tells a level, and nobody what was taken and came between two looks. So what looks as it was told may be
/// what nobody has read, which is not to be told again (C-147), or all new, which must not be lost. It is taken for
/// new where the thread that was told comes back and the program is known to take all that it is told of; else it is
/// told again after a while.
extension POSIXBackend {
  /// Returns quiet knotes that have news to the table that poll(2) is given.
  mutating func lookAtQuiet(_ knotes: borrowing Knotes) {
    guard quiet.count > 0, kq_poll_now(quiet.entries, quiet.count) >= 0 else { return }
    var place = quiet.count
    while place > 0 {
      place -= 1
      let knote = knotes[quiet.token(place).index]
      let bits = UInt32(UInt16(bitPattern: quiet.entries.unsafelyUnwrapped[place].revents))
      if bits == 0 { knote.noteEmpty() }
      if bits == 0 || isNews(knote, glance(knote, bits)) { move(knote, to: .awaited, knotes) }
    }
  }

  func glance(_ knote: POSIXKnoteRef, _ bits: UInt32) -> Glance {
    let descriptor = knote.descriptor
    if knote.kind == .except { return glanceForUrgent(knote, bits) }
    if knote.kind == .read {
      return Glance(bits: bits, bytes: UInt32(clamping: max(kq_bytes(descriptor), 0)))
    }
    let isStream = knote.platform.kind(of: descriptor) == KQ_POSIX_STREAM
    let isShut = isStream && !bits.has(POLLHUP) && kq_is_send_shut(descriptor)
    return Glance(bits: bits | (isShut ? Glance.isShut : 0), bytes: 0)
  }

  /// Whether there is something to tell. What it looks like by now is noted where there is not.
  func isNews(_ knote: POSIXKnoteRef, _ now: Glance) -> Bool {
    let told = knote.platform.told
    let hasNew = now.bits & ~told.bits & ~implied(knote) != 0 || now.bytes > told.bytes
    if hasNew || isTaken(knote, now) || endShows(knote, now) {
      knote.platform.repeats = 0
      return true
    }
    if knote.platform.wasTold { return mayBeNew(knote, now) }
    // The bits may be older than the bytes, which another thread took: then an end looks as that did, and is found
    // late.
    return now.bits != told.bits || now.bytes != told.bytes || hasWaited(knote, Self.patience)
  }

  /// Whether another item is the first than that which was told (C-346).
  private func isTaken(_ knote: POSIXKnoteRef, _ now: Glance) -> Bool {
    let isSame = now.bytes == knote.platform.told.bytes || now.bytes == 0 && knote.isEnd(now.bits)
    return knote.platform.wasTold && !isSame && handsOutItems(knote)
  }

  /// Whether the bytes that were told are taken, and what is ready behind them is the end of a connection.
  private func endShows(_ knote: POSIXKnoteRef, _ now: Glance) -> Bool {
    guard knote.kind == .read, knote.platform.told.bytes > 0, now.bytes == 0 else { return false }
    let isReady = now.bits.has(POLLIN) && !knote.platform.hasEnded
    return isReady && knote.platform.kind(of: knote.descriptor) == KQ_POSIX_STREAM
  }

  /// Whether a reader takes one item of several, and leaves the others behind.
  private func handsOutItems(_ knote: POSIXKnoteRef) -> Bool {
    guard knote.kind == .read else { return false }
    switch knote.platform.kind(of: knote.descriptor) {
    case KQ_POSIX_DATAGRAM, KQ_POSIX_PACKETS: return true
    case KQ_POSIX_STREAM: return knote.platform.hasListened
    default: return false
    }
  }

  /// The bits that come behind a hangup and say no more than that: a terminal has them one after the other.
  private func implied(_ knote: POSIXKnoteRef) -> UInt32 {
    guard knote.platform.wasTold else { return 0 }
    if knote.platform.hasEnded && knote.kind == .read { return UInt32(POLLHUP) }
    guard knote.platform.told.bits.has(POLLHUP) else { return 0 }
    let isTerminal = knote.platform.kind(of: knote.descriptor) == KQ_POSIX_TERMINAL
    return UInt32(POLLIN | POLLOUT | (isTerminal ? POLLERR : 0))
  }

  private func mayBeNew(_ knote: POSIXKnoteRef, _ now: Glance) -> Bool {
    let isOver = isOver(knote, now)
    if !isOver && knote.platform.trust > 0 && knote.platform.teller == kq_thread() {
      knote.platform.trust -= 1
      return true
    }
    knote.platform.told = now
    let isTrusted = knote.platform.isTrusted && knote.platform.teller == kq_thread()
    let patience = isTrusted ? Self.breath : patience(knote)
    if isOver || !hasWaited(knote, patience) { return false }
    if isTrusted { knote.trust() }
    if knote.platform.repeats < .max { knote.platform.repeats += 1 }
    return true
  }

  /// Whether nothing comes behind what there is. An error of datagrams is taken, and another may come; a FIFO and a
  /// terminal have their next writer, who may have written and gone, so that bytes behind a hangup are never the last.
  private func isOver(_ knote: POSIXKnoteRef, _ now: Glance) -> Bool {
    let descriptor = knote.descriptor
    let kind = knote.platform.kind(of: descriptor)
    if knote.platform.hasEnded && kind != KQ_POSIX_PACKETS { return true }
    switch kind {
    case KQ_POSIX_STREAM, KQ_POSIX_PACKETS: return knote.isEnd(now.bits)
    case KQ_POSIX_DATAGRAM: return now.bits.has(POLLHUP) || now.bits & Glance.isShut != 0
    default: return knote.isEnd(now.bits) && (now.bytes == 0 || isNameless(descriptor))
    }
  }

  /// Whether it was told or looked at closely so many milliseconds ago.
  private func hasWaited(_ knote: POSIXKnoteRef, _ patience: UInt32) -> Bool {
    milliseconds &- knote.platform.toldAt >= patience
  }

  /// What was delivered or is nothing to deliver must not be asked for as it is.
  mutating func follow(_ knote: POSIXKnoteRef, _ knotes: borrowing Knotes, isActive: Bool, _ now: Glance) {
    if isActive && knote.has(EV_DISPATCH | EV_ONESHOT) {
      move(knote, to: .idle, knotes)
    } else if !isActive || knote.has(EV_CLEAR) {
      knote.platform.told = now
      knote.platform.wasTold = isActive
      knote.platform.toldAt = milliseconds
      knote.platform.teller = kq_thread()
      move(knote, to: .quiet, knotes)
    }
  }

  /// Of items it is usual to leave some behind: they are told sooner, but ever later where nobody takes them.
  private func patience(_ knote: POSIXKnoteRef) -> UInt32 {
    guard handsOutItems(knote) else { return Self.patience }
    let repeats = UInt32(knote.platform.repeats)
    return repeats < 8 ? Self.itemPatience : Self.itemPatience << min(repeats - 7, 8)
  }

  private static var itemPatience: UInt32 { 200 }

  /// After how many milliseconds what looks the same is told again; and to whom takes all, after each burst, so that
  /// one who for once does not is not told all the time.
  private static var patience: UInt32 { 1000 }
  private static var breath: UInt32 { 10 }

  private var milliseconds: UInt32 {
    UInt32(truncatingIfNeeded: now(.monotonic) / 1_000_000)
  }
}

extension KnoteRef<POSIXKnote> {
  /// The program has taken what it was told of: it will again. A sender who has nothing to send takes nothing, and
  /// an urgent byte may lie there for long.
  func noteEmpty() {
    platform.repeats = 0
    if kind == .read && platform.wasTold { trust() }
  }

  func trust() {
    platform.isTrusted = true
    platform.trust = 64
  }

  /// Whether these bits say that it is over.
  func isEnd(_ bits: UInt32) -> Bool {
    bits.has(POLLHUP | POLLERR) || bits & Glance.isShut != 0
  }
}
