import CKQueue
import CKQueueShims

/// PROC and PROCDESC: what became of a process (contract 6.6, 6.7).
///
/// A knote ends with its process: its next event is its last (`.ended`). One that NOTE_TRACK made tells first of
/// the birth (`.born`), in an entry of its own; its `data` is the parent's number.
extension KQueue where Backend: ~Copyable {
  /// Refuses bits that are understood and not to be had.
  /// - Throws: ENOTSUP.
  private func requireProcessBits(_ fflags: UInt32, _ filter: Filter) throws(Errno) {
    let absent = NOTE_REAP.bits | NOTE_SIGNAL.bits | (filter == .proc ? 0 : familyBits)
    if fflags & absent != 0 { throw Errno(ENOTSUP) }
  }

  /// Takes note of forks and the like up to now, where a change asks for any from now on.
  @inline(never)
  mutating func gatherBeforeProcess(_ change: Kevent) {
    if change.redefines && !change.has(EV_DELETE) && change.fflags & familyBits != 0 { gatherUntold() }
  }

  mutating func attachProcess(_ knote: KnoteRef) throws(Errno) {
    try requireProcessBits(knote.fflags, knote.kind)
    if !knote.status.contains(.born) { knote.data = 0 }
    let backing = try attachWatch(knote)
    try prepareWake(for: knote)
    publishWatchSets()
    knote.status.formUnion(backing == .recorded ? KnoteStatus.recorded.union(.unseen) : .recorded)
  }

  mutating func modifyProcess(_ knote: KnoteRef, _ change: Kevent) throws(Errno) {
    if change.redefines { try requireProcessBits(change.fflags, knote.kind) }
    try modifyOccurrences(knote, change)
  }

  mutating func noteProcess(_ knote: KnoteRef, _ happening: Happening) {
    guard !knote.status.contains(.ended) else { return }
    // The status may be told before the end is, and not again.
    if happening.bits & NOTE_EXITSTATUS.bits != 0 { knote.value = UInt32(truncatingIfNeeded: happening.data) }
    if happening.bits & NOTE_EXIT.bits != 0 { return noteEnd(knote) }
    let isTracked = happening.bits & NOTE_FORK.bits != 0 && knote.fflags & NOTE_TRACK.bits != 0
    if isTracked { followChild(UInt(happening.data), of: knote) }
    record(knote, knote.wanted(happening.bits) & (NOTE_FORK.bits | NOTE_EXEC.bits))
  }

  /// The process has ended: nothing can happen to it any more.
  private mutating func noteEnd(_ knote: KnoteRef) {
    knote.flags |= UInt16(EV_ONESHOT)
    knote.status.insert(.ended)
    if knote.fflags & NOTE_EXIT.bits != 0 {
      record(knote, knote.wanted(NOTE_EXIT.bits | NOTE_EXITSTATUS.bits))
    }
    removeIfOver(knote)
  }

  /// The kernel may report an exit before the forks that preceded it are gathered. After the exit their parent would be
  /// unknown.
  mutating func noteWhatCameBefore(_ knote: KnoteRef) {
    guard knote.kind == .proc, knote.fflags & familyBits != 0 else { return }
    gatherUntold()
  }

  mutating func gatherUntold() {
    let shield = Shield()
    defer { shield.end() }
    guard let source = Backend.processSource, let buffer = try? happenings.take(1) else { return }
    gatherAll(source, buffer)
    happenings.give(back: buffer)
  }

  /// Removes a knote whose process has ended and that has nothing to deliver, as after a change of its mask.
  mutating func removeIfOver(_ knote: KnoteRef) {
    let isOver = knote.status.contains(.ended) && knote.pending == 0
    guard isOver && knote.status.isDisjoint(with: KnoteStatus.born.union(.forced)) else { return }
    try? remove(knote, knote.kind)
  }

  /// What a delivery of a process says. Forks, execs and the end are told by different parts of the system, in any
  /// order: all are asked before the first is delivered, since all that is pending is one event (C-349).
  mutating func sampleProcess(_ knote: KnoteRef) -> Readiness {
    let mayHaveMore = knote.status.isDisjoint(with: KnoteStatus.born.union(.ended))
    if mayHaveMore && knote.kind == .proc && knote.fflags & familyBits != 0 { noteAllOf(knote) }
    return pendingOfProcess(knote)
  }

