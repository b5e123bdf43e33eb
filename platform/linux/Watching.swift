import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// Registration of knotes on descriptors with the kernel.
extension LinuxBackend {
  public mutating func attach(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) -> Backing {
    switch knote.kind {
    case .empty: return try attachEmpty(knote)
    case .vnode: return try attachVnode(knote, knotes)
    case .fs: return try attachMounts(knote)
    case .proc, .procdesc: return try attachProcess(knote, knotes)
    case .signal: return try attachSignal(knote, knotes)
    default: return try attachCondition(knote, knotes)
    }
  }

  private mutating func attachCondition(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) -> Backing {
    if knote.descriptor == own.descriptor { throw Errno(EINVAL) }  // in itself (C-106)
    do throws(Errno) {
      let isShared = knote.link != .none ? try share(knote, knotes) : false
      if !isShared { try enterAlone(knote, knotes) }
      watched += 1
      noteListener(knote)
      return .kernel
    } catch {
      guard error.code == EPERM else { throw error }
    }
    try attachUnpollable(knote, knotes)
    return .recorded
  }

  private mutating func enterAlone(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) {
    if knote.kind == .write { try refuseBrokenPipe(knote) }
    try enter(knote, knotes)
  }

  /// A listener that is shut down looks as a socket that never listened (C-362), so those that a kqueue begins with are
  /// asked: programs add their listeners first. Of later ones it is known once they were reported; a call for each
  /// connection would cost a fifth of its registration.
  private mutating func noteListener(_ knote: LinuxKnoteRef) {
    guard knote.isRead, askedListeners < Self.firstListeners else { return }
    askedListeners += 1
    if Socket(knote.descriptor).listens { knote.platform.past.insert(.listened) }
  }

  private static var firstListeners: UInt8 { 16 }

  public mutating func update(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) {
    if knote.kind == .fs { return mounts.update(in: main) }
    if knote.kind == .proc { return try updateProcess(knote, knotes) }
    if knote.kind == .signal { return try updateSignal(knote, knotes) }
    // What the socket asks for was seen; a knote that waits for its next turn (EV_DISPATCH) need not ask again.
    if knote.fflags != 0 || !knote.platform.place.isInSet { knote.platform.isPlain = false }
    knote.platform.toldEnd = .none
    if knote.platform.place.isInSet { knote.platform.forgetTold() }
    if knote.platform.place == .none { return try refuseGone(knote.descriptor) }
    if knote.platform.place == .file { return try files.update(knote, knotes) }
    guard knote.platform.place.isInSet else {
      knote.platform.toldMark = 0
      if !isSameFile(knote) { try refuseGone(knote.descriptor) }
      return
    }
    try mute(false, knote, knotes)
  }

  public mutating func occurrence(_ knote: LinuxKnoteRef, reported: UInt32) -> Happening? {
    end(knote)
  }

  public mutating func detach(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) {
    if knote.kind == .fs { return detachMounts(knote) }
    if knote.kind == .proc { return detachProcess(knote, knotes) }
    if knote.kind == .signal { return detachSignal(knote) }
    let place = knote.platform.place
    let set = set(of: knote)
    let isSame = place != .always || isSameFile(knote)
    // Last: where a handler jumps away, the repair removes the entry.
    defer { knote.platform.place = .none }
    switch place {
    case .main, .firstSide, .secondSide, .thirdSide:
      watched -= 1
      try set?.remove(knote.descriptor)
    case .shared:
      watched -= 1
      try leave(knote, knotes)
    case .file: try detachFile(knote, knotes)
    case .always where isSame: break
    case .facility, .child, .lookedAt: try requireOpen(knote.descriptor)
    case .always, .none: try refuseGone(knote.descriptor)
    }
  }

  public mutating func abandon(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) {
    switch knote.platform.place {
    case .main, .shared, .firstSide, .secondSide, .thirdSide:
      watched -= 1
      forsake(knote, knotes)
    case .file: abandonFile(knote, knotes)
    case .always, .facility, .child, .lookedAt, .none: break
    }
    knote.platform.place = .none
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
    let had = first != 0 && EpollSet.control(first - 1, EPOLL_CTL_DEL, number, 0, 0) == 0
    return second != 0 && EpollSet.control(second - 1, EPOLL_CTL_DEL, number, 0, 0) == 0 || had
  }

  /// What a change says of a number that was closed unseen: that it is closed, or another file's.
  func refuseGone(_ descriptor: CInt) throws(Errno) {
    throw Errno(kq_is_open(descriptor) ? ENOENT : EBADF)
  }

  private func requireOpen(_ descriptor: CInt) throws(Errno) {
    if !kq_is_open(descriptor) { throw Errno(EBADF) }
  }

