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
  init(_ descriptor: CInt, _ kind: DescriptorKind, _ bytes: Int) {
    switch kind {
    case .packetStream, .datagram: self = Self.ofSocket(descriptor, bytes)
    case .device: self = Self.ofDevice(descriptor)
    case .other: self = Self.ofAnonymous(descriptor, bytes)
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

  /// The least memory that a packet takes beside its bytes: its record, and what is shared of it. A kernel of 32 bits has
  /// smaller ones: 448 bytes in all for an empty one of armv7.
  private static var packetCost: Int { MemoryLayout<Int>.size == 4 ? 352 : 552 }

  /// A reader that takes one packet alone leaves nothing.
  private static func of(memory: UInt32, _ bytes: Int) -> ItemsLeft {
    Int64(memory) - Int64(bytes) < Int64(2 * packetCost) ? .nothing : .marked(memory)
  }

  private static func ofSocket(_ descriptor: CInt, _ bytes: Int) -> ItemsLeft {
    let memory = Socket(descriptor).memory
    if memory > 0, case .nothing = of(memory: memory, bytes) { return .nothing }
    if Socket(descriptor).isLocal { return ofLocal(descriptor, bytes) }
    // Frames in a ring that the program maps are in no queue.
    if memory == 0 { return .vague(UInt32(truncatingIfNeeded: bytes)) }
    guard Socket(descriptor).isUDP else { return .marked(memory) }
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
    if isRandom(descriptor) { return .nothing }
    return packetsOfTunnel(descriptor).map { .marked($0) } ?? .vague(0)
  }

  /// /dev/random, /dev/urandom, or nothing that is open.
  private static func isRandom(_ descriptor: CInt) -> Bool {
    withStatus(of: descriptor) { status in
      guard let device = status?.pointee.st_rdev else { return true }
      return device == 0x108 || device == 0x109
    }
  }

  /// Packets that were ever read from a tun device; nil where the descriptor is none.
  private static func packetsOfTunnel(_ descriptor: CInt) -> UInt32? {
    var interface = InlineArray<64, UInt8>(repeating: 0)  // struct ifreq, which begins with a name of 16 bytes
    let path: ProcPath? = withUnsafeMutableBytes(of: &interface) { interface in
      guard kq_device_control(descriptor, KQ_TUNGETIFF, interface.baseAddress) == 0 else { return nil }
      interface[15] = 0
      return ProcPath("/sys/class/net/", name: UnsafeRawBufferPointer(interface), "/statistics/tx_packets")
    }
    return path?.read { text in
      guard var text else { return nil }
      return UInt32(truncatingIfNeeded: text.number() ?? 0)
    }
  }

  private static func ofAnonymous(_ descriptor: CInt, _ bytes: Int) -> ItemsLeft {
    switch AnonymousFile(descriptor) {
    case .signals: ofSignals()
    case .files: .marked(UInt32(truncatingIfNeeded: bytes))
    default: .nothing  // one read takes all that it has, or none takes anything
    }
  }

  /// Signals that wait for the calling thread or its process. Of those of real time several may be queued.
  private static func ofSignals() -> ItemsLeft {
    guard let pending = pendingSignals else { return .vague(0) }
    let mark = UInt32(truncatingIfNeeded: pending ^ pending >> 32)
    return pending >> 31 != 0 ? .vague(mark) : .marked(mark)
  }

  /// The signals that are pending for the calling thread and its process, signal n as bit n - 1; nil where /proc is
  /// lacking.
  private static var pendingSignals: UInt64? {
    ProcPath("/proc/thread-self/status").readLong { text in
      guard let text else { return nil }
      return mask(text, after: "\nSigPnd:") | mask(text, after: "\nShdPnd:")
    }
  }

  @inline(never)
  private static func mask(_ text: ProcText, after label: StaticString) -> UInt64 {
    var text = text
    return text.skip(past: label) ? text.number(base: 16) ?? 0 : 0
  }
}
