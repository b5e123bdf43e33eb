import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// Registration of knotes on descriptors with the kernel.
extension LinuxBackend {
  public mutating func attach(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) -> Backing {
    switch knotes[index].pointee.kind {
    case .empty: return try attachEmpty(knotes[index])
    case .vnode: return try attachVnode(index, knotes)
    case .fs: return try attachMounts(index, knotes)
    case .proc, .procdesc: return try attachProcess(index, knotes)
    case .signal: return try attachSignal(index, knotes)
    default: return try attachCondition(index, knotes)
    }
  }

  private mutating func attachCondition(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) -> Backing {
    let knote = knotes[index]
    if knote.pointee.descriptor == own.descriptor { throw Errno(EINVAL) }  // in itself (C-106)
    if knote.pointee.kind == .write { try refuseBrokenPipe(knote.pointee.descriptor) }
    do throws(Errno) {
      try enter(index, knotes)
      watched += 1
      noteListener(knote)
      return .kernel
    } catch {
      guard error.code == EPERM else { throw error }
    }
    try attachUnpollable(index, knotes)
    return .recorded
  }

  /// A listener that is shut down looks as a socket that never listened (C-362), so those that a kqueue begins with are
  /// asked: programs add their listeners first. Of later ones it is known once they were reported; a call for each
  /// connection would cost a fifth of its registration.
  private mutating func noteListener(_ knote: LinuxKnotePointer) {
    guard knote.pointee.isRead, askedListeners < Self.firstListeners else { return }
    askedListeners += 1
    if kq_socket_listens(knote.pointee.descriptor) { knote.pointee.platform.past.insert(.listened) }
  }

  private static var firstListeners: UInt8 { 16 }

  public mutating func update(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) {
    let knote = knotes[index]
    if knote.pointee.kind == .fs { return mounts.update(in: main) }
    if knote.pointee.kind == .proc { return try updateProcess(index, knotes) }
    if knote.pointee.kind == .signal { return try updateSignal(index, knotes) }
    knote.pointee.platform.isPlain = false
    knote.pointee.platform.toldEnd = .none
    if knote.pointee.platform.place.isInSet { knote.pointee.platform.forgetTold() }
    if knote.pointee.platform.place == .none { return try refuseGone(knote.pointee.descriptor) }
    if knote.pointee.platform.place == .file { return try files.update(index, knotes) }
    guard let set = set(of: knote) else {
      knote.pointee.platform.toldMark = 0
      if !isSameFile(knote) { try refuseGone(knote.pointee.descriptor) }
      return
    }
    knote.pointee.platform.isMuted = false
    try set.modify(
      knote.pointee.descriptor, knote.pointee.epollEvents, EpollToken.knote(index, knote.pointee.generation))
  }

  public mutating func occurrence(_ index: UInt32, _ knotes: borrowing Knotes, reported: UInt32) -> Happening? {
    end(index, knotes)
  }

  public mutating func detach(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) {
    let knote = knotes[index]
    if knote.pointee.kind == .fs { return detachMounts(knote) }
    if knote.pointee.kind == .proc { return detachProcess(index, knotes) }
    if knote.pointee.kind == .signal { return detachSignal(index, knote) }
    let place = knote.pointee.platform.place
    let set = set(of: knote)
    let isSame = place != .always || isSameFile(knote)
    // Last: where a handler jumps away, the repair removes the entry.
    defer { knote.pointee.platform.place = .none }
    switch place {
    case .main, .firstSide, .secondSide, .thirdSide:
      watched -= 1
      try set?.remove(knote.pointee.descriptor)
    case .file: try detachFile(index, knotes)
    case .always where isSame: break
    case .facility, .child, .lookedAt: try requireOpen(knote.pointee.descriptor)
    case .always, .none: try refuseGone(knote.pointee.descriptor)
    }
  }

  public mutating func abandon(_ index: UInt32, _ knotes: borrowing Knotes) {
    let knote = knotes[index]
    switch knote.pointee.platform.place {
    case .main, .firstSide, .secondSide, .thirdSide: watched -= 1
    case .file: abandonFile(index, knotes)
    case .always, .facility, .child, .lookedAt, .none: break
    }
    knote.pointee.platform.place = .none
  }

  /// The sets, each as its descriptor + 1.
  public var watchSets: WatchSets {
    WatchSets(
      UInt64(main.descriptor + 1) | UInt64(sides.number(0)) << 32,
      UInt64(sides.number(1)) | UInt64(sides.number(2)) << 32)
  }

  public static func forget(_ number: CInt, _ watchSets: WatchSets) -> Bool {
    let had = forget(number, watchSets.first)
    return watchSets.second != 0 && forget(number, watchSets.second) || had
  }

  private static func forget(_ number: CInt, _ pair: UInt64) -> Bool {
    let (first, second) = (CInt(truncatingIfNeeded: pair), CInt(truncatingIfNeeded: pair >> 32))
    let had = first != 0 && kq_epoll_control(first - 1, EPOLL_CTL_DEL, number, 0, 0) == 0
    return second != 0 && kq_epoll_control(second - 1, EPOLL_CTL_DEL, number, 0, 0) == 0 || had
  }

  /// What a change says of a number that was closed unseen: that it is closed, or another file's.
  func refuseGone(_ descriptor: CInt) throws(Errno) {
    throw Errno(kq_is_open(descriptor) ? ENOENT : EBADF)
  }

  private func requireOpen(_ descriptor: CInt) throws(Errno) {
    if !kq_is_open(descriptor) { throw Errno(EBADF) }
  }

  @inline(__always)
  public func reportsByLevel(_ index: UInt32, _ knotes: borrowing Knotes) -> Bool {
    !knotes[index].pointee.platform.isMuted
  }

