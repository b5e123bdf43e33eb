import CKQueueShims.Linux
import KQueueCore

/// What sock_diag(7) tells of a socket that its own descriptor does not: one question, and the kernel's answer.
struct SocketDiagnosis {
  /// What came, headers and all; `length` is how much of it.
  private var answer = InlineArray<128, UInt64>(repeating: 0)
  private var length = 0

  private static var byFamily: UInt16 { UInt16(KQ_SOCK_DIAG_BY_FAMILY) }
  private static var anyCookie: (UInt32, UInt32) { (.max, .max) }

  private static func head(_ size: Int) -> kq_netlink_head {
    kq_netlink_head(length: UInt32(size), type: byFamily, flags: UInt16(KQ_NETLINK_REQUEST), sequence: 0, process: 0)
  }

  // MARK: Asking

  /// - Returns: 0, or a negative errno; ENOENT where there is no such socket.
  private mutating func ask<Request: BitwiseCopyable>(_ request: Request) -> Int {
    let kind = Int(KQ_SOCK_DGRAM) | Int(KQ_SOCK_CLOEXEC) | Int(KQ_SOCK_NONBLOCK)
    // The library's while it lasts, so that nobody else's closefrom() closes it and another file has its number.
    let asker = kq_move_high(adopt(systemCall(KQ_SYS_SOCKET, Int(AF_NETLINK), kind, KQ_SOCK_DIAG)))
    if asker < 0 { return Int(asker) }
    defer { kq_close_temporary(asker) }
    let sent = withUnsafeBytes(of: request) { send($0, asker) }
    if sent < 0 { return sent }
    length = receive(asker)
    if length < 0 { return length }
    let head = read(kq_netlink_head.self, at: 0)
    let isAnswer = head.map { Int($0.length) <= length && $0.type == Self.byFamily } ?? false
    return isAnswer ? 0 : -Int(ENOENT)
  }

  private func send(_ request: UnsafeRawBufferPointer, _ asker: CInt) -> Int {
    withUnsafeBytes(of: kq_netlink_address(family: UInt16(AF_NETLINK), unused: 0, process: 0, groups: 0)) { kernel in
      systemCall(
        KQ_SYS_SENDTO, Int(asker), Int(bitPattern: request.baseAddress), request.count, 0,
        Int(bitPattern: kernel.baseAddress), kernel.count)
    }
  }

  private mutating func receive(_ asker: CInt) -> Int {
    withUnsafeMutableBytes(of: &answer) {
      systemCall(KQ_SYS_RECVFROM, Int(asker), Int(bitPattern: $0.baseAddress), $0.count)
    }
  }

  // MARK: Answers

  /// A record of the answer; nil where that ends before.
  private func read<Record: BitwiseCopyable>(_ type: Record.Type, at place: Int) -> Record? {
    guard place + MemoryLayout<Record>.size <= length else { return nil }
    return withUnsafeBytes(of: answer) { $0.loadUnaligned(fromByteOffset: place, as: type) }
  }

  /// An attribute in the answer of a local socket, of at least this size.
  private func attribute<Value: BitwiseCopyable>(_ type: Int, as kind: Value.Type) -> Value? {
    let headSize = MemoryLayout<kq_netlink_attribute>.size
    let end = read(kq_netlink_head.self, at: 0).map { Int($0.length) } ?? 0
    var place = MemoryLayout<kq_netlink_head>.size + MemoryLayout<kq_local_found>.size
    while place + headSize <= end, let head = read(kq_netlink_attribute.self, at: place) {
      let size = Int(head.length)
      if size < headSize || place + size > end { return nil }
      if Int(head.type) == type && size >= headSize + MemoryLayout<Value>.size {
        return read(kind, at: place + headSize)
      }
      place += (size + 3) & ~3
    }
    return nil
  }

  // MARK: Local sockets

  /// Asks for an attribute of the local socket that has an inode.
  @inline(never)
  private static func local<Value: BitwiseCopyable>(
    _ inode: UInt32, show: Int, _ attribute: Int, as kind: Value.Type
  ) -> Value? {
    guard inode != 0 else { return nil }
    let body = kq_local_request(
      family: UInt8(AF_UNIX), protocol: 0, unused: 0, states: .max, inode: inode, show: UInt32(show), cookie: anyCookie)
    let request = kq_local_question(head: head(MemoryLayout<kq_local_question>.size), body: body)
    var diagnosis = SocketDiagnosis()
    return diagnosis.ask(request) < 0 ? nil : diagnosis.attribute(attribute, as: kind)
  }

  /// The inode of a connection's other side.
  private static func peer(of descriptor: CInt) -> UInt32? {
    local(inode(of: descriptor), show: KQ_LOCAL_SHOW_PEER, KQ_LOCAL_PEER, as: UInt32.self)
  }

  private static func inode(of descriptor: CInt) -> UInt32 {
    var status = stat()
    return fstat(descriptor, &status) == 0 ? UInt32(truncatingIfNeeded: status.st_ino) : 0
  }

  /// Connections that wait to be accepted; nil where the kernel does not say.
  static func backlog(_ descriptor: CInt) -> Int? {
    // What waits, and how much may.
    let lengths = local(
      inode(of: descriptor), show: KQ_LOCAL_SHOW_LENGTHS, KQ_LOCAL_LENGTHS, as: InlineArray<2, UInt32>.self)
    return lengths.map { Int($0[0]) }
  }

  /// Whether the peer of a local socket has shut its receiving side down.
  static func peerRefuses(_ descriptor: CInt) -> Bool {
    guard let peer = peer(of: descriptor),
      let shut = local(peer, show: 0, KQ_LOCAL_SHUTDOWN, as: UInt8.self)
    else { return false }
    return shut & 1 != 0
  }

  /// Memory of what a local socket's peer has sent and was not read yet.
  static func localMemory(_ descriptor: CInt) -> UInt32? {
    guard let peer = peer(of: descriptor) else { return nil }
    let memory = local(peer, show: KQ_LOCAL_SHOW_MEMORY, KQ_LOCAL_MEMORY, as: InlineArray<9, UInt32>.self)
    return memory.map { $0[KQ_MEMORY_SENT] }
  }

  // MARK: UDP

  /// Memory of what waits for a UDP socket, of which SO_MEMINFO counts for a while yet what was taken.
  @inline(never)
  static func memoryOfUDP(_ socket: Socket) -> UInt32? {
    var question = kq_internet_question()
    question.head = head(MemoryLayout<kq_internet_question>.size)
    question.body.family = UInt8(truncatingIfNeeded: socket.option(SO_DOMAIN, otherwise: AF_UNSPEC))
    question.body.protocol = UInt8(truncatingIfNeeded: socket.protocolNumber)
    question.body.states = .max
    question.body.id.cookie = anyCookie
    // A socket is found by where a packet for it would come from.
    guard let own = SocketAddress(of: socket) else { return nil }
    own.fill(&question.body.id.target, &question.body.id.target_port)
    SocketAddress(of: socket, isPeer: true)?.fill(&question.body.id.source, &question.body.id.source_port)
    var diagnosis = SocketDiagnosis()
    guard diagnosis.ask(question) == 0,
      let found = diagnosis.read(kq_internet_found.self, at: MemoryLayout<kq_netlink_head>.size),
      found.inode == inode(of: socket.descriptor)  // or another of those that share the port
    else { return nil }
    return found.received
  }
}
