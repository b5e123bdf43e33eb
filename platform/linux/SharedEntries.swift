import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// READ and WRITE of one number in one entry.
///
/// Level knotes can share an entry, since no edge and no report that comes once belongs to one of them alone. The entry
/// reports what either of them waits for, and each is told its part. In a side set the second knote would cost one more
/// system call at every event.
///
/// Each of the two refers to the other, the older one first: from that `mend` concludes how far a change had come that a
/// signal handler jumped out of.
extension LinuxBackend {
  /// The sibling whose entry a new knote can share.
  private func sibling(sharingWith knote: LinuxKnoteRef, _ knotes: borrowing Knotes) -> LinuxKnoteRef? {
    guard knote.mayShare else { return nil }
    var link = knote.link
    while let sibling = knotes[link] {
      if sibling.platform.place == .main && sibling.mayShare { return sibling }
      link = sibling.link
    }
    return nil
  }

  /// Enters a new knote with a sibling.
  /// - Returns: whether there is one, and its entry is of the file that has the number now.
  /// - Throws: EBADF.
  @inline(never)
  mutating func share(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) -> Bool {
    guard let sibling = sibling(sharingWith: knote, knotes) else { return false }
    // The kind of the descriptor is asked once for both. The change of the entry shows that it is the same file.
    if sibling.platform.kind(of: knote.descriptor) == .pipeWrite { return false }  // see `refuseBrokenPipe`
    knote.platform.learn(from: sibling.platform)
    sibling.platform.share(with: knote)
    kq_order_stores()
    knote.platform.share(with: sibling)
    kq_order_stores()
    do throws(Errno) {
      try renew(knote, knotes)
      return true
    } catch {
      knote.platform.place = .none
      knote.platform.forgetKind()
      kq_order_stores()
      sibling.platform.place = .main
      guard error.code == ENOENT else { throw error }
      return false
    }
  }

  /// Takes a knote out of the entry that it shares, which stays the sibling's.
  /// - Throws: EBADF, ENOENT.
  @inline(never)
  func leave(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) {
    let sibling = knotes[knote.platform.sibling]
    sibling.platform.isMuted = false
    sibling.platform.learn(from: knote.platform)
    forsake(knote, knotes)
    try renew(sibling, knotes)
  }

  /// Leaves the sibling of a knote alone in the entry, if it has one there.
  func forsake(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) {
    guard knote.platform.place == .shared else { return }
    knotes[knote.platform.sibling].platform.place = .main
    kq_order_stores()
  }

  /// The events of the entry that a knote stands in, and what the entry is known by. While one of two is disabled, the entry
  /// is the other's alone, which is then reported as any knote.
  @inline(__always)
  private func entry(of knote: LinuxKnoteRef, _ knotes: borrowing Knotes) -> (events: UInt32, token: UInt64) {
    var owner = knote
    if knote.platform.place == .shared {
      let sibling = knotes[knote.platform.sibling]
      if !knote.isDisabled && !sibling.isDisabled { return Self.entry(of: knote, sibling) }
      if knote.isDisabled { owner = sibling }
    }
    return (owner.epollEvents, EpollToken.knote(owner.token))
  }

  @inline(never)
  private static func entry(of knote: LinuxKnoteRef, _ sibling: LinuxKnoteRef) -> (events: UInt32, token: UInt64) {
    let edge = knote.platform.isMuted ? EPOLLET.rawValue : 0
    return (knote.interest | sibling.interest | edge, EpollToken.pair(knote.token))
  }

  /// Makes an entry, or takes over the one that is there: the sibling has made it, or an unseen close has left it, of a file
  /// that is back under its number.
  func put(_ knote: LinuxKnoteRef, in set: EpollSet, _ knotes: borrowing Knotes) throws(Errno) {
    let entry = entry(of: knote, knotes)
    do throws(Errno) {
      try set.add(knote.descriptor, entry.events, entry.token)
    } catch {
      guard error.code == EEXIST else { throw error }
      try set.modify(knote.descriptor, entry.events, entry.token)
    }
  }

  /// Updates an entry to the present flags of the knotes that stand in it. The kernel then reports again what holds.
  /// - Throws: EBADF, ENOENT.
  @inline(never)
  func renew(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) {
    let entry = entry(of: knote, knotes)
    try set(of: knote)?.modify(knote.descriptor, entry.events, entry.token)
  }

  /// Writes for each of two knotes its part of what their entry reported. The token of a knote that is gone tells the core
  /// that the entry is stale.
  @inline(never)
  func gatherShared(
    _ source: ReportSource, _ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>
  ) -> Int {
    buffer[0] = Happening(source.knote, bits: source.bits)
    guard let knote = knotes.find(source.knote), knote.platform.place == .shared else { return 1 }
    let sibling = knotes[knote.platform.sibling]
    buffer[0].bits = knote.part(of: source.bits)
    let written = buffer[0].bits == 0 ? 0 : 1
    buffer[written] = Happening(sibling.token, bits: sibling.part(of: source.bits))
    return buffer[written].bits == 0 ? written : written + 1
  }

  /// Repairs a knote whose sibling does not refer to it, as a signal handler jumped out of the change of the two.
  func mend(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) {
    guard knote.platform.place == .shared else { return }
    let sibling = knotes[knote.platform.sibling]
    if sibling.platform.place == .shared && sibling.platform.sibling == knote.index { return }
    // The knote had left a sibling that stands alone. One that stands nowhere was still to be entered.
    knote.platform.place = sibling.platform.place == .main ? .none : .main
  }
}

extension LinuxKnoteRef {
  /// Whether its entry can be another level knote's as well.
  fileprivate var mayShare: Bool {
    (kind == .read || kind == .write) && !has(EV_CLEAR | EV_ONESHOT | EV_DISPATCH)
  }

  /// The bits of a report that concern the knote.
  fileprivate func part(of bits: UInt32) -> UInt32 {
    bits & (interest | EPOLLERR.rawValue | EPOLLHUP.rawValue)
  }
}

extension LinuxKnote {
  /// The knote in the same entry, by its index; level knotes have no mark.
  fileprivate(set) var sibling: UInt32 {
    get { mark }
    set { mark = newValue }
  }

  fileprivate mutating func share(with knote: LinuxKnoteRef) {
    isMuted = false
    sibling = knote.index
    kq_order_stores()
    place = .shared
  }
}
