import CKQueueShims.Linux
import KQueueCore

/// What sock_diag(7) tells of a socket that its own descriptor does not: one question, and the kernel's answer.
struct SocketDiagnosis: ~Copyable {
  /// What came, headers and all; `length` is how much of it.
  private var answer = InlineArray<128, UInt64>(repeating: 0)
  private var length = 0

  private static var byFamily: UInt16 { UInt16(KQ_SOCK_DIAG_BY_FAMILY) }
  private static var anyCookie: (UInt32, UInt32) { (.max, .max) }

  // MARK: Asking

  /// Makes the question, of which the head is written here.
  /// - Returns: whether there is an answer.
  @inline(never)
  private mutating func ask(_ question: UnsafeMutableRawBufferPointer) -> Bool {
    let head = kq_netlink_head(
      length: UInt32(truncatingIfNeeded: question.count), type: Self.byFamily, flags: UInt16(KQ_NETLINK_REQUEST),
      sequence: 0, process: 0)
    question.storeBytes(of: head, as: kq_netlink_head.self)
    let kind = KQ_SOCK_DGRAM | KQ_SOCK_CLOEXEC | KQ_SOCK_NONBLOCK
    // The library's while it lasts, so that nobody else's closefrom() closes it and another file has its number.
    let asker = OwnDescriptors.move(adopt(systemCall(KQ_SYS_SOCKET, Int(AF_NETLINK), kind, KQ_SOCK_DIAG)))
    if asker < 0 { return false }
    defer { OwnDescriptors.closeTemporary(asker) }
    return send(question, asker) >= 0 && receive(asker) && isAnswer
  }

  private func send(_ question: UnsafeMutableRawBufferPointer, _ asker: CInt) -> Int {
    withUnsafeBytes(of: kq_netlink_address(family: UInt16(AF_NETLINK), unused: 0, process: 0, groups: 0)) { kernel in
      systemCall(
        KQ_SYS_SENDTO, Int(asker), Int(bitPattern: question.baseAddress), question.count, 0,
        Int(bitPattern: kernel.baseAddress), kernel.count)
    }
  }

  private mutating func receive(_ asker: CInt) -> Bool {
    length = withUnsafeMutableBytes(of: &answer) {
      systemCall(KQ_SYS_RECVFROM, Int(asker), Int(bitPattern: $0.baseAddress), $0.count)
    }
    return length >= MemoryLayout<kq_netlink_head>.size
  }

  // MARK: Answers

  private mutating func read<Record: BitwiseCopyable>(_ type: Record.Type, at place: Int) -> Record {
    withUnsafeMutableBytes(of: &answer) { $0.loadUnaligned(fromByteOffset: place, as: type) }
  }

  private var isAnswer: Bool {
    mutating get {
      let head = read(kq_netlink_head.self, at: 0)
      return Int(head.length) <= length && head.type == Self.byFamily
    }
  }

  /// Where an attribute of at least this size stands in the answer of a local socket.
  private mutating func find(_ attribute: Int, size: Int) -> Int? {
    let headSize = MemoryLayout<kq_netlink_attribute>.size
    let end = Int(read(kq_netlink_head.self, at: 0).length)
    var place = MemoryLayout<kq_netlink_head>.size + MemoryLayout<kq_local_found>.size
    while place + headSize <= end {
      let head = read(kq_netlink_attribute.self, at: place)
      if Int(head.length) < headSize || place + Int(head.length) > end { return nil }
      if Int(head.type) == attribute && Int(head.length) >= headSize + size { return place + headSize }
      place += (Int(head.length) + 3) & ~3
    }
    return nil
  }

  // MARK: Local sockets

  /// Asks for an attribute of the local socket that has an inode.
  /// - Returns: one of its words, or of its bytes; nil where the kernel does not say.
  @inline(never)
  private static func local(_ inode: UInt32, show: Int, _ attribute: Int, word: Int, size: Int) -> UInt32? {
    guard inode != 0 else { return nil }
    var question = kq_local_question()
    question.body.family = UInt8(AF_UNIX)
    question.body.states = .max
    question.body.inode = inode
    question.body.show = UInt32(truncatingIfNeeded: show)
    question.body.cookie = anyCookie
    var diagnosis = SocketDiagnosis()
    guard withUnsafeMutableBytes(of: &question, { diagnosis.ask($0) }),
      let place = diagnosis.find(attribute, size: size)
    else { return nil }
    return size == 1
      ? UInt32(diagnosis.read(UInt8.self, at: place)) : diagnosis.read(UInt32.self, at: place + 4 * word)
  }

  /// The inode of a connection's other side.
  private static func peer(of descriptor: CInt) -> UInt32? {
    local(inode(of: descriptor), show: KQ_LOCAL_SHOW_PEER, KQ_LOCAL_PEER, word: 0, size: 4)
  }

  @inline(never)
  private static func inode(of descriptor: CInt) -> UInt32 {
    withStatus(of: descriptor) { $0.map { UInt32(truncatingIfNeeded: $0.pointee.st_ino) } ?? 0 }
  }

  /// Connections that wait to be accepted; nil where the kernel does not say.
  static func backlog(_ descriptor: CInt) -> Int? {
    // What waits, and how much may.
    local(inode(of: descriptor), show: KQ_LOCAL_SHOW_LENGTHS, KQ_LOCAL_LENGTHS, word: 0, size: 8).map { Int($0) }
  }

  /// Whether the peer of a local socket has shut its receiving side down.
  static func peerRefuses(_ descriptor: CInt) -> Bool {
    guard let peer = peer(of: descriptor),
      let shut = local(peer, show: 0, KQ_LOCAL_SHUTDOWN, word: 0, size: 1)
    else { return false }
    return shut & 1 != 0
  }

  /// Memory of what a local socket's peer has sent and was not read yet.
  static func localMemory(_ descriptor: CInt) -> UInt32? {
    guard let peer = peer(of: descriptor) else { return nil }
    return local(
      peer, show: KQ_LOCAL_SHOW_MEMORY, KQ_LOCAL_MEMORY, word: KQ_MEMORY_SENT, size: 4 * KQ_MEMORY_WORDS)
  }

  // MARK: UDP

  /// Memory of what waits for a UDP socket, of which SO_MEMINFO counts for a while yet what was taken.
  @inline(never)
  static func memoryOfUDP(_ socket: Socket) -> UInt32? {
    var question = kq_internet_question()
    question.body.family = UInt8(truncatingIfNeeded: socket.option(SO_DOMAIN, otherwise: AF_UNSPEC))
    question.body.protocol = UInt8(truncatingIfNeeded: socket.protocolNumber)
    question.body.states = .max
    question.body.id.cookie = anyCookie
    // A socket is found by where a packet for it would come from.
    let own = SocketAddress(of: socket)
    guard own.isKnown else { return nil }
    own.fill(&question.body.id.target, &question.body.id.target_port)
    SocketAddress(of: socket, isPeer: true).fill(&question.body.id.source, &question.body.id.source_port)
    var diagnosis = SocketDiagnosis()
    let place = MemoryLayout<kq_netlink_head>.size
    guard withUnsafeMutableBytes(of: &question, { diagnosis.ask($0) }),
      diagnosis.length >= place + MemoryLayout<kq_internet_found>.size
    else { return nil }
    let found = diagnosis.read(kq_internet_found.self, at: place)
    // Or it is another of those that share the port.
    return found.inode == inode(of: socket.descriptor) ? found.received : nil
  }
}
