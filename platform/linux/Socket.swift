import CKQueueShims.Linux
import KQueueCore

/// What a socket tells by its options.
struct Socket: BitwiseCopyable {
  let descriptor: CInt

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

  /// Whether the program has shut the sending side of a stream down.
  ///
  /// poll(2) does not tell this, but a stream answers a send of nothing with EPIPE. A packet socket would send a packet,
  /// and TCP whose connect() was deferred would connect: it tells by its state.
  func isSendingShut(_ transport: kq_protocol) -> Bool {
    if transport == KQ_PROTOCOL_TCP { return TCPConnection(self).isShut }
    // Another thread may give the number to a socket of datagrams, to which nothing at all is one.
    let same = kq_duplicate_inside(descriptor)
    if same < 0 { return false }
    defer { kq_close_temporary(same) }
    return Socket(same).isStream && Socket(same).sendNothing() == -Int(EPIPE)
  }

  private func sendNothing() -> Int {
    withUnsafePointer(to: descriptor) { place in
      systemCall(KQ_SYS_SENDTO, Int(descriptor), Int(bitPattern: place), 0, Int(MSG_DONTWAIT | MSG_NOSIGNAL))
    }
  }

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
