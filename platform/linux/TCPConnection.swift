import CKQueueShims.Linux
import KQueueCore

/// What TCP tells of a connection (TCP_INFO), as far as the kernel knows it; all zeroes where the socket is no TCP.
struct TCPConnection: BitwiseCopyable {
  private(set) var info = kq_tcp_info()
  private var size = 0

  @inline(never)
  init(_ socket: Socket) {
    size = socket.read(&info, level: Socket.tcp, CInt(KQ_TCP_INFO))
  }

  var isTold: Bool { size > 0 }

  /// Whether the kernel's record has a field, which is known by where it ends.
  func knows(_ end: Int) -> Bool {
    size >= end
  }

  // MARK: States

  private func isIn(_ state: Int) -> Bool {
    Int(info.state) == state
  }

  /// The program has shut the sending side down.
  var isShut: Bool {
    isEnding || isIn(KQ_TCP_FIN_WAIT2)
  }

  /// ... and the peer has not acknowledged that yet.
  var isEnding: Bool {
    isIn(KQ_TCP_FIN_WAIT1) || isIn(KQ_TCP_CLOSING) || isIn(KQ_TCP_LAST_ACK)
  }

  var isListening: Bool {
    isIn(KQ_TCP_LISTEN)
  }

  // MARK: Counts

  /// Bytes that were ever written, the last 32 bits; nil before Linux 4.19.
  var written: UInt32? {
    guard knows(KQ_TCP_INFO_TO_RESENT) else { return nil }
    return UInt32(truncatingIfNeeded: info.bytes_sent &- info.bytes_resent &+ UInt64(info.bytes_unsent))
  }

  /// Whether nothing was ever read of a connection that has so many bytes to read.
  func tookNothing(unread: Int) -> Bool {
    knows(KQ_TCP_INFO_TO_RECEIVED) && info.bytes_received == UInt64(truncatingIfNeeded: unread)
  }
}

extension Socket {
  func tcpOption(_ name: Int, otherwise: CInt = 0) -> CInt {
    option(CInt(name), level: Self.tcp, otherwise: otherwise)
  }

  /// Connections that wait to be accepted; -1 where the kernel does not say.
  var backlog: Int {
    if isLocal { return SocketDiagnosis.backlog(descriptor) ?? -1 }
    let number = protocolNumber
    guard number == Self.tcp || number == Self.multipathTCP else { return -1 }
    // For a listening socket TCP tells the length of the accept queue here.
    let connection = TCPConnection(self)
    let isTold = connection.isListening && connection.knows(KQ_TCP_INFO_TO_UNACKNOWLEDGED)
    return isTold ? Int(connection.info.unacknowledged) : -1
  }

  /// Whether connect() waits for the first write.
  var defersConnect: Bool {
    tcpOption(KQ_TCP_FASTOPEN_CONNECT) != 0
  }
}
