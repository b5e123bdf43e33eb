import CKQueueShims.Linux
import KQueueCore

/// What a descriptor is, as far as readiness depends on it.
enum DescriptorKind: BitwiseCopyable {
  /// What zeroed memory says.
  case unknown
  /// A socket with connections.
  case stream
  /// Likewise, of records, which may be empty.
  case packetStream
  /// Any other socket.
  case datagram
  /// Pipes and FIFOs by how they were opened.
  case pipeRead
  case pipeWrite
  case pipeBoth
  case terminal
  case eventfd
  case file
  case directory
  /// A character or block device.
  case device
  case other

  /// - Throws: EBADF, ENOMEM, and what else fstat(2) fails with.
  @inline(never)
  init(of descriptor: CInt) throws(Errno) {
    // First, as servers have those.
    if let socket = Self.ofSocket(Socket(descriptor)) {
      self = socket
      return
    }
    let mode = withStatus(of: descriptor) { $0?.pointee.st_mode }
    guard let mode else { throw Errno(kq_errno()) }
    switch mode & mode_t(S_IFMT) {
    case mode_t(S_IFSOCK): self = .datagram  // its type is not to be had
    case mode_t(S_IFIFO): self = Self.ofPipe(descriptor)
    case mode_t(S_IFREG): self = .file
    case mode_t(S_IFDIR): self = .directory
    case mode_t(S_IFCHR): self = Terminal.isOne(descriptor) ? .terminal : .device
    case mode_t(S_IFBLK): self = .device
    default: self = AnonymousFile(descriptor) == .counter ? .eventfd : .other
    }
  }

  /// nil of what is no socket.
  private static func ofSocket(_ socket: Socket) -> DescriptorKind? {
    switch Int(socket.option(SO_TYPE)) {
    case 0: nil
    case KQ_SOCK_STREAM: .stream
    case KQ_SOCK_SEQPACKET: .packetStream
    default: .datagram
    }
  }

  private static func ofPipe(_ descriptor: CInt) -> DescriptorKind {
    switch kq_control(descriptor, F_GETFL, 0) & 3 {
    case O_RDONLY: .pipeRead
    case O_WRONLY: .pipeWrite
    default: .pipeBoth
    }
  }
}

/// What belongs to no file system, by its name in /proc.
enum AnonymousFile {
  case counter
  case signals
  /// inotify, fanotify.
  case files
  case epollSet
  case other
  /// There is no /proc to tell.
  case unknown

  @inline(never)
  init(_ descriptor: CInt) {
    self = ProcPath("/proc/self/fd/", descriptor).readLink { target in
      guard let target else { return .unknown }
      if target.is("anon_inode:[eventfd]") { return .counter }
      if target.is("anon_inode:[signalfd]") { return .signals }
      if target.is("anon_inode:[eventpoll]") { return .epollSet }
      return target.is("anon_inode:inotify") || target.is("anon_inode:[fanotify]") ? .files : .other
    }
  }
}