  /// Has an entry report changes only, or by level again.
  func setMuted(_ muted: Bool, _ index: UInt32, _ knote: LinuxKnotePointer) {
    knote.pointee.platform.isMuted = muted
    try? set(of: knote)?.modify(
      knote.pointee.descriptor, knote.pointee.epollEvents, EpollToken.knote(index, knote.pointee.generation))
  }

  /// The set that a knote's entry stands in.
  @inline(__always)
  func set(of knote: LinuxKnotePointer) -> EpollSet? {
    let place = knote.pointee.platform.place
    if place == .main { return main }
    return place.side.flatMap { sides[$0] }
  }

  mutating func enter(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) {
    let knote = knotes[index]
    let place = freePlace(for: knote, knotes)
    let set = try open(place)
    // First: where a handler jumps away, the repair finds where the entry may be.
    knote.pointee.platform.place = place
    kq_order_stores()
    do throws(Errno) {
      try put(index, knote, in: set)
    } catch {
      knote.pointee.platform.place = .none
      throw error
    }
  }

  /// Makes the entry of a knote.
  private func put(_ index: UInt32, _ knote: LinuxKnotePointer, in set: EpollSet) throws(Errno) {
    let token = EpollToken.knote(index, knote.pointee.generation)
    do throws(Errno) {
      try set.add(knote.pointee.descriptor, knote.pointee.epollEvents, token)
    } catch {
      guard error.code == EEXIST else { throw error }
      // Left by a close that nobody saw, of a file that is back under its number: taken over.
      try set.modify(knote.pointee.descriptor, knote.pointee.epollEvents, token)
    }
  }

  /// Counts anew, and makes the entries that are missing.
  public mutating func repair(_ knotes: borrowing Knotes) {
    watched = 0
    var place: UInt32 = 0
    while let index = knotes.next(&place) {
      let knote = knotes[index]
      if knote.pointee.isWatched { watched += 1 }
      if let set = set(of: knote) { try? put(index, knote, in: set) }
    }
  }

  /// The first set in which no sibling stands.
  @inline(__always)
  private func freePlace(for knote: LinuxKnotePointer, _ knotes: borrowing Knotes) -> LinuxKnote.Place {
    knote.pointee.link == 0 ? .main : freePlaceBesideSiblings(knote, knotes)
  }

  @inline(never)
  private func freePlaceBesideSiblings(_ knote: LinuxKnotePointer, _ knotes: borrowing Knotes) -> LinuxKnote.Place {
    var taken: UInt32 = 0
    var link = knote.pointee.link
    while link != 0 {
      let sibling = knotes[link - 1]
      taken |= 1 << UInt32(sibling.pointee.platform.place.rawValue)
      link = sibling.pointee.link
    }
    if taken & 1 << UInt32(LinuxKnote.Place.main.rawValue) == 0 { return .main }
    for place in 0..<SideSets.limit where taken & 1 << UInt32(LinuxKnote.Place.side(place).rawValue) == 0 {
      return .side(place)
    }
    bug("more knotes of a number than filters that epoll serves")
  }

  /// An event of a nested set costs a call more, so a knote that is alone moves to the kqueue's own. Its entry is
  /// made anew, and reports what holds: under EV_CLEAR it moves where nothing does.
  public mutating func stand(alone index: UInt32, _ knotes: borrowing Knotes) {
    let knote = knotes[index]
    guard let side = knote.pointee.platform.place.side.flatMap({ sides[$0] }), knote.pointee.kind != .procdesc,
      !knote.pointee.has(EV_CLEAR) || kq_poll(knote.pointee.descriptor, CInt(bitPattern: knote.pointee.interest)) == 0
    else { return }
    let signals = kq_block_signals()
    defer { kq_unblock_signals(signals) }
    guard (try? side.remove(knote.pointee.descriptor)) != nil else { return }
    let (events, token) = (knote.pointee.epollEvents, EpollToken.knote(index, knote.pointee.generation))
    if (try? main.add(knote.pointee.descriptor, events, token)) != nil {
      knote.pointee.platform.place = .main
    } else if (try? side.add(knote.pointee.descriptor, events, token)) == nil {
      knote.pointee.platform.place = .none  // as if it were closed; the next change finds that out
      watched -= 1
    }
  }

  /// WRITE on a pipe that nobody reads any more is refused (C-201).
  private func refuseBrokenPipe(_ descriptor: CInt) throws(Errno) {
    let bits = try Errno.check(kq_poll(descriptor, POLLOUT))
    if UInt32(bits) & EPOLLERR.rawValue != 0 && kq_kind(descriptor) == KQ_KIND_PIPE_WRITE.rawValue {
      throw Errno(EPIPE)
    }
  }

  /// What epoll refuses: files and directories, which inotify watches, and devices that are always ready.
  private mutating func attachUnpollable(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) {
    let knote = knotes[index]
    let kind = try knote.pointee.platform.findKind(of: knote.pointee.descriptor)
    switch kind {
    case _ where knote.pointee.kind == .except: throw Errno(EINVAL)
    case KQ_KIND_FILE, KQ_KIND_DIRECTORY:
      let waits = knote.pointee.isRead && knote.pointee.fflags & UInt32(NOTE_FILE_POLL) == 0
      if waits { try attachUninterrupted(index, knotes) } else { knote.pointee.standAlways() }
    case KQ_KIND_DEVICE: knote.pointee.standAlways()
    default: throw Errno(EINVAL)
    }
  }

  private mutating func attachUninterrupted(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) {
    let signals = kq_block_signals()
    defer { kq_unblock_signals(signals) }
    try attachReadOfFile(index, knotes)
  }
}
