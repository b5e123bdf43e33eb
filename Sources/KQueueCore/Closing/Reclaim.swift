import CKQueueShims
import Synchronization

/// What becomes of knotes whose descriptor number was closed (contract 4).
extension KQueue where Backend: ~Copyable {
  /// Removes the knotes on numbers that were closed since the last call.
  @inline(never)
  mutating func reclaim(_ closed: borrowing CloseHints) {
    // Read first: what is left from now on is seen to next time.
    seenClosed = closed.count.load(ordering: .acquiring)
    if closed.takeAll({ reclaim($0) }) { reclaimAll() }
    guard let tracking, tracking.slot.pointee.mayReportStale.load(ordering: .acquiring) else { return }
    // Noted here before it is taken there: in between a signal handler may jump away.
    mayReportStale = true
    kq_order_stores()
    tracking.slot.pointee.mayReportStale.store(false, ordering: .relaxed)
  }

  private mutating func reclaim(_ hint: Hint) {
    switch hint {
    case .closed(let number):
      dropIfClosed(number)
    case .doubtful(let number):
      dropIfClosed(number)
      dropGone(number)
    }
  }

  /// Removes all knotes on a number where it was closed since the first of them was made. Those that are made after a
  /// close are so under a new watch, before which the older ones are removed: none of them outlives it.
  @inline(__always)
  mutating func dropIfClosed(_ number: CInt) {
    guard table.hasKnotes(on: number), let tracking else { return }
    if !tracking.registry.isWatching(number, tracking.slot) { drop(number) }
  }

  /// Removes all knotes on a number.
  ///
  /// Of several one may be of a file that had the number before and whose close was not seen: its entry is not the one
  /// that the closer removed.
  @inline(never)
  private mutating func drop(_ number: CInt) {
    if let first = table.first(on: number, knotes), first.link != .none { mayReportStale = true }
    while let knote = table.first(on: number, knotes) { abandon(knote) }
  }

  /// Removes a knote that the platform does not watch any more.
  private mutating func abandon(_ knote: KnoteRef) {
    knotes.beginRemoval(knote)
    abandonWatch(knote)
    discard(knote, knote.kind)
  }

  /// Removes the knotes on a number that names another file than theirs by now, or none; others were registered since.
  /// A duplicate of their file may keep their entries alive.
  private mutating func dropGone(_ number: CInt) {
    var next = table.first(on: number, knotes)
    while let knote = next {
      next = knotes[knote.link]
      if backend.isOnSameFile(knote) { continue }
      abandon(knote)
      mayReportStale = true
    }
  }

  /// Removes a knote whose number turned out to have been closed unseen, and its siblings of that time.
  /// - Parameter wasReported: the system still reports it, for the sake of a duplicate perhaps.
  mutating func lose(_ knote: KnoteRef, wasReported: Bool) {
    let token = knote.token
    let number = knote.descriptor
    abandon(knote)
    dropGone(number)
    mayReportStale = true
    mustPollAgain = true
    if wasReported { stale.note(token, in: pass) }
  }

  /// Checks all knotes, where there was no place for a hint.
  private mutating func reclaimAll() {
    var place: UInt32 = 0
    while let knote = knotes.next(&place) {
      if knote.kind.watchesDescriptor { reclaim(.doubtful(knote.descriptor)) }
    }
  }

  // MARK: Tracking

  /// Registers the kqueue for closes of a new knote's number, and removes older knotes where it was closed since it was
  /// looked at last: from now on the new one's watch would be taken for theirs.
  /// - Throws: ELOOP, ENOMEM.
  mutating func registerForCloses(_ knote: KnoteRef) throws(Errno) {
    guard let tracking else { return }
    let wasNested = try nest(knote)
    let isNew = try tracking.registry.watch(knote.descriptor, tracking.slot)
    guard wasNested || isNew else { return }
    while let older = knotes[knote.link] { abandon(older) }
  }

  /// Publishes what closers call `forget` with.
  /// Mutating, since the compiler would copy a kqueue to borrow it.
  @inline(__always)
  mutating func publishWatchSets() {
    tracking?.slot.pointee.watchSets = backend.watchSets
  }

  /// Ends the kqueue's registration for closes of a number that no knote is left on.
  mutating func unregisterForCloses(_ number: CInt) {
    guard let tracking, !table.hasKnotes(on: number) else { return }
    tracking.registry.unwatch(number, tracking.slot)
  }

  /// The kqueue is closed: no number's close is to be told any more, and what is no descriptor of the program's is
  /// not watched any more.
  mutating func endAllWatches() {
    var place: UInt32 = 0
    while let knote = knotes.next(&place) {
      let filter = knote.kind
      if filter.watchesDescriptor {
        tracking?.registry.unwatch(knote.descriptor, tracking.unsafelyUnwrapped.slot)
      } else if filter.isPlatforms {
        try? backend.detach(knote, knotes)
      }
    }
  }
}
