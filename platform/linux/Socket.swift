import CKQueueShims.Linux
import KQueueCore

/// Who carries what is sent to a socket, as far as it matters.
enum Transport: UInt8, BitwiseCopyable {
  case unknown
  case tcp
  case local
  case other
}

/// What a socket tells of its queues and its state.
struct Socket: BitwiseCopyable {
  let descriptor: CInt

  /// Protocols, and levels of options.
  static var ip: CInt { 0 }
  static var tcp: CInt { 6 }
  static var udp: CInt { 17 }
  static var ipv6: CInt { 41 }
  static var udpLite: CInt { 136 }
  static var multipathTCP: CInt { 262 }

  @inline(__always)
  init(_ descriptor: CInt) {
    self.descriptor = descriptor
  }

  /// An option that is a number, or else what is given: the socket has no such option, or is none.
  @inline(never)
  func option(_ name: CInt, level: CInt = SOL_SOCKET, otherwise: CInt = 0) -> CInt {
    var value = otherwise
    var size = socklen_t(MemoryLayout<CInt>.size)
    return getsockopt(descriptor, level, name, &value, &size) == 0 ? value : otherwise
  }

  var isStream: Bool {
    option(SO_TYPE, otherwise: CInt(KQ_SOCK_DGRAM)) == CInt(KQ_SOCK_STREAM)
  }

  var listens: Bool { option(SO_ACCEPTCONN) != 0 }
  var isLocal: Bool { option(SO_DOMAIN, otherwise: AF_UNSPEC) == AF_UNIX }
  var receiveBuffer: Int { Int(option(SO_RCVBUF)) }
  var lowWater: Int { Int(option(SO_RCVLOWAT, otherwise: 1)) }

  /// The protocol, or 0.
  var protocolNumber: CInt { option(SO_PROTOCOL) }

  var transport: Transport {
    // TCP first: servers have mostly that, and it then takes one call.
    if protocolNumber == Self.tcp { return .tcp }
    return isLocal ? .local : .other
  }

  var isUDP: Bool {
    let family = option(SO_DOMAIN, otherwise: AF_UNSPEC)
    let number = protocolNumber
    return (family == AF_INET || family == AF_INET6) && (number == Self.udp || number == Self.udpLite)
  }

  /// Whether the program asked for notes in the socket's error queue: of what was sent, and for a stream of errors of
  /// the network that are none of the connection.
  var queuesErrors: Bool {
    if option(CInt(KQ_SO_ZEROCOPY)) != 0 || option(CInt(KQ_SO_TIMESTAMPING)) != 0 { return true }
    guard isStream else { return false }
    return option(IP_RECVERR, level: Self.ip) != 0 || option(IPV6_RECVERR, level: Self.ipv6) != 0
  }

  // MARK: Queues

  /// What SO_MEMINFO tells; nil where the kernel does not know it.
  private var memoryCounts: InlineArray<9, UInt32>? {
    var counts = InlineArray<9, UInt32>(repeating: 0)
    let size = read(&counts, level: SOL_SOCKET, CInt(KQ_SO_MEMINFO))
    return size < MemoryLayout.size(ofValue: counts) ? nil : counts
  }

  /// Memory of what waits in the socket's queue, in the kernel's bytes; 0 where it is in no queue, or the kernel does
  /// not say.
  var memory: UInt32 { memoryCounts?[KQ_MEMORY_RECEIVED] ?? 0 }

  /// Free room in the send buffer, at least 0.
  @inline(never)
  var room: Int {
    guard let counts = memoryCounts else {
      return max(Int(option(SO_SNDBUF)) - Int(number(of: descriptor, KQ_TIOCOUTQ) ?? 0), 0)
    }
    // A stream accounts for what it queues, a datagram socket for what it has sent out.
    let used = max(counts[KQ_MEMORY_QUEUED], counts[KQ_MEMORY_SENT])
    return max(Int(truncatingIfNeeded: Int64(counts[KQ_MEMORY_LIMIT]) - Int64(used)), 0)
  }

  /// Bytes that were sent and not taken yet; 0 where the socket has none to send, as a listener.
  var unsent: Int { Int(number(of: descriptor, KQ_TIOCOUTQ) ?? 0) }

  /// Whether an urgent byte is next.
  var isAtMark: Bool { (number(of: descriptor, KQ_SIOCATMARK) ?? 0) != 0 }

  /// TCP counts them, and copies nothing; below 0 where it is not TCP.
  var bytesBehindMark: Int {
    kq_runs_on_valgrind() ? firstBytesBehindMark : countBytes(at: nil, Int(CInt.max))
  }

  /// valgrind wants memory to be there for all that are counted.
  @inline(never)
  private var firstBytesBehindMark: Int {
    var room = InlineArray<128, UInt64>(repeating: 0)
    return withUnsafeMutableBytes(of: &room) { countBytes(at: $0.baseAddress, $0.count) }
  }

  private func countBytes(at place: UnsafeMutableRawPointer?, _ most: Int) -> Int {
    let flags = Int(MSG_PEEK) | Int(MSG_TRUNC) | Int(MSG_DONTWAIT)
    return systemCall(KQ_SYS_RECVFROM, Int(descriptor), Int(bitPattern: place), most, flags)
  }

  // MARK: Ends

  /// Whether the program has shut the sending side of a stream down.
  ///
  /// poll(2) does not tell this, but a stream answers a send of nothing with EPIPE. A packet socket would send a packet,
  /// and TCP whose connect() was deferred would connect: it tells by its state.
  func isSendingShut(_ transport: Transport) -> Bool {
    if transport == .tcp { return TCPConnection(self).isShut }
    // Another thread may give the number to a socket of datagrams, to which nothing at all is one.
    let same = OwnDescriptors.duplicate(descriptor)
    if same < 0 { return false }
    defer { OwnDescriptors.closeTemporary(same) }
    return Socket(same).isStream && Socket(same).sendNothing() == -Int(EPIPE)
  }

  private func sendNothing() -> Int {
    withUnsafePointer(to: descriptor) { place in
      systemCall(KQ_SYS_SENDTO, Int(descriptor), Int(bitPattern: place), 0, Int(MSG_DONTWAIT | MSG_NOSIGNAL))
    }
  }

  // MARK: Options

  /// Reads an option that is a record.
  /// - Parameter size: of the record as the kernel is told it; all of it, if it is left out.
  /// - Returns: how many bytes of it the kernel knows, or a negative errno.
  @inline(__always)
  func read<Record: BitwiseCopyable>(_ record: inout Record, level: CInt, _ name: CInt, size: Int? = nil) -> Int {
    withUnsafeMutableBytes(of: &record) { bytes in
      var size = socklen_t(size ?? bytes.count)
      let result = getsockopt(descriptor, level, name, bytes.baseAddress, &size)
      return result == 0 ? Int(size) : kq_result(Int(result))
    }
  }
}
