import CKQueue
import CKQueueShims
import Synchronization

/// Kqueues that watch kqueues (contract 3.8), where the system does not see to it: one that is watched can watch
/// none. So there is no ring (C-107), and no chain of which the outer end would be told nothing.
extension KQueue where Backend: ~Copyable {
  /// Notes that a new knote on a descriptor is on a kqueue, where it is.
  /// - Returns: as `KQueueRegistry.watch`.
  /// - Throws: ELOOP, ENOMEM.
  mutating func nest(_ index: UInt32) throws(Errno) -> Bool {
    guard !Backend.refusesRings, let tracking, knotes[index].pointee.kind == .read,
      let inner = tracking.registry.find(knotes[index].pointee.descriptor), inner.slot != tracking.slot
    else { return false }
    let isNew = try tracking.registry.nest(inner.slot, in: tracking.slot, knotes[index].pointee.descriptor)
    knotes[index].pointee.status.insert(.nested)
    return isNew
  }

  /// Notes that a knote is no more.
  mutating func unnest(_ index: UInt32) {
    guard knotes[index].pointee.status.contains(.nested) else { return }
    tracking?.slot.pointee.watchedKqueues.subtract(1, ordering: .relaxed)
  }
}

extension KQueueRegistry where Backend: ~Copyable {
  fileprivate func nest(
    _ inner: UnsafeMutablePointer<Slot>, in outer: UnsafeMutablePointer<Slot>, _ number: CInt
  ) throws(Errno) -> Bool {
    Backend.reach(&state.pointee.nesting)
    let lock = Held(&state.pointee.nesting)
    defer { lock.end() }
    if watchesKqueues(inner) || isWatchedByKqueues(outer.pointee.number - 1) { throw Errno(ELOOP) }
    let isNew = try watch(number, outer)
    outer.pointee.watchedKqueues.add(1, ordering: .relaxed)
    return isNew
  }

  private func watchesKqueues(_ slot: UnsafeMutablePointer<Slot>) -> Bool {
    slot.pointee.watchedKqueues.load(ordering: .relaxed) > 0
  }

  /// A kqueue that stands there without a knote watches none, or it is taken for one that has it.
  private func isWatchedByKqueues(_ number: CInt) -> Bool {
    var isWatched = false
    forEachWatcher(number) { if watchesKqueues($0) { isWatched = true } }
    return isWatched
  }
}