  /// The exit is sampled first and recorded last, so that every earlier fork precedes it.
  private mutating func noteAllOf(_ knote: KnoteRef) {
    let shield = Shield()
    defer { shield.end() }
    let end = backend.ended(knote)
    gatherUntold()
    if let end { note(end) }
    // It is being delivered.
    ready.remove(knote, knotes)
  }

  private func pendingOfProcess(_ knote: KnoteRef) -> Readiness {
    if knote.status.contains(.born) {
      return Readiness(data: Int(truncatingIfNeeded: knote.data), fflags: NOTE_CHILD.bits, flags: UInt16(EV_ONESHOT))
    }
    let status = knote.pending & NOTE_EXIT.bits != 0 ? Int(CInt(bitPattern: knote.value)) : 0
    return Readiness(data: status, fflags: knote.pending, flags: knote.status.contains(.ended) ? UInt16(EV_EOF) : 0)
  }

  // MARK: NOTE_TRACK

  /// Watches the child of a process that is tracked, as its parent is watched (C-268).
  private mutating func followChild(_ child: UInt, of parent: KnoteRef) {
    if let existing = table.find(.proc, child, knotes) { return adopt(existing, by: parent) }
    do throws(Errno) {
      try create(
        Kevent(
          ident: child, filter: parent.filter, flags: parent.flags, fflags: parent.fflags, data: Int(parent.ident),
          udata: parent.udata), .proc, as: .born)
      guard let knote = table.find(.proc, child, knotes) else { return }
      extensions.set(knote, extensions.find(parent))
      raise(knote)
    } catch {
      record(parent, NOTE_TRACKERR.bits)
    }
  }

  /// The child is watched already. A knote whose data holds a parent belongs to a former process of this number that is
  /// not fully delivered. The two cannot be told apart.
  private mutating func adopt(_ knote: KnoteRef, by parent: KnoteRef) {
    let mask = knote.fflags
    guard knote.data == 0 else { return record(parent, NOTE_TRACKERR.bits) }
    knote.fflags |= parent.fflags
    do throws(Errno) {
      if !knote.status.contains(.ended) { try updateWatch(knote) }
    } catch {
      knote.fflags = mask
      return record(parent, NOTE_TRACKERR.bits)
    }
    knote.data = Int64(parent.ident)
    knote.status.insert(.born)
    raise(knote)
  }

  /// The birth was delivered; what else is recorded comes in an entry of its own.
  mutating func settleBirth(_ knote: KnoteRef) {
    knote.status.remove(.born)
    if knote.pending == 0 { knote.status.remove(.active) }
    if knote.pending != 0 || knote.status.contains(.forced) { activate(knote) }
    removeIfOver(knote)
  }

  /// The platform lost reports. Each NOTE_TRACK knote reports NOTE_TRACKERR, each knote that asked reports NOTE_FORK
  /// and NOTE_EXEC, and a process whose exit only these reports would tell counts as exited.
  mutating func noteLoss() {
    var place: UInt32 = 0
    while let knote = knotes.next(&place) {
      guard knote.kind == .proc, !knote.status.contains(.ended) else { continue }
      let token = knote.token
      if knote.fflags & NOTE_TRACK.bits != 0 { record(knote, NOTE_TRACKERR.bits) }
      record(knote, knote.wanted(NOTE_FORK.bits | NOTE_EXEC.bits))
      if knote.status.contains(.unseen) { noteProcess(knote, Happening(token, bits: NOTE_EXIT.bits)) }
    }
  }
}

/// The bits that are about what a process does, not what becomes of it.
private var familyBits: UInt32 {
  @inline(__always) get { NOTE_FORK.bits | NOTE_EXEC.bits | NOTE_TRACK.bits }
}

extension KnoteRef {
  /// A knote with NOTE_TRACK is told, unasked, that a child could not be followed.
  func wantedOfProcess(_ bits: UInt32) -> UInt32 {
    bits & (fflags | (fflags & NOTE_TRACK.bits != 0 ? NOTE_TRACKERR.bits : 0))
  }
}
