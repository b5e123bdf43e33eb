import CKQueueShims.Linux

/// The address of an internet socket: a family, a port and an address, of which the last two are as the network has
/// them.
struct SocketAddress: BitwiseCopyable {
  /// As much as a sockaddr_in6; what is longer is of no internet.
  private var words = InlineArray<7, UInt32>(repeating: 0)

  /// A socket's own, or its peer's; of no family where it has none.
  @inline(never)
  init(of socket: Socket, isPeer: Bool = false) {
    let result = withUnsafeMutableBytes(of: &words) {
      kq_socket_address(socket.descriptor, isPeer, $0.baseAddress, UInt32($0.count))
    }
    if result < 0 { words[0] = 0 }
  }

  private func load<Value: BitwiseCopyable>(_ type: Value.Type, at place: Int) -> Value {
    withUnsafeBytes(of: words) { $0.loadUnaligned(fromByteOffset: place, as: type) }
  }

  private var family: CInt { CInt(load(UInt16.self, at: 0)) }

  var isKnown: Bool { family != AF_UNSPEC }

  /// In the order of this machine; 0 where the address is of no internet.
  var port: UInt32 {
    guard family == AF_INET || family == AF_INET6 else { return 0 }
    return UInt32(load(UInt8.self, at: 2)) << 8 | UInt32(load(UInt8.self, at: 3))
  }

  /// Writes address and port, if they are of the internet.
  func fill(_ address: inout (UInt32, UInt32, UInt32, UInt32), _ port: inout UInt16) {
    switch family {
    case AF_INET: address.0 = words[1]
    case AF_INET6: address = (words[2], words[3], words[4], words[5])
    default: return
    }
    port = load(UInt16.self, at: 2)
  }
}
