import CKQueue
import CKQueueShims.POSIX
import KQueueCore

/// What a thread waits with: a list of its own, and when to look up from it.
public struct Sleeper: BitwiseCopyable {
  var list: PollList
  /// Times that `wait` reports, 0 for none: the timers of each clock, and the next look at what is quiet.
  var monotonic: UInt64
  var realtime: UInt64
  var look: UInt64
  var version: UInt32
  /// Others have to look anew first, for whom the kqueue's own descriptor stays readable: this one leaves it out, and
  /// looks up soon. It would take the lock from them again and again.
  var passesOverWakes: Bool

  /// Whether the kqueue's own descriptor was readable.
  private var wasWoken: Bool {
    list.entries.unsafelyUnwrapped[0].revents != 0
  }

  /// Nanoseconds until the first of its times, or the caller's if that is earlier; nil: for ever.
  func left(_ nanoseconds: Int64?) -> Int64? {
    if list.alwaysReady > 0 { return 0 }
    var least = nanoseconds ?? .max
    least = min(least, Sleeper.left(until: monotonic, CLOCK_MONOTONIC))
    least = min(least, Sleeper.left(until: realtime, CLOCK_REALTIME))
    least = min(least, Sleeper.left(until: look, CLOCK_MONOTONIC))
    return least == .max ? nil : least
  }

  private static func left(until time: UInt64, _ clock: clockid_t) -> Int64 {
    guard time != 0 else { return .max }
    let now = kq_clock(clock)
    return time > now ? Int64(clamping: time - now) : 0
  }

  /// How long at a time, in ns, it sleeps without the kqueue's own descriptor.
  private static var unwokenInterval: Int64 { 1_000_000 }

  /// Sleeps.
  /// - Returns: as poll(2), or a negative errno.
  func sleep(
    _ nanoseconds: Int64?, _ signals: UnsafeMutablePointer<kq_wait_signals>, _ cancelled: CancelHandler?,
    _ context: UnsafeMutableRawPointer?
  ) -> CInt {
    let left = left(nanoseconds)
    guard passesOverWakes, let entries = list.entries else {
      return kq_poll_wait(list.entries, list.count, left ?? -1, signals, cancelled, context)
    }
    entries.pointee.revents = 0
    let least = min(left ?? .max, Self.unwokenInterval)
    return kq_poll_wait(entries + 1, list.count - 1, least, signals, cancelled, context)
  }

  /// Writes what there is to report.
  /// - Parameters:
  ///   - found: how many places of the list poll(2) has marked.
  ///   - hasUnseen: whether there is something to gather.
  /// - Returns: how many, or the negative errno where the program closed what is inside.
  func report(_ found: CInt, _ buffer: UnsafeMutableBufferPointer<PollReport>, hasUnseen: Bool) -> CInt {
    if list.entries.unsafelyUnwrapped[0].revents & Int16(POLLNVAL) != 0 { return -EBADF }
    var written = 0
    if hasUnseen { _ = write(.happenings, buffer, &written) }
    reportOwn(buffer, &written)
    var left = Int(found) - (wasWoken ? 1 : 0) + list.alwaysReady
    var place = list.cursor
    for _ in 1..<max(list.count, 1) where left > 0 && written < buffer.count {
      place = place + 1 < list.count ? place + 1 : 1
      let bits = list.entries.unsafelyUnwrapped[place].revents
      guard bits != 0 || list.isAlwaysReady(place) else { continue }
      left -= 1
      buffer[written] = PollReport(token: list.token(place), bits: UInt32(UInt16(bitPattern: bits)))
      written += 1
      list.cursor = place
    }
    return CInt(written)
  }

  /// What finds no room stays due, and is reported next time.
  private func reportOwn(_ buffer: UnsafeMutableBufferPointer<PollReport>, _ written: inout Int) {
    var told = Told()
    if wasWoken && write(.wake, buffer, &written) { told.insert(.wake) }
    if isDue(monotonic, CLOCK_MONOTONIC) && write(.monotonicTimer, buffer, &written) { told.insert(.monotonic) }
    if isDue(realtime, CLOCK_REALTIME) && write(.realtimeTimer, buffer, &written) { told.insert(.realtime) }
    if isDue(look, CLOCK_MONOTONIC) { _ = write(.quiet, buffer, &written) }
    list.told = told
  }

  private func isDue(_ time: UInt64, _ clock: clockid_t) -> Bool {
    Sleeper.left(until: time, clock) == 0
  }

  /// - Returns: whether there was room.
  private func write(
    _ source: PollSource, _ buffer: UnsafeMutableBufferPointer<PollReport>, _ written: inout Int
  ) -> Bool {
    guard written < buffer.count else { return false }
    buffer[written] = PollReport(token: .own(source), bits: 0)
    written += 1
    return true
  }
}

/// One report: a knote that poll(2) calls ready, or a source of the platform's own.
public struct PollReport: BitwiseCopyable {
  let token: KnoteToken
  let bits: UInt32
}

/// What there is to report beside descriptors.
public enum PollSource: UInt32, BitwiseCopyable {
  case wake
  case monotonicTimer
  case realtimeTimer
  case quiet
  case happenings
}

extension KnoteToken {
  /// The generations of knotes have 31 bits.
  static let ownGeneration: UInt32 = 1 << 31

  static func own(_ source: PollSource) -> KnoteToken {
    KnoteToken(index: source.rawValue, generation: ownGeneration)
  }
}
