import CKQueue
import CKQueueShims.POSIX
import KQueueCore

/// Registration of knotes on descriptors.
extension POSIXBackend {
  public mutating func attach(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) -> Backing {
    switch knotes[index].pointee.kind {
    case .signal: try attachSignal(index, knotes)
    case .proc: try attachProcess(index, knotes)
    case .vnode: try attachVnode(index, knotes)
    default: return try attachCondition(index, knotes)
    }
    return .kernel
  }

  private mutating func attachCondition(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) -> Backing {
    let knote = knotes[index]
    let kind = try Errno.check(kq_posix_kind(knote.pointee.descriptor))
    knote.pointee.platform.identity = try identity(of: knote.pointee.descriptor)
    switch kq_posix_kind(UInt32(kind)) {
    case KQ_POSIX_FILE, KQ_POSIX_DIRECTORY:
      if knote.pointee.kind == .except { throw Errno(EINVAL) }
      knote.pointee.platform.place = .file
      return .recorded
    default: break
    }
    if knote.pointee.descriptor == pipe.reading { throw Errno(EINVAL) }  // in itself (C-106)
    if knote.pointee.kind == .write { try refuseBrokenPipe(knote.pointee.descriptor) }
    try reserveLists()
    noteConnection(knote)
    knote.pointee.platform.hasListened = knote.pointee.kind == .read && kq_listens(knote.pointee.descriptor)
    settle(index, knotes)
    return .kernel
  }

  public mutating func update(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) {
    let knote = knotes[index]
    if knote.pointee.kind == .signal { return }
    if knote.pointee.kind == .proc { return try refuseFamilies(knote) }
    if !kq_is_open(knote.pointee.descriptor) { throw Errno(EBADF) }
    if !isSameFile(knote) { throw Errno(ENOENT) }
    if knote.pointee.kind == .vnode { return }
    knote.pointee.platform.repeats = 0
    if knote.pointee.platform.place != .file { return settle(index, knotes) }
    knote.pointee.platform.hasEnded = false
    knote.pointee.platform.wasTold = false
  }

  public mutating func detach(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) {
    let knote = knotes[index]
    if knote.pointee.kind == .signal || knote.pointee.kind == .proc { return abandon(index, knotes) }
    let isSame = isSameFile(knote)
    abandon(index, knotes)
    if !kq_is_open(knote.pointee.descriptor) { throw Errno(EBADF) }
    if !isSame { throw Errno(ENOENT) }
  }

  public mutating func abandon(_ index: UInt32, _ knotes: borrowing Knotes) {
    let place = knotes[index].pointee.platform.place
    switch place {
    case .none: return
    case .signal: detachSignal(index, knotes)
    case .child: detachProcess(index, knotes)
    case .sampled: detachVnode(index, knotes)
    case .file: break
    case .awaited, .quiet, .idle:
      polled -= 1
      take(index, knotes)
      dismissSleepers()
    }
    knotes[index].pointee.platform.place = .none
  }

  // MARK: Lists

  /// Enters a knote that stood in a list into a new one.
  mutating func enterAnew(_ index: UInt32, _ knotes: borrowing Knotes) {
    switch knotes[index].pointee.platform.place {
    case .none, .file, .signal, .child, .sampled: return
    case .awaited, .quiet, .idle: knotes[index].pointee.platform.place = .idle
    }
    do throws(Errno) {
      try reserveLists()
      settle(index, knotes)
    } catch {
      knotes[index].pointee.platform.place = .none  // as if it were closed
    }
  }

  private mutating func reserveLists() throws(Errno) {
    try prepareTable()
    try table.reserve(polled + 2)
    try quiet.reserve(polled + 1)
    polled += 1
  }

  /// Has poll(2) asked for a knote, or not where it is disabled.
  private mutating func settle(_ index: UInt32, _ knotes: borrowing Knotes) {
    knotes[index].pointee.platform.plainLooks = 0
    move(index, to: .idle, knotes)
    if !knotes[index].pointee.isDisabled { move(index, to: .awaited, knotes) }
  }

  mutating func move(_ index: UInt32, to place: POSIXKnote.Place, _ knotes: borrowing Knotes) {
    let knote = knotes[index]
    if knote.pointee.platform.place == place { return }
    take(index, knotes)
    let token = KnoteToken(index: index, generation: knote.pointee.generation)
    // A threshold of nothing that was found to be no condition, or was told under EV_CLEAR, is always reached no more.
    let isAlways = knote.pointee.isAlwaysEnough && knote.pointee.platform.place != .quiet
    knote.pointee.platform.place = place
    switch place {
    case .awaited:
      let descriptor = isAlways ? PollList.always : knote.pointee.descriptor
      knote.pointee.platform.position = table.append(descriptor, knote.pointee.interest, token)
      noteChange()
    case .quiet:
      knote.pointee.platform.position = UInt32(quiet.count)
      quiet.append(knote.pointee.descriptor, knote.pointee.interest, token)
    case .none, .idle, .file, .signal, .child, .sampled: break
    }
  }

  /// Takes a knote out of its list.
  private mutating func take(_ index: UInt32, _ knotes: borrowing Knotes) {
    let position = knotes[index].pointee.platform.position
    let moved: KnoteToken?
    switch knotes[index].pointee.platform.place {
    case .awaited: moved = table.remove(position)
    case .quiet: moved = quiet.remove(Int(position))
    case .none, .idle, .file, .signal, .child, .sampled: return
    }
    if let moved { knotes[moved.index].pointee.platform.position = position }
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
  public func reportsByLevel(_ index: UInt32, _ knotes: borrowing Knotes) -> Bool { false }

  public mutating func isOnSameFile(_ index: UInt32, _ knotes: borrowing Knotes) -> Bool {
    isSameFile(knotes[index])
  }

  /// Where fstat(2) fails of an open file, for lack of memory or of a server, nothing is known, and a knote stays.
  func isSameFile(_ knote: POSIXKnotePointer) -> Bool {
    do throws(Errno) {
      if knote.pointee.platform.place == .sampled { return try isSameSampledFile(knote) }
      return try identity(of: knote.pointee.descriptor) == knote.pointee.platform.identity
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
