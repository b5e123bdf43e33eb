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

  /// Whether the kqueue's own descriptor was readable.
  var wasWoken: Bool {
    list.entries.unsafelyUnwrapped[0].revents != 0
  }

  /// Nanoseconds until the first of its times, or the caller's if that is earlier; nil: for ever.
  func left(_ nanoseconds: Int64?) -> Int64? {
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

  /// Writes what there is to report.
  /// - Parameter found: how many places of the list poll(2) has marked.
  func report(_ found: CInt, _ buffer: UnsafeMutableBufferPointer<PollReport>) -> CInt {
    var written = 0
    reportTimes(buffer, &written)
    var left = found
    if left > 0 && wasWoken {
      left -= 1
      write(.own(.wake), 0, buffer, &written)
    }
    var place = list.cursor
    for _ in 1..<max(list.count, 1) where left > 0 && written < buffer.count {
      place = place + 1 < list.count ? place + 1 : 1
      let bits = list.entries.unsafelyUnwrapped[place].revents
      guard bits != 0 else { continue }
      left -= 1
      write(list.token(place), UInt32(UInt16(bitPattern: bits)), buffer, &written)
      list.cursor = place
    }
    return CInt(written)
  }

  private func reportTimes(_ buffer: UnsafeMutableBufferPointer<PollReport>, _ written: inout Int) {
    if Sleeper.left(until: monotonic, CLOCK_MONOTONIC) == 0 { write(.own(.monotonicTimer), 0, buffer, &written) }
    if Sleeper.left(until: realtime, CLOCK_REALTIME) == 0 { write(.own(.realtimeTimer), 0, buffer, &written) }
    if Sleeper.left(until: look, CLOCK_MONOTONIC) == 0 { write(.own(.quiet), 0, buffer, &written) }
  }

  private func write(
    _ token: KnoteToken, _ bits: UInt32, _ buffer: UnsafeMutableBufferPointer<PollReport>, _ written: inout Int
  ) {
    guard written < buffer.count else { return }
    buffer[written] = PollReport(token: token, bits: bits)
    written += 1
  }
}

/// One report: a knote that poll(2) calls ready, or a source of the platform's own.
public struct PollReport: BitwiseCopyable {
  let token: KnoteToken
  let bits: UInt32
}

/// What there is to report beside descriptors.
enum PollSource: UInt32 {
  case wake
  case monotonicTimer
  case realtimeTimer
  case quiet
  case signals
  case processes
  case files
}

extension KnoteToken {
  /// The generations of knotes have 31 bits.
  static let ownGeneration: UInt32 = 1 << 31

  static func own(_ source: PollSource) -> KnoteToken {
    KnoteToken(index: source.rawValue, generation: ownGeneration)
  }
}