  @inline(__always)
  public func reportsByLevel(_ knote: LinuxKnoteRef) -> Bool {
    !knote.platform.isMuted
  }

  /// Makes an entry report changes only, or by level again.
  mutating func setMuted(_ muted: Bool, _ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) {
    try? mute(muted, knote, knotes)
  }

  private func mute(_ muted: Bool, _ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) {
    knote.platform.isMuted = muted
    if knote.platform.place == .shared { knotes[knote.platform.sibling].platform.isMuted = muted }
    try renew(knote, knotes)
  }

  /// The set that a knote's entry stands in.
  @inline(__always)
  func set(of knote: LinuxKnoteRef) -> EpollSet? {
    let place = knote.platform.place
    if place == .main || place == .shared { return main }
    return place.side.flatMap { sides[$0] }
  }

  mutating func enter(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) {
    let place = freePlace(for: knote, knotes)
    let set = try open(place)
    // First: where a handler jumps away, the repair finds where the entry may be.
    knote.platform.place = place
    kq_order_stores()
    do throws(Errno) {
      try put(knote, in: set, knotes)
    } catch {
      knote.platform.place = .none
      throw error
    }
  }

  /// Counts anew, and makes the entries that are missing.
  public mutating func repair(_ knotes: borrowing Knotes) {
    watched = 0
    var place: UInt32 = 0
    while let knote = knotes.next(&place) { mend(knote, knotes) }
    place = 0
    while let knote = knotes.next(&place) {
      if knote.isWatched { watched += 1 }
      if let set = set(of: knote) { try? put(knote, in: set, knotes) }
    }
  }

  /// The first set in which no sibling stands.
  @inline(__always)
  private func freePlace(for knote: LinuxKnoteRef, _ knotes: borrowing Knotes) -> LinuxKnote.Place {
    knote.link == .none ? .main : freePlaceBesideSiblings(knote, knotes)
  }

  @inline(never)
  private func freePlaceBesideSiblings(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) -> LinuxKnote.Place {
    var taken: UInt32 = 0
    var link = knote.link
    while let sibling = knotes[link] {
      taken |= 1 << UInt32(sibling.platform.place.rawValue)
      link = sibling.link
    }
    let inMain: UInt32 = 1 << UInt32(LinuxKnote.Place.main.rawValue) | 1 << UInt32(LinuxKnote.Place.shared.rawValue)
    if taken & inMain == 0 { return .main }
    for place in 0..<SideSets.limit where taken & 1 << UInt32(LinuxKnote.Place.side(place).rawValue) == 0 {
      return .side(place)
    }
    bug("more knotes of a number than filters that epoll serves")
  }

  /// An event of a nested set costs a call more, so a knote that is alone moves to the kqueue's own. Its entry is
  /// made anew, and reports what holds: under EV_CLEAR it moves where nothing does.
  public mutating func noteSole(_ knote: LinuxKnoteRef) {
    guard let side = knote.platform.place.side.flatMap({ sides[$0] }), knote.kind != .procdesc,
      !knote.has(EV_CLEAR) || pollNow(knote.descriptor, knote.interest) == 0
    else { return }
    let signals = kq_block_signals()
    defer { kq_unblock_signals(signals) }
    guard (try? side.remove(knote.descriptor)) != nil else { return }
    if (try? main.add(knote)) != nil {
      knote.platform.place = .main
    } else if (try? side.add(knote)) == nil {
      knote.platform.place = .none  // as if it were closed; the next change finds that out
      watched -= 1
    }
  }

  /// WRITE on a pipe that nobody reads any more is refused (C-201). The knote keeps what its descriptor is, which the first event
  /// needs as well.
  private func refuseBrokenPipe(_ knote: LinuxKnoteRef) throws(Errno) {
    guard knote.platform.kind(of: knote.descriptor) == .pipeWrite else { return }
    let bits = try Errno.check(pollNow(knote.descriptor, EPOLLOUT.rawValue))
    if UInt32(bits) & EPOLLERR.rawValue != 0 { throw Errno(EPIPE) }
  }

  /// What epoll refuses: files and directories, which inotify watches, and devices that are always ready.
  private mutating func attachUnpollable(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) {
    let kind = try knote.platform.findKind(of: knote.descriptor)
    switch kind {
    case _ where knote.kind == .except: throw Errno(EINVAL)
    case .file, .directory:
      let waits = knote.isRead && knote.fflags & UInt32(NOTE_FILE_POLL) == 0
      if waits { try attachUninterrupted(knote, knotes) } else { knote.standAlways() }
    case .device: knote.standAlways()
    default: throw Errno(EINVAL)
    }
  }

  private mutating func attachUninterrupted(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) {
    let signals = kq_block_signals()
    defer { kq_unblock_signals(signals) }
    try attachReadOfFile(knote, knotes)
  }
}
