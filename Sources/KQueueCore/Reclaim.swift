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
      discard(index, knotes[index].pointee.kind)
    }
  }

  /// Removes the knotes on a number that turned out to have been closed unseen.
  /// - Parameter wasReported: the kernel still reports it, for the sake of a duplicate.
  mutating func lose(_ index: UInt32, wasReported: Bool) {
    drop(knotes[index].pointee.descriptor)
    if wasReported { backend.rebuild(knotes) }
  }

  private mutating func dropUnwatched() {
    guard let tracking else { return }
    var place: UInt32 = 0
    while let index = knotes.next(&place) {
      let number = knotes[index].pointee.descriptor
      guard knotes[index].pointee.kind.watchesDescriptor else { continue }
      if !tracking.registry.isWatching(number, tracking.slot) { drop(number) }
    }
  }

  // MARK: Tracking

  /// Has closes of a new knote's number told to this kqueue.
  /// - Throws: ENOMEM.
  mutating func track(_ number: CInt) throws(Errno) {
    try tracking?.registry.watch(number, tracking.unsafelyUnwrapped.slot)
  }

  /// Tells closers what to call `forget` with.
  /// Mutating, as the compiler copies a kqueue to lend it.
  @inline(__always)
  mutating func publishWatchSets() {
    tracking?.slot.pointee.watchSets = backend.watchSets
  }

  /// Has closes of a number told no more, where no knote is left on it.
  mutating func untrack(_ number: CInt) {
    guard let tracking, table.first(on: number, knotes) == nil else { return }
    tracking.registry.unwatch(number, tracking.slot)
  }

  /// The kqueue is closed: no number's close is to be told any more, and what is no descriptor of the program's is
  /// not watched any more.
  mutating func letGoOfAll() {
    var place: UInt32 = 0
    while let index = knotes.next(&place) {
      let filter = knotes[index].pointee.kind
      if filter.watchesDescriptor {
        tracking?.registry.unwatch(knotes[index].pointee.descriptor, tracking.unsafelyUnwrapped.slot)
      } else if filter.isPlatforms {
        try? backend.detach(index, knotes)
      }
    }
  }
}
