import CKQueueShims.Linux

/// The address of an internet socket: a family, a port and an address, of which the last two are as the network has
/// them.
struct SocketAddress: BitwiseCopyable {
  private var bytes = InlineArray<128, UInt8>(repeating: 0)

  /// A socket's own, or its peer's; nil where it has none.
  @inline(never)
  init?(of socket: Socket, isPeer: Bool = false) {
    let result = withUnsafeMutableBytes(of: &bytes) {
      kq_socket_address(socket.descriptor, isPeer, $0.baseAddress, UInt32($0.count))
    }
    if result < 0 { return nil }
  }

  private func load<Value: BitwiseCopyable>(_ type: Value.Type, at place: Int) -> Value {
    withUnsafeBytes(of: bytes) { $0.loadUnaligned(fromByteOffset: place, as: type) }
  }

  private var family: CInt { CInt(load(UInt16.self, at: 0)) }

  /// In the order of this machine; 0 where the address is of no internet.
  var port: UInt32 {
    family == AF_INET || family == AF_INET6 ? UInt32(bytes[2]) << 8 | UInt32(bytes[3]) : 0
  }

  /// Writes address and port, if they are of the internet.
  func fill(_ address: inout (UInt32, UInt32, UInt32, UInt32), _ port: inout UInt16) {
    switch family {
    case AF_INET: address.0 = load(UInt32.self, at: 4)
    case AF_INET6:
      address = (
        load(UInt32.self, at: 8), load(UInt32.self, at: 12), load(UInt32.self, at: 16), load(UInt32.self, at: 20)
      )
    default: return
    }
    port = load(UInt16.self, at: 2)
  }
}
