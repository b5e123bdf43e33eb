import CKQueueShims
import Synchronization

/// Kqueues that watch kqueues (contract 3.8). No cycle (C-107); no chain longer than the kernel can report through, or
/// whose innermost kqueue could not be used fully (C-108).
extension KQueue where Backend: ~Copyable {
  /// Notes that a new knote on a descriptor is on a kqueue, where it is.
  /// - Returns: as `KQueueRegistry.watch`.
  /// - Throws: ELOOP, ENOMEM.
  mutating func nest(_ knote: KnoteRef) throws(Errno) -> Bool {
    let limit = backend.chainLimit
    guard limit != .max, let tracking, knote.kind == .read,
      let inner = tracking.registry.find(knote.descriptor), inner.slot != tracking.slot
    else { return false }
    let number = knote.descriptor
    let isNew = try tracking.registry.nest(inner.slot, in: tracking.slot, number, limit)
    knote.status.insert(.nested)
    return isNew
  }

  /// Notes that a knote was removed.
  mutating func unnest(_ knote: KnoteRef) {
    guard knote.status.contains(.nested) else { return }
    tracking?.slot.pointee.watchedKqueues.subtract(1, ordering: .relaxed)
  }
}

extension KQueueRegistry where Backend: ~Copyable {
  fileprivate func nest(
    _ inner: UnsafeMutablePointer<Slot>, in outer: UnsafeMutablePointer<Slot>, _ number: CInt, _ limit: Int
  ) throws(Errno) -> Bool {
    Backend.reach(&state.pointee.nesting)
    let lock = Held(&state.pointee.nesting)
    defer { lock.end() }
    if chain(of: inner, in: outer, limit) > limit { throw Errno(ELOOP) }
    let isNew = try watch(number, outer)
    outer.pointee.watchedKqueues.add(1, ordering: .relaxed)
    return isNew
  }

  private func watchesKqueues(_ slot: UnsafeMutablePointer<Slot>) -> Bool {
    slot.pointee.watchedKqueues.load(ordering: .relaxed) > 0
  }

  /// The length of the longest chain through both kqueues, counted up to the limit. The shield of the nesting lock is
  /// up, so the registry's lock is not left behind either.
  private func chain(of inner: UnsafeMutablePointer<Slot>, in outer: UnsafeMutablePointer<Slot>, _ limit: Int) -> Int {
    Backend.reach(&state.pointee.lock)
    _ = kq_lock_take(&state.pointee.lock)
    defer { kq_lock_drop(&state.pointee.lock) }
    return kqueues(above: outer, limit) + 2 + kqueues(below: inner, limit)
  }

  /// A leftover of the chain is not counted if it watches no kqueue, and else counted as a watcher.
  private func kqueues(above slot: UnsafeMutablePointer<Slot>, _ limit: Int) -> Int {
    var most = 0
    let number = slot.pointee.number
    guard limit > 0, number > 0 else { return most }
    visitWatchers(number - 1) {
      if watchesKqueues($0) { most = max(most, 1 + kqueues(above: $0, limit - 1)) }
    }
    return most
  }

  /// Those that it watches know by whom they are watched.
  private func kqueues(below slot: UnsafeMutablePointer<Slot>, _ limit: Int) -> Int {
    var most = 0
    guard limit > 0, watchesKqueues(slot) else { return most }
    forEachSlot { handle in
      let number = handle.slot.pointee.number
      guard number > 0, watches(slot, number - 1) else { return }
      most = max(most, 1 + kqueues(below: handle.slot, limit - 1))
    }
    return most
  }

  private func watches(_ slot: UnsafeMutablePointer<Slot>, _ number: CInt) -> Bool {
    var isThere = false
    visitWatchers(number) { if $0 == slot { isThere = true } }
    return isThere
  }
}
