import CKQueueShims.Linux
import KQueueCore

/// The socket of the process connector, which tells of every fork, exec and exit.
struct ConnectorSocket: BitwiseCopyable {
  let descriptor: CInt

  init(_ descriptor: CInt) {
    self.descriptor = descriptor
  }

  private static var group: UInt32 { 1 }

  /// A new socket, or a negative errno.
  static func open() -> CInt {
    let kind = KQ_SOCK_DGRAM | KQ_SOCK_CLOEXEC | KQ_SOCK_NONBLOCK
    let descriptor = adopt(kq_result(Int(socket(AF_NETLINK, CInt(kind), CInt(KQ_CONNECTOR)))))
    if descriptor >= 0 { makeRoom(descriptor) }
    return descriptor
  }

  /// Room for some thousand messages, where it may be had.
  private static func makeRoom(_ descriptor: CInt) {
    var bytes: CInt = 8 << 20
    let size = socklen_t(MemoryLayout<CInt>.size)
    if setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, size) != 0 {
      _ = setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, size)
    }
  }

  /// Joins the group that messages are sent to: 0, or a negative errno.
  func bind() -> CInt {
    let address = kq_netlink_address(family: UInt16(AF_NETLINK), unused: 0, process: 0, groups: Self.group)
    return withUnsafeBytes(of: address) { kq_bind(descriptor, $0.baseAddress, UInt32($0.count)) }
  }

  /// Asks to be sent messages, or none any more: a negative errno where that fails.
  @inline(never)
  func ask(listens: Bool) -> CInt {
    var request = kq_connector_request()
    request.head.length = UInt32(MemoryLayout<kq_connector_request>.size)
    request.head.type = 3  // NLMSG_DONE
    request.group = (Self.group, Self.group)
    request.size = UInt16(MemoryLayout<UInt32>.size)
    request.operation = listens ? 1 : 2
    return withUnsafeBytes(of: request) {
      CInt(truncatingIfNeeded: systemCall(KQ_SYS_SENDTO, Int(descriptor), Int(bitPattern: $0.baseAddress), $0.count))
    }
  }

  /// Has the kernel drop what a program does not let pass; all passes where it has no steps. Without a filter everything
  /// passes, which is slower and not wrong; with an old one something could be missed.
  @inline(never)
  func setFilter(_ steps: UnsafePointer<kq_filter_step>?, count: Int) {
    var program = kq_filter_program(length: UInt16(truncatingIfNeeded: count), steps: steps)
    let size = socklen_t(MemoryLayout<kq_filter_program>.size)
    if count > 0 && setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, size) == 0 { return }
    var nothing: CInt = 0
    _ = setsockopt(descriptor, SOL_SOCKET, SO_DETACH_FILTER, &nothing, socklen_t(MemoryLayout<CInt>.size))
  }

  // MARK: Messages

  /// Receives a batch of messages.
  /// - Returns: how many came; 0 where there is none, -ENOBUFS where some were lost.
  @inline(never)
  func receive(_ messages: UnsafeMutableBufferPointer<kq_connector_message>) -> CInt {
    var batch = kq_message_batch()
    return withUnsafeMutablePointer(to: &batch) { batch in
      let memory = UnsafeMutableRawPointer(batch)
      return receive(
        messages, memory.assumingMemoryBound(to: kq_message.self),
        (memory + KQ_BATCH_PLACES).assumingMemoryBound(to: kq_message_place.self),
        (memory + KQ_BATCH_SENDERS).assumingMemoryBound(to: kq_netlink_address.self))
    }
  }

  private func receive(
    _ messages: UnsafeMutableBufferPointer<kq_connector_message>, _ heads: UnsafeMutablePointer<kq_message>,
    _ places: UnsafeMutablePointer<kq_message_place>, _ senders: UnsafeMutablePointer<kq_netlink_address>
  ) -> CInt {
    let size = MemoryLayout<kq_connector_message>.size - KQ_CONNECTOR_MESSAGE_BYTES
    for index in 0..<messages.count {
      let message = UnsafeMutableRawPointer(messages.baseAddress.unsafelyUnwrapped + index)
      places[index].memory = message + KQ_CONNECTOR_MESSAGE_BYTES
      places[index].size = size
      heads[index].head.name = UnsafeMutableRawPointer(senders + index)
      heads[index].head.name_size = UInt32(MemoryLayout<kq_netlink_address>.size)
      heads[index].head.places = places + index
      heads[index].head.count = 1
    }
    let got = systemCall(
      KQ_SYS_RECVMMSG, Int(descriptor), Int(bitPattern: heads), messages.count, Int(MSG_DONTWAIT))
    if got < 0 { return got == -Int(EAGAIN) ? 0 : CInt(truncatingIfNeeded: got) }
    for index in 0..<got { messages[index].size = senders[index].process == 0 ? heads[index].length : 0 }
    return CInt(truncatingIfNeeded: got)
  }
}
