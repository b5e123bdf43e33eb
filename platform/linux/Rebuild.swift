import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// Entries that nobody can remove, and the set that takes the place of the one that has them (contract 4).
extension LinuxBackend {
  public func origin(of stale: KnoteToken) -> StaleOrigin {
    let token = EpollToken.knote(stale)
    var origin = main.origin(of: token)
    if case .nowhere = origin { origin = main.origin(of: EpollToken.pair(stale)) }
    sides.visit { _, set in
      if case .nowhere = origin { origin = set.origin(of: token) }
    }
    return origin
  }

  public mutating func dismiss(_ number: CInt) -> Bool {
    var isDone = (try? main.remove(number)) != nil
    sides.visit { _, set in if (try? set.remove(number)) != nil { isDone = true } }
    return isDone
  }

  /// Another set is filled while the one in use goes on. The kernel calls everything in the new one news, so that is
  /// taken off it first; what is news is what the set in use has to report after that. What comes later is reported by
  /// the new one.
  public mutating func rebuild(
    _ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<EpollReport>, hasWaiters: Bool
  ) -> CInt {
    let (oldMain, oldSides) = (main, sides)
    do throws(Errno) {
      // Stands in the old set, by which the kqueue's number is known for its own when it takes the new one.
      try prepareWake()
      main = try EpollSet(high: ())
      sides = SideSets()
      try enterAll(knotes, oldMain, oldSides)
    } catch {
      if main.descriptor != oldMain.descriptor { OwnDescriptors.close(main.descriptor) }
      sides.close()
      (main, sides) = (oldMain, oldSides)
      return -error.code
    }
    silence(knotes, buffer)
    let news = collectNews(of: oldMain, oldSides, buffer)
    replace(oldMain, hasWaiters)
    oldSides.close()
    return news
  }

  private mutating func enterAll(_ knotes: borrowing Knotes, _ oldMain: EpollSet, _ oldSides: SideSets) throws(Errno) {
    enterOwn()
    var place: UInt32 = 0
    while let knote = knotes.next(&place) {
      try reenter(moving: knote, knotes)
      leaveIfReplaced(knote, knotes, oldMain, oldSides)
    }
    if !isIntact { throw Errno(ENOMEM) }
  }

  private mutating func enterOwn() {
    wakeDescriptor.enter(main)
    monotonicTimer.enter(.monotonic, main)
    realtimeTimer.enter(.realtime, main)
    files.enter(main)
    mounts.enter(main)
    families?.pointee.enter(main)
    looks?.pointee.enter(main)
    signals.enter(main)
  }

  private mutating func reenter(moving knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) {
    if knote.kind == .proc { return try enterProcess(knote) }
    guard knote.platform.place.isInSet else { return }
    do throws(Errno) {
      try put(knote, in: open(knote.platform.place), knotes)
    } catch {
      // Closed, or another file's that cannot be polled: its next sample or change finds that out.
      guard error.code == EBADF || error.code == EPERM else { throw error }
    }
  }

  /// Where closes go unseen the number may have become another file's just before it was entered: what the old set does
  /// not have is not what was registered.
  private mutating func leaveIfReplaced(
    _ knote: LinuxKnoteRef, _ knotes: borrowing Knotes, _ oldMain: EpollSet, _ oldSides: SideSets
  ) {
    guard knote.platform.place.isInSet else { return }
    let old = knote.platform.place.side.flatMap { oldSides[$0] } ?? oldMain
    if old.holds(knote.descriptor) { return }
    try? set(of: knote)?.remove(knote.descriptor)
    forsake(knote, knotes)
    knote.platform.place = .none
    watched -= 1
  }

  /// Takes off a new set what it calls news because it is new. An entry that reports once is armed anew.
  private func silence(_ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<EpollReport>) {
    silence(main, knotes, buffer)
    sides.visit { _, set in silence(set, knotes, buffer) }
  }

  private func silence(_ set: EpollSet, _ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<EpollReport>) {
    for place in 0..<Int(max(set.poll(buffer), 0)) {
      guard case .knote(let token, _) = Self.decode(buffer[place]), let knote = knotes.find(token),
        knote.has(EV_ONESHOT | EV_DISPATCH), knote.platform.place.isInSet
      else { continue }
      try? renew(knote, knotes)
    }
  }

  /// What sets have to report that nobody asks any more. Reports of side sets themselves say nothing.
  private func collectNews(
    of set: EpollSet, _ sides: SideSets, _ buffer: UnsafeMutableBufferPointer<EpollReport>
  ) -> CInt {
    var count = Int(max(set.poll(buffer), 0))
    sides.visit { _, side in
      if count < buffer.count {
        count += Int(max(side.poll(UnsafeMutableBufferPointer(rebasing: buffer[count...])), 0))
      }
    }
    return CInt(count)
  }

  /// Puts the new set in the old one's place. Those who wait on the old one must come back to wait on the new one.
  private mutating func replace(_ old: EpollSet, _ hasWaiters: Bool) {
    if hasWaiters { wakeDescriptor.signalAll(in: old) }
    if validates { try? own.remove(old.descriptor) }
    guard (try? main.replace(old)) != nil else { bug("a set does not get the place of another") }
    main = old
    if validates { try? own.add(main.descriptor, EPOLLIN.rawValue, EpollToken.source(.probe)) }
  }

  // MARK: The kqueue's number

  /// Where closes are seen the number names the set itself.
  public var needsNumber: Bool { !validates }

  public mutating func takeNumber(_ number: CInt) {
    // Not a number that was closed unseen, and may be another file's.
    guard isAlive else { return }
    _ = OwnDescriptors.renumber(main.descriptor, number)
  }

  public mutating func reenterNested(_ knote: LinuxKnoteRef) {
    guard knote.platform.place.isInSet else { return }
    try? set(of: knote)?.add(knote)
  }
}
