import CKQueue
import CKQueueShims

/// Changes in: what an entry of a changelist does to the knotes (contract 1.3, 1.4, 3.1, 3.2).
extension KQueue where Backend: ~Copyable {
  /// Applies one change. Where it throws, the change was not made; a knote whose number was closed unseen may be gone.
  /// - Throws: the errno of the entry.
  mutating func apply(_ change: Kevent) throws(Errno) {
    guard let filter = Filter(rawValue: change.filter), Backend.filters.union(.core).contains(FilterSet(filter)) else {
      throw Errno(EINVAL)
    }
    try requireSense(change)
    if filter.watchesDescriptor {
      guard change.ident <= UInt(CInt.max) else { throw Errno(EBADF) }
      dropIfClosed(CInt(truncatingIfNeeded: change.ident))
    }
    try refuse(change, filter)
    gatherBefore(change, filter)
    guard let knote = table.find(filter, change.ident, knotes) else { return try create(change, filter) }
    if change.has(EV_DELETE) { return try delete(knote, change, filter) }
    do throws(Errno) {
      try modify(knote, change, filter)
    } catch {
      guard filter.watchesDescriptor && (error.code == EBADF || error.code == ENOENT) else { throw error }
      // The number was closed unseen, so this knote is gone; the number may be another file's (C-123 to C-125).
      lose(knote, wasReported: false)
      try create(change, filter)
    }
  }

  /// Refuses flags that contradict one another (contract 1.4, C-345).
  func requireSense(_ change: Kevent) throws(Errno) {
    let contradicts =
      change.has(EV_ENABLE) && change.has(EV_DISABLE)
      || change.has(EV_ADD) && change.has(EV_KEEPUDATA)
      || change.has(EV_UDATA_SPECIFIC)
    if contradicts { throw Errno(EINVAL) }
  }

  /// Makes a knote.
  /// - Parameter status: what is known of it already.
  mutating func create(_ change: Kevent, _ filter: Filter, as status: KnoteStatus = KnoteStatus()) throws(Errno) {
    guard change.has(EV_ADD) else { throw Errno(filter.watchesDescriptor && !isOpen(change.ident) ? EBADF : ENOENT) }
    if filter.watchesDescriptor { try refuseClosed(CInt(truncatingIfNeeded: change.ident)) }
    if change.has(EV_FORCEONESHOT) { try backend.prepareWake() }
    let knote = try knotes.allocate()
    knote.register(change, filter)
    knote.status.formUnion(status)
    do throws(Errno) {
      try table.insert(knote, filter, knotes)
    } catch {
      knotes.free(knote)
      throw error
    }
    do throws(Errno) {
      if filter.watchesDescriptor {
        Backend.reach(.listed)
        try registerForCloses(knote)
        kq_order_with_system()  // a close that comes after attach() finds who watches the number
        Backend.reach(.watched)
      }
      try attach(knote, change, filter)
    } catch {
      discard(knote, filter)
      throw error
    }
    knotes.complete(knote)
    if filter.watchesDescriptor {
      Backend.reach(.attached)
      try requireWatched(knote, filter)
    }
    if change.has(EV_FORCEONESHOT) { force(knote) }
  }

  /// Refuses a closed number before the table grows to it (C-357). If the table has room, attach() detects it without a
  /// further call.
  /// Mutating, since the compiler would copy a kqueue to borrow it.
  private mutating func refuseClosed(_ number: CInt) throws(Errno) {
    if !table.hasRoom(for: number) && !backend.isOpen(number) { throw Errno(EBADF) }
  }

  /// Removes a new knote whose number was closed while it was attached. A close before attach() found no entry to
  /// remove; a later close finds it.
  private mutating func requireWatched(_ knote: KnoteRef, _ filter: Filter) throws(Errno) {
    guard let tracking, !tracking.registry.isWatching(knote.descriptor, tracking.slot) else { return }
    try? remove(knote, filter)
    throw Errno(EBADF)
  }

  private mutating func modify(_ knote: KnoteRef, _ change: Kevent, _ filter: Filter) throws(Errno) {
    if change.has(EV_FORCEONESHOT) { try backend.prepareWake() }
    let before = knote.record
    undo.begin(knote, before)
    defer { undo.end() }
    knote.enable(change)
    do throws(Errno) {
      try modify(knote, change, as: filter)
    } catch {
      restore(knote, before)
      throw error
    }
    if !change.has(EV_KEEPUDATA) { knote.udata = change.udata }
    if knote.isDisabled { deactivate(knote) }
    if change.has(EV_FORCEONESHOT) { force(knote) }
    if knote.status.contains(.forced) { activate(knote) }
    if knote.status.contains(.ended) { removeIfOver(knote) }
  }

  /// Undoes a change that failed. Occurrences that were recorded during the change stay pending.
  private mutating func restore(_ knote: KnoteRef, _ before: Knote<Backend.KnoteState>) {
    knote.fflags = before.fflags
    knote.data = before.data
    if before.isDisabled { knote.status.insert(.disabled) } else { knote.status.remove(.disabled) }
    if before.isDisabled { deactivate(knote) } else if knote.status.contains(.active) { activate(knote) }
  }

  /// EV_FORCEONESHOT: delivers the knote once, whatever its condition.
  private mutating func force(_ knote: KnoteRef) {
    knote.flags |= UInt16(EV_ONESHOT)
    knote.status.insert(.forced)
    activate(knote)
  }

  private mutating func delete(_ knote: KnoteRef, _ change: Kevent, _ filter: Filter) throws(Errno) {
    do throws(Errno) {
      try remove(knote, filter)
    } catch {
      // The knote went with the former file of its number, so EV_ADD makes a new one (C-045, C-124).
      guard filter.watchesDescriptor && change.has(EV_ADD) else { throw error }
      return try create(change, filter)
    }
    if filter.watchesDescriptor { noteSoleKnote(on: CInt(truncatingIfNeeded: change.ident)) }
  }

  private func isOpen(_ ident: UInt) -> Bool {
    backend.isOpen(CInt(truncatingIfNeeded: ident))
  }
}

extension Kevent {
  @inline(__always)
  func has(_ flag: CInt) -> Bool {
    flags & UInt16(truncatingIfNeeded: flag) != 0
  }

  /// Whether the entry says anew what to watch for: EV_ENABLE and EV_DISABLE alone do not (contract 3.1).
  var redefines: Bool {
    has(EV_ADD) || !has(EV_ENABLE | EV_DISABLE)
  }
}

extension KnoteRef {
  /// Fills a new knote from the change that makes it.
  fileprivate func register(_ change: Kevent, _ filter: Filter) {
    ident = change.ident
    self.filter = change.filter
    flags = change.flags & UInt16(EV_ADD | EV_CLEAR | EV_ONESHOT | EV_DISPATCH | EV_RECEIPT) | filter.impliedFlags
    fflags = change.watchedFor
    data = Int64(change.data)
    udata = change.udata
    if change.has(EV_DISABLE) { status.insert(.disabled) }
  }

  fileprivate func enable(_ change: Kevent) {
    if change.has(EV_ENABLE) { status.remove(.disabled) }
    if change.has(EV_DISABLE) { status.insert(.disabled) }
  }
}
