import CKQueue

/// VNODE, PROC, PROCDESC, SIGNAL and FS: what happened is recorded in the knote, also while it is disabled, and
/// handed out once somebody collects it (contract 3.2, 3.4).
///
/// `occurrence` has the fflags of the next event in its lower half and a value in its upper; `.active` says that
/// there is something to tell.
extension KQueue where Backend: ~Copyable {
  mutating func attachOccurrences(_ knote: KnoteRef) throws(Errno) {
    gatherEarlier(knote.kind)
    _ = try attachWatch(knote)
    publishWatchSets()
    try prepareWake(for: knote)
    knote.status.insert(.recorded)
  }

  mutating func modifyOccurrences(_ knote: KnoteRef, _ change: Kevent) throws(Errno) {
    if change.redefines {
      gatherEarlier(knote.kind)
      noteEarlier(knote)
      knote.fflags = change.fflags
    }
    try updateWatch(knote)
    if change.redefines { narrow(knote) }
    if knote.status.contains(.active) { activate(knote) }
  }

  /// Records what happened before the change. A new knote or mask does not report it (contract 3.5).
  mutating func gatherEarlier(_ filter: Filter) {
    guard let source = backend.source(of: filter) else { return }
    gather(source)
  }

  mutating func noteEarlier(_ knote: KnoteRef) {
    if let happening = backend.earlier(knote, knotes) { note(happening) }
  }

  /// Drops what a new mask does not want (contract 3.1).
  private mutating func narrow(_ knote: KnoteRef) {
    guard knote.pending != 0 else { return }
    knote.pending = knote.wanted(knote.pending)
    if knote.pending == 0 && !knote.status.contains(.born) { forgetOccurrences(knote) }
  }

  /// Adds to what the next event of a knote says.
  mutating func record(_ knote: KnoteRef, _ bits: UInt32) {
    guard bits != 0 else { return }
    knote.pending |= bits
    raise(knote)
  }

  mutating func forgetOccurrences(_ knote: KnoteRef) {
    knote.occurrence = 0
    knote.status.remove(.active)
    ready.remove(knote, knotes)
  }

  /// - Returns: the readiness of a knote with nothing pending, or whose file is gone; nil if an event is pending.
  mutating func sampleUnrecorded(_ knote: KnoteRef, _ filter: Filter) -> Readiness? {
    let status = knote.status
    guard !status.isDisjoint(with: KnoteStatus.active.union(.forced)) else { return .inactive }
    if filter.watchesDescriptor && backend.isGone(knote) { return .gone }
    return status.contains(.active) ? nil : .inactive
  }
}

extension KnoteRef {
  /// The fflags that the next event will have.
  var pending: UInt32 {
    get { UInt32(truncatingIfNeeded: occurrence) }
    nonmutating set { occurrence = UInt64(value) << 32 | UInt64(newValue) }
  }

  /// A status or a count that the next event will have.
  var value: UInt32 {
    get { UInt32(truncatingIfNeeded: occurrence >> 32) }
    nonmutating set { occurrence = UInt64(newValue) << 32 | UInt64(pending) }
  }
}
