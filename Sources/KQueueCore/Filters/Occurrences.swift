import CKQueue

/// VNODE, PROC, PROCDESC, SIGNAL and FS: what happened is recorded in the knote, also while it is disabled, and
/// handed out once somebody collects it (contract 3.2, 3.4).
///
/// `occurrence` has the fflags of the next event in its lower half and a value in its upper; `.active` says that
/// there is something to tell.
extension KQueue where Backend: ~Copyable {
  mutating func attachOccurrences(_ index: UInt32) throws(Errno) {
    gatherEarlier(knotes[index].pointee.kind)
    _ = try attachWatch(index)
    publishWatchSets()
    do throws(Errno) {
      try backend.prepareWake()
    } catch {
      try? detach(index)
      throw error
    }
    knotes[index].pointee.status.insert(.recorded)
  }

  mutating func modifyOccurrences(_ index: UInt32, _ change: Kevent) throws(Errno) {
    if change.redefines {
      gatherEarlier(knotes[index].pointee.kind)
      noteEarlier(index)
      knotes[index].pointee.fflags = change.fflags
    }
    try updateWatch(index)
    if change.redefines { narrow(index) }
    if knotes[index].pointee.status.contains(.active) { activate(index) }
  }

  /// Takes note of what happened up to now, which a new knote or a new mask has nothing to do with (contract 3.5).
  mutating func gatherEarlier(_ filter: Filter) {
    guard let source = backend.source(of: filter) else { return }
    gather(source)
  }

  mutating func noteEarlier(_ index: UInt32) {
    if let happening = backend.earlier(index, knotes) { note(happening) }
  }

  /// Drops what a new mask does not want (contract 3.1).
  private mutating func narrow(_ index: UInt32) {
    let knote = knotes[index]
    guard knote.pointee.pending != 0 else { return }
    knote.pointee.pending = knote.pointee.wanted(knote.pointee.pending)
    if knote.pointee.pending == 0 && !knote.pointee.status.contains(.born) { forgetOccurrences(index) }
  }

  /// Adds to what the next event of a knote says.
  mutating func record(_ index: UInt32, _ bits: UInt32) {
    guard bits != 0 else { return }
    knotes[index].pointee.pending |= bits
    knotes[index].pointee.status.insert(.active)
    activate(index)
  }

  mutating func forgetOccurrences(_ index: UInt32) {
    knotes[index].pointee.occurrence = 0
    knotes[index].pointee.status.remove(.active)
    ready.remove(index, knotes)
  }

  /// - Returns: what is said of a knote that has nothing recorded or is gone; nil where something is to be told.
  mutating func sampleUnrecorded(_ index: UInt32, _ filter: Filter) -> Readiness? {
    let status = knotes[index].pointee.status
    guard !status.isDisjoint(with: KnoteStatus.active.union(.forced)) else { return .inactive }
    if filter.watchesDescriptor && backend.isGone(index, knotes) { return .gone }
    return status.contains(.active) ? nil : .inactive
  }
}

extension Knote {
  /// The fflags that the next event will have.
  var pending: UInt32 {
    get { UInt32(truncatingIfNeeded: occurrence) }
    set { occurrence = UInt64(value) << 32 | UInt64(newValue) }
  }

  /// A status or a count that the next event will have.
  var value: UInt32 {
    get { UInt32(truncatingIfNeeded: occurrence >> 32) }
    set { occurrence = UInt64(newValue) << 32 | UInt64(pending) }
  }
}
