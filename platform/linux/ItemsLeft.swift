import CKQueueShims.Linux
import KQueueCore

/// What a reader that takes one item of a queue leaves behind, as far as one look can be told from the next (C-346,
/// C-367).
enum ItemsLeft {
  /// Nothing, or no item is taken at a time.
  case nothing
  /// Some; the mark changes with each item that is taken.
  case marked(UInt32)
  /// Perhaps some; the mark may stay the same.
  case vague(UInt32)

  /// Looks at a descriptor of a kind, which is readable.
  /// - Parameter bytes: as FIONREAD has them.
  init(_ descriptor: CInt, _ kind: kq_kind, _ bytes: Int) {
    switch kind {
    case KQ_KIND_PACKET_STREAM, KQ_KIND_DATAGRAM: self = Self.ofSocket(descriptor, bytes)
    case KQ_KIND_DEVICE: self = Self.ofDevice(descriptor)
    case KQ_KIND_OTHER: self = Self.ofAnonymous(descriptor, bytes)
    default: self = .nothing
    }
  }

  var mark: UInt32? {
    switch self {
    case .nothing: nil
    case .marked(let mark), .vague(let mark): mark
    }
  }

  var isVague: Bool {
    if case .vague = self { true } else { false }
  }

  // MARK: Sockets

  /// The least memory that a packet takes beside its bytes: its record, and what is shared of it.
  private static var packetCost: Int { 552 }

  /// A reader that takes one packet alone leaves nothing.
  private static func of(memory: UInt32, _ bytes: Int) -> ItemsLeft {
    Int64(memory) - Int64(bytes) < Int64(2 * packetCost) ? .nothing : .marked(memory)
  }

  private static func ofSocket(_ descriptor: CInt, _ bytes: Int) -> ItemsLeft {
    let memory = kq_socket_memory(descriptor)
    if memory > 0, case .nothing = of(memory: memory, bytes) { return .nothing }
    if kq_socket_is_local(descriptor) { return ofLocal(descriptor, bytes) }
    // Frames in a ring that the program maps are in no queue.
    if memory == 0 { return .vague(UInt32(truncatingIfNeeded: bytes)) }
    guard kq_socket_is_udp(descriptor) else { return .marked(memory) }
    let waiting = SocketDiagnosis.memoryOfUDP(Socket(descriptor))
    return waiting.map { of(memory: $0, bytes) } ?? .vague(memory)
  }

  /// What a local socket holds is charged to the sender, which is known of a connection's other side.
  private static func ofLocal(_ descriptor: CInt, _ bytes: Int) -> ItemsLeft {
    let sent = SocketDiagnosis.localMemory(descriptor)
    return sent.map { of(memory: $0, bytes) } ?? .vague(UInt32(truncatingIfNeeded: bytes))
  }

  // MARK: What is no socket

  /// A device of which one record is read at a time, or not: nobody says. The random ones are no queue. Packets that
  /// were read from a tun device are those that its interface has sent.
  private static func ofDevice(_ descriptor: CInt) -> ItemsLeft {
    var sent: UInt32 = 0
    if kq_is_random_device(descriptor) { return .nothing }
    return kq_tunnel_sent(descriptor, &sent) ? .marked(sent) : .vague(0)
  }

  private static func ofAnonymous(_ descriptor: CInt, _ bytes: Int) -> ItemsLeft {
    switch kq_anonymous_kind(descriptor) {
    case KQ_ANONYMOUS_SIGNALS: ofSignals()
    case KQ_ANONYMOUS_FILES: .marked(UInt32(truncatingIfNeeded: bytes))
    default: .nothing  // one read takes all that it has, or none takes anything
    }
  }

  /// Signals that wait for the calling thread or its process. Of those of real time several may be queued.
  private static func ofSignals() -> ItemsLeft {
    var pending: UInt64 = 0
    guard kq_pending_here(&pending) else { return .vague(0) }
    let mark = UInt32(truncatingIfNeeded: pending ^ pending >> 32)
    return pending >> 31 != 0 ? .vague(mark) : .marked(mark)
  }
}
