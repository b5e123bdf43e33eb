import CKQueueShims
import Synchronization

/// What becomes of knotes whose descriptor number was closed (contract 4).
extension KQueue where Backend: ~Copyable {
  /// Removes the knotes on numbers that were closed since the last call.
  @inline(never)
  mutating func reclaim(_ closed: borrowing ClosedNumbers) {
    let count = closed.count.load(ordering: .acquiring)
    var tooMany = count &- seenClosed > ClosedNumbers.room
    let start = seenClosed
    while !tooMany && seenClosed != count {
      guard let number = closed.take(seenClosed) else { break }
      drop(number)
      seenClosed &+= 1
    }
    // Numbers may have been written over while they were read.
    tooMany = tooMany || closed.count.load(ordering: .acquiring) &- start > ClosedNumbers.room
    guard tooMany else { return }
    seenClosed = count
    dropUnwatched()
  }

  /// Removes all knotes on a number that was closed.
  mutating func drop(_ number: CInt) {
    while let index = table.first(on: number, knotes) {
      backend.abandon(index, knotes)
      let filter = Filter(rawValue: knotes[index].pointee.filter).unsafelyUnwrapped
      discard(index, filter)
    }
  }

  /// Removes the knotes on a number that turned out to have been closed unseen.
  /// - Parameter wasReported: the kernel still reports it, for the sake of a duplicate.
  mutating func lose(_ index: UInt32, wasReported: Bool) {
    drop(knotes[index].pointee.descriptor)
    if wasReported { backend.rebuild(knotes) }
  }

  private mutating func dropUnwatched() {
    for place in 0..<UInt32(knotes.used) {
      let knote = knotes[place]
      guard knote.pointee.status.contains(.live), let filter = Filter(rawValue: knote.pointee.filter),
        filter.watchesDescriptor, let tracking, !tracking.registry.isWatching(knote.pointee.descriptor, tracking.slot)
      else { continue }
      drop(knote.pointee.descriptor)
    }
  }

  // MARK: Tracking

  /// Has closes of a new knote's number told to this kqueue.
  /// - Throws: ENOMEM.
  mutating func track(_ number: CInt) throws(Errno) {
    try tracking?.registry.watch(number, tracking.unsafelyUnwrapped.slot)
  }

  /// Tells closers what to call `forget` with.
  func publishWatchSets() {
    tracking?.slot.pointee.watchSets.store(backend.watchSets, ordering: .releasing)
  }

  /// Has closes of a number told no more, where no knote is left on it.
  mutating func untrack(_ number: CInt) {
    guard let tracking, table.first(on: number, knotes) == nil else { return }
    tracking.registry.unwatch(number, tracking.slot)
  }

  /// Has no number's close told any more: the kqueue is closed.
  mutating func untrackAll() {
    guard let tracking else { return }
    for place in 0..<UInt32(knotes.used) where knotes[place].pointee.status.contains(.live) {
      guard let filter = Filter(rawValue: knotes[place].pointee.filter), filter.watchesDescriptor else { continue }
      tracking.registry.unwatch(knotes[place].pointee.descriptor, tracking.slot)
    }
  }
}
