import CKQueue
import CKQueueShims

/// Changes in: what an entry of a changelist does to the knotes (contract 1.3, 1.4, 3.1, 3.2).
extension KQueue where Backend: ~Copyable {
  /// Applies one change. Where it throws, nothing has changed.
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
    guard let index = table.find(filter, change.ident, knotes) else { return try create(change, filter) }
    if change.has(EV_DELETE) { return try delete(index, change, filter) }
    do throws(Errno) {
      try modify(index, change, filter)
    } catch {
      guard filter.watchesDescriptor && (error.code == EBADF || error.code == ENOENT) else { throw error }
      // The number was closed unseen, so this knote is gone; the number may be another file's (C-123 to C-125).
      lose(index, wasReported: false)
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
    let index = try knotes.allocate()
    knotes[index].pointee.register(change, filter)
    knotes[index].pointee.status.formUnion(status)
    do throws(Errno) {
      try table.insert(index, filter, knotes)
    } catch {
      knotes.free(index)
      throw error
    }
    do throws(Errno) {
      if filter.watchesDescriptor {
        Backend.reach(.listed)
        try track(index)
        Backend.reach(.watched)
      }
      try attach(index, change, filter)
    } catch {
      discard(index, filter)
      throw error
    }
    knotes.complete(index)
    if filter.watchesDescriptor {
      Backend.reach(.attached)
      try requireWatched(index, filter)
    }
    if change.has(EV_FORCEONESHOT) { force(index) }
  }

  /// Refuses a number that is not open before memory is taken for it, which grows with the number (C-357). Where there
  /// is room for it already, the platform finds out without a call for that alone.
  /// Mutating, as the compiler copies a kqueue to lend it.
  private mutating func refuseClosed(_ number: CInt) throws(Errno) {
    if !table.hasRoom(for: number) && !backend.isOpen(number) { throw Errno(EBADF) }
  }

  /// Removes a new knote whose number was closed while it was attached. A close from now on finds what the platform
  /// has of it; one that came before may have been too early for that.
  private mutating func requireWatched(_ index: UInt32, _ filter: Filter) throws(Errno) {
    guard let tracking, !tracking.registry.isWatching(knotes[index].pointee.descriptor, tracking.slot) else { return }
    try? remove(index, filter)
    throw Errno(EBADF)
  }

  private mutating func modify(_ index: UInt32, _ change: Kevent, _ filter: Filter) throws(Errno) {
    if change.has(EV_FORCEONESHOT) { try backend.prepareWake() }
    let before = knotes[index].pointee
    undo.begin(index, before)
    defer { undo.end() }
    knotes[index].pointee.enable(change)
    do throws(Errno) {
      try modify(index, change, as: filter)
    } catch {
      restore(index, before)
      throw error
    }
    if !change.has(EV_KEEPUDATA) { knotes[index].pointee.udata = change.udata }
    if knotes[index].pointee.isDisabled { deactivate(index) }
    if change.has(EV_FORCEONESHOT) { force(index) }
    if knotes[index].pointee.status.contains(.forced) { activate(index) }
    if knotes[index].pointee.status.contains(.ended) { removeIfOver(index) }
  }

  /// Undoes a change that failed. What happened up to then stays recorded, and to be told.
  private mutating func restore(_ index: UInt32, _ before: Knote<Backend.KnoteState>) {
    let knote = knotes[index]
    knote.pointee.fflags = before.fflags
    knote.pointee.data = before.data
    if before.isDisabled { knote.pointee.status.insert(.disabled) } else { knote.pointee.status.remove(.disabled) }
    if before.isDisabled { deactivate(index) } else if knote.pointee.status.contains(.active) { activate(index) }
  }

  /// EV_FORCEONESHOT: delivers the knote once, whatever its condition.
  private mutating func force(_ index: UInt32) {
    knotes[index].pointee.flags |= UInt16(EV_ONESHOT)
    knotes[index].pointee.status.insert(.forced)
    activate(index)
  }

  private mutating func delete(_ index: UInt32, _ change: Kevent, _ filter: Filter) throws(Errno) {
    do throws(Errno) {
      try remove(index, filter)
    } catch {
      // It was gone with its number's former file, so that EV_ADD makes one (C-045, C-124).
      guard filter.watchesDescriptor && change.has(EV_ADD) else { throw error }
      return try create(change, filter)
    }
    if filter.watchesDescriptor { leaveAlone(CInt(truncatingIfNeeded: change.ident)) }
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

extension Knote {
  /// Fills a new knote from the change that makes it.
  fileprivate mutating func register(_ change: Kevent, _ filter: Filter) {
    ident = change.ident
    self.filter = change.filter
    flags = change.flags & UInt16(EV_ADD | EV_CLEAR | EV_ONESHOT | EV_DISPATCH | EV_RECEIPT) | filter.impliedFlags
    fflags = change.watchedFor
    data = Int64(change.data)
    udata = change.udata
    if change.has(EV_DISABLE) { status.insert(.disabled) }
  }

  fileprivate mutating func enable(_ change: Kevent) {
    if change.has(EV_ENABLE) { status.remove(.disabled) }
    if change.has(EV_DISABLE) { status.insert(.disabled) }
  }
}
