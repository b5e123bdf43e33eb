import CKQueueShims.Linux
import KQueueCore

/// The error that waits in SO_ERROR.
///
/// To take it would rob the program of it, and no call of Linux shows it without taking it. So it is told from what the
/// connection went through; what cannot be told apart is named by what is usual (contract 6.1, C-366).
extension Socket {
  var pendingError: CInt {
    let number = protocolNumber
    if number == Self.tcp {
      let connection = TCPConnection(self)
      if connection.isTold { return pendingError(connection) }
    }
    if number == Self.multipathTCP { return multipathPendingError }
    switch option(SO_DOMAIN, otherwise: AF_UNSPEC) {
    case AF_INET, AF_INET6:
      // An ICMP answer to a datagram.
      return isStream ? ECONNRESET : ECONNREFUSED
    case AF_NETLINK: return ENOBUFS
    case AF_PACKET: return ENETDOWN
    default: return ECONNRESET
    }
  }

  /// MPTCP says of a connection that was up what its other side was like; what became of its parts it keeps to itself.
  private var multipathPendingError: CInt {
    var info = InlineArray<3, UInt32>(repeating: 0)  // counts, and flags
    return read(&info, level: 284, 1) >= 0 && info[2] != 0 ? ECONNRESET : ECONNREFUSED
  }

  private func pendingError(_ connection: TCPConnection) -> CInt {
    let info = connection.info
    // Who accepts has measured the way there and back, if nothing else was counted yet before Linux 4.18.
    let wasUp =
      info.bytes_acknowledged > 0 || info.bytes_received > 0 || info.delivered > 0 || info.round_trip > 0
    // Without an end of its receiving side it is one that the program has broken off.
    let bits = pollNow(descriptor, EPOLLRDHUP.rawValue)
    if bits > 0 && UInt32(bits) & (EPOLLHUP.rawValue | EPOLLRDHUP.rawValue) == EPOLLHUP.rawValue { return ECONNRESET }
    return wasUp ? errorOfConnection(connection) : errorOfAttempt(connection)
  }

  // MARK: A connection that was up

  /// Reset, unless nobody answered, or not even a reset came.
  private func errorOfConnection(_ connection: TCPConnection) -> CInt {
    let info = connection.info
    if gaveUp(info) { return ETIMEDOUT }
    if wasEndedByPeer { return EPIPE }
    // Of what came, one was of the handshake, and what is left without data holds no reset: it was destroyed here.
    let isDestroyed =
      connection.knows(KQ_TCP_INFO_TO_DATA_SEGMENTS) && info.segments_received <= 1 &+ info.data_segments_received
    return isDestroyed ? ECONNABORTED : ECONNRESET
  }

  /// Whether a connection was given up because nobody answered: it had asked until its time was over. One that is reset
  /// after a few attempts had not.
  private func gaveUp(_ info: kq_tcp_info) -> Bool {
    let mostWait: UInt64 = 240_000
    let wait = 2 * UInt64(info.timeout) / 1000
    if info.retransmits > 0 { return wait * 10 >= min(patience, mostWait) * 9 }
    if info.probes == 0 { return false }
    let silence = min(info.since_ack_received, info.since_received)
    let chosen = userTimeout
    return chosen > 0 ? silence >= chosen : CInt(info.probes) >= tcpOption(KQ_TCP_KEEP_COUNT, otherwise: 9)
  }

  /// For how many ms a connection resends before it gives up.
  private var patience: UInt64 {
    let chosen = userTimeout
    if chosen > 0 { return UInt64(chosen) }
    return Self.time(of: Self.setting("/proc/sys/net/ipv4/tcp_retries2", otherwise: 15), least: 200)
  }

  /// In ms; 0 where the program has chosen none.
  private var userTimeout: UInt32 {
    UInt32(bitPattern: tcpOption(KQ_TCP_USER_TIMEOUT))
  }

  /// Whether the peer's end came before the error: the kernel then has an EPIPE of a reset. This call of two that would
  /// tell says EIO of a socket that has nothing to read and will have nothing, and counts the end as a byte that FIONREAD
  /// does not; nothing is taken, as there is no memory named to map to.
  private var wasEndedByPeer: Bool {
    var zero = kq_tcp_zerocopy()
    let result = read(
      &zero, level: Self.tcp, CInt(KQ_TCP_ZEROCOPY_RECEIVE), size: KQ_TCP_ZEROCOPY_TO_UNREAD)
    if result < 0 { return result == -Int(EIO) }
    return Int(zero.unread) == kq_readable_bytes(descriptor) + 1
  }

  // MARK: One that never was up

  /// Refused where anything came back, else not answered, or not to be reached.
  private func errorOfAttempt(_ connection: TCPConnection) -> CInt {
    let info = connection.info
    // What refuses answers the first time.
    let isRefused = connection.knows(KQ_TCP_INFO_TO_SEGMENTS) ? info.segments_received > 0 : info.retransmits == 0
    if isRefused { return ECONNREFUSED }
    return wasNeverAnswered(UInt64(info.retransmits)) ? ETIMEDOUT : EHOSTUNREACH
  }

  /// Whether a connect() asked until its time was over. The first few times it waits equally long.
  private func wasNeverAnswered(_ asked: UInt64) -> Bool {
    let least: UInt64 = 1000
    let equal = Self.setting("/proc/sys/net/ipv4/tcp_syn_linear_timeouts", otherwise: 0)
    let times = UInt64(UInt32(bitPattern: tcpOption(KQ_TCP_SYN_COUNT, otherwise: 6)))
    let chosen = UInt64(userTimeout)
    let limit = chosen > 0 ? chosen : Self.time(of: times, least: least)
    let spent = asked <= equal ? (asked + 1) * least : equal * least + Self.time(of: asked - equal, least: least)
    return asked > 0 && (spent >= limit || asked >= times + equal)
  }

  // MARK: The kernel's times

  /// How many ms it takes to resend so many times, each time waiting twice as long, as the kernel counts them.
  @inline(never)
  private static func time(of times: UInt64, least: UInt64) -> UInt64 {
    var sum: UInt64 = 0
    for shift in 0...min(times, 16) { sum += min(least << shift, 120_000) }
    return sum
  }

  @inline(never)
  private static func setting(_ path: StaticString, otherwise: UInt64) -> UInt64 {
    ProcPath(path).read { text in
      var text = text
      return text?.number() ?? otherwise
    }
  }
}
