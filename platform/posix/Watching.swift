import CKQueue
import CKQueueShims.POSIX
import KQueueCore

/// Registration of knotes on descriptors.
extension POSIXBackend {
  public mutating func attach(_ knote: POSIXKnoteRef, _ knotes: borrowing Knotes) throws(Errno) -> Backing {
    switch knote.kind {
    case .signal: try attachSignal(knote)
    case .proc: try attachProcess(knote, knotes)
    case .vnode: try attachVnode(knote)
    default: return try attachCondition(knote, knotes)
    }
    return .kernel
  }

  private mutating func attachCondition(_ knote: POSIXKnoteRef, _ knotes: borrowing Knotes) throws(Errno) -> Backing {
    let kind = try Errno.check(kq_posix_kind(knote.descriptor))
    knote.platform.identity = try identity(of: knote.descriptor)
    switch kq_posix_kind(UInt32(kind)) {
    case KQ_POSIX_FILE, KQ_POSIX_DIRECTORY:
      if knote.kind == .except { throw Errno(EINVAL) }
      knote.platform.place = .file
      return .recorded
    default: break
    }
    if knote.descriptor == pipe.reading { throw Errno(EINVAL) }  // in itself (C-106)
    if knote.kind == .write { try refuseBrokenPipe(knote.descriptor) }
    try reserveLists()
    noteConnection(knote)
    knote.platform.hasListened = knote.kind == .read && kq_listens(knote.descriptor)
    settle(knote, knotes)
    return .kernel
  }

  public mutating func update(_ knote: POSIXKnoteRef, _ knotes: borrowing Knotes) throws(Errno) {
    if knote.kind == .signal { return }
    if knote.kind == .proc { return try refuseFamilies(knote) }
    if !kq_is_open(knote.descriptor) { throw Errno(EBADF) }
    if !isSameFile(knote) { throw Errno(ENOENT) }
    if knote.kind == .vnode { return }
    knote.platform.repeats = 0
    if knote.platform.place != .file { return settle(knote, knotes) }
    knote.platform.hasEnded = false
    knote.platform.wasTold = false
  }

  public mutating func detach(_ knote: POSIXKnoteRef, _ knotes: borrowing Knotes) throws(Errno) {
    if knote.kind == .signal || knote.kind == .proc { return abandon(knote, knotes) }
    let isSame = isSameFile(knote)
    abandon(knote, knotes)
    if !kq_is_open(knote.descriptor) { throw Errno(EBADF) }
    if !isSame { throw Errno(ENOENT) }
  }

  public mutating func abandon(_ knote: POSIXKnoteRef, _ knotes: borrowing Knotes) {
    let place = knote.platform.place
    switch place {
    case .none: return
    case .signal: detachSignal(knote, knotes)
    case .child: detachProcess(knote, knotes)
    case .sampled: detachVnode(knote, knotes)
    case .file: break
    case .awaited, .quiet, .idle:
      polled -= 1
      take(knote, knotes)
      dismissSleepers()
    }
    knote.platform.place = .none
  }

  // MARK: Lists

  /// Enters a knote that stood in a list into a new one.
  mutating func enterAnew(_ knote: POSIXKnoteRef, _ knotes: borrowing Knotes) {
    switch knote.platform.place {
    case .none, .file, .signal, .child, .sampled: return
    case .awaited, .quiet, .idle: knote.platform.place = .idle
    }
    do throws(Errno) {
      try reserveLists()
      settle(knote, knotes)
    } catch {
      knote.platform.place = .none  // as if it were closed
    }
  }

  private mutating func reserveLists() throws(Errno) {
    try prepareTable()
    try table.reserve(polled + 2)
    try quiet.reserve(polled + 1)
    polled += 1
  }

  /// Enters a knote into the table that poll(2) is given; a disabled one into none.
  private mutating func settle(_ knote: POSIXKnoteRef, _ knotes: borrowing Knotes) {
    knote.platform.plainLooks = 0
    move(knote, to: .idle, knotes)
    if !knote.isDisabled { move(knote, to: .awaited, knotes) }
  }

  mutating func move(_ knote: POSIXKnoteRef, to place: POSIXKnote.Place, _ knotes: borrowing Knotes) {
    if knote.platform.place == place { return }
    take(knote, knotes)
    let token = knote.token
    // A threshold of nothing that was found to be no condition, or was told under EV_CLEAR, is always reached no more.
    let isAlways = knote.isAlwaysEnough && knote.platform.place != .quiet
    knote.platform.place = place
    switch place {
    case .awaited:
      let descriptor = isAlways ? PollList.always : knote.descriptor
      knote.platform.position = table.append(descriptor, knote.interest, token)
      noteChange()
    case .quiet:
      knote.platform.position = UInt32(quiet.count)
      quiet.append(knote.descriptor, knote.interest, token)
    case .none, .idle, .file, .signal, .child, .sampled: break
    }
  }

  /// Takes a knote out of its list.
  private mutating func take(_ knote: POSIXKnoteRef, _ knotes: borrowing Knotes) {
    let position = knote.platform.position
    switch knote.platform.place {
    case .awaited: table.remove(position) { knotes[$0.index].platform.position = $1 }
    case .quiet: if let moved = quiet.remove(Int(position)) { knotes[moved.index].platform.position = position }
    case .none, .idle, .file, .signal, .child, .sampled: return
    }
  }

  // MARK: What a number names

  /// A short form of the file that a number names.
  /// - Throws: EBADF, ENOMEM, and what else fstat(2) fails with.
  private func identity(of descriptor: CInt) throws(Errno) -> UInt32 {
    var identity = kq_identity()
    try Errno.check(kq_identity(descriptor, &identity))
    return UInt32(truncatingIfNeeded: HashIndex.hash(UInt(identity.device &* 31 &+ identity.number)))
  }

  /// Nobody polls for it between two calls, so what waits for its delivery keeps the kqueue's descriptor readable.
  @inline(__always)
  public func reportsByLevel(_ knote: POSIXKnoteRef) -> Bool { false }

  public mutating func isOnSameFile(_ knote: POSIXKnoteRef) -> Bool {
    isSameFile(knote)
  }

  /// Where fstat(2) fails of an open file, for lack of memory or of a server, nothing is known, and a knote stays.
  func isSameFile(_ knote: POSIXKnoteRef) -> Bool {
    do throws(Errno) {
      if knote.platform.place == .sampled { return try isSameSampledFile(knote) }
      return try identity(of: knote.descriptor) == knote.platform.identity
    } catch {
      return error.code != EBADF
    }
  }

  /// WRITE on a pipe that nobody reads any more is refused (C-201).
  private func refuseBrokenPipe(_ descriptor: CInt) throws(Errno) {
    var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    try Errno.check(kq_poll_now(&entry, 1))
    if entry.revents & Int16(POLLERR) != 0 && kq_posix_kind(descriptor) == KQ_POSIX_PIPE_WRITE.rawValue {
      throw Errno(EPIPE)
    }
  }
}
