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

  mutating func attachProcess(_ index: UInt32) throws(Errno) {
    let knote = knotes[index]
    try requireProcessBits(knote.pointee.fflags, knote.pointee.kind)
    if !knote.pointee.status.contains(.born) { knote.pointee.data = 0 }
    let backing = try attachWatch(index)
    do throws(Errno) {
      try backend.prepareWake()
    } catch {
      try? detach(index)
      throw error
    }
    publishWatchSets()
    knote.pointee.status.formUnion(backing == .recorded ? KnoteStatus.recorded.union(.unseen) : .recorded)
  }

  mutating func modifyProcess(_ index: UInt32, _ change: Kevent) throws(Errno) {
    if change.redefines { try requireProcessBits(change.fflags, knotes[index].pointee.kind) }
    try modifyOccurrences(index, change)
  }

  mutating func noteProcess(_ index: UInt32, _ happening: Happening) {
    if happening.bits & NOTE_EXIT.bits != 0 { return noteEnd(index, happening) }
    let knote = knotes[index]
    guard !knote.pointee.status.contains(.ended) else { return }
    // Its status may be told before its end is, and not again.
    if happening.bits & NOTE_EXITSTATUS.bits != 0 { knote.pointee.value = UInt32(truncatingIfNeeded: happening.data) }
    let isTracked = happening.bits & NOTE_FORK.bits != 0 && knote.pointee.fflags & NOTE_TRACK.bits != 0
    if isTracked { track(UInt(happening.data), of: index) }
    record(index, knotes[index].pointee.wanted(happening.bits) & (NOTE_FORK.bits | NOTE_EXEC.bits))
  }

  /// The process has ended: nothing can happen to it any more.
  private mutating func noteEnd(_ index: UInt32, _ happening: Happening) {
    let knote = knotes[index]
    guard !knote.pointee.status.contains(.ended) else { return }
    knote.pointee.flags |= UInt16(EV_ONESHOT)
    knote.pointee.status.insert(.ended)
    if happening.bits & NOTE_EXITSTATUS.bits != 0 { knote.pointee.value = UInt32(truncatingIfNeeded: happening.data) }
    if knote.pointee.fflags & NOTE_EXIT.bits != 0 {
      record(index, knote.pointee.wanted(NOTE_EXIT.bits | NOTE_EXITSTATUS.bits))
    }
    removeIfOver(index)
  }

  /// The kernel may tell of a process's end before what it did last is gathered: forks that nobody would know the
  /// parent of any more.
  mutating func noteWhatCameBefore(_ index: UInt32) {
    guard knotes[index].pointee.kind == .proc, knotes[index].pointee.fflags & familyBits != 0 else { return }
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
  mutating func removeIfOver(_ index: UInt32) {
    let knote = knotes[index]
    let isOver = knote.pointee.status.contains(.ended) && knote.pointee.pending == 0
    guard isOver && knote.pointee.status.isDisjoint(with: KnoteStatus.born.union(.forced)) else { return }
    try? remove(index, knote.pointee.kind)
  }

  /// What a delivery of a process says. Forks, execs and the end are told by different parts of the system, in any
  /// order: all are asked before the first is delivered, since all that is pending is one event (C-349).
  mutating func sampleProcess(_ index: UInt32) -> Readiness {
    let knote = knotes[index]
    let mayHaveMore = knote.pointee.status.isDisjoint(with: KnoteStatus.born.union(.ended))
    if mayHaveMore && knote.pointee.kind == .proc && knote.pointee.fflags & familyBits != 0 { noteAllOf(index) }
    return pendingOfProcess(knotes[index].pointee)
  }

  /// An end is asked for first and noted last: nothing that came before it is gathered too late.
  private mutating func noteAllOf(_ index: UInt32) {
    let shield = Shield()
    defer { shield.end() }
    let end = backend.ended(index, knotes)
    gatherUntold()
    if let end { note(end) }
    // It is being delivered.
    ready.remove(index, knotes)
  }

  private func pendingOfProcess(_ knote: Knote<Backend.KnoteState>) -> Readiness {
    if knote.status.contains(.born) {
      return Readiness(data: Int(truncatingIfNeeded: knote.data), fflags: NOTE_CHILD.bits, flags: UInt16(EV_ONESHOT))
    }
    let status = knote.pending & NOTE_EXIT.bits != 0 ? Int(CInt(bitPattern: knote.value)) : 0
    return Readiness(data: status, fflags: knote.pending, flags: knote.status.contains(.ended) ? UInt16(EV_EOF) : 0)
  }

  // MARK: NOTE_TRACK

  /// Watches the child of a process that is tracked, as its parent is watched (C-268).
  private mutating func track(_ child: UInt, of parent: UInt32) {
    if let existing = table.find(.proc, child, knotes) { return adopt(existing, by: parent) }
    let knote = knotes[parent].pointee
    do throws(Errno) {
      try create(
        Kevent(
          ident: child, filter: knote.filter, flags: knote.flags, fflags: knote.fflags, data: Int(knote.ident),
          udata: knote.udata), .proc, as: .born)
      guard let index = table.find(.proc, child, knotes) else { return }
      extensions.set(index, extensions.find(parent, knotes), knotes)
      tellBirth(index)
    } catch {
      record(parent, NOTE_TRACKERR.bits)
    }
  }

  /// The child is watched already. A parent's number in its knote says that it is a former process of this
  /// number, of which not all is told: then there is no telling the two apart.
  private mutating func adopt(_ index: UInt32, by parent: UInt32) {
    let (knote, mask) = (knotes[index], knotes[index].pointee.fflags)
    guard knote.pointee.data == 0 else { return record(parent, NOTE_TRACKERR.bits) }
    knote.pointee.fflags |= knotes[parent].pointee.fflags
    do throws(Errno) {
      if !knote.pointee.status.contains(.ended) { try updateWatch(index) }
    } catch {
      knote.pointee.fflags = mask
      return record(parent, NOTE_TRACKERR.bits)
    }
    knote.pointee.data = Int64(knotes[parent].pointee.ident)
    knote.pointee.status.insert(.born)
    tellBirth(index)
  }

  private mutating func tellBirth(_ index: UInt32) {
    knotes[index].pointee.status.insert(.active)
    activate(index)
  }

  /// The birth was delivered; what else is recorded comes in an entry of its own.
  mutating func settleBirth(_ index: UInt32) {
    let knote = knotes[index]
    knote.pointee.status.remove(.born)
    if knote.pointee.pending == 0 { knote.pointee.status.remove(.active) }
    if knote.pointee.pending != 0 || knote.pointee.status.contains(.forced) { activate(index) }
    removeIfOver(index)
  }

  /// Some of what the platform should have told was lost. Whoever tracks is told so; a fork or an exec may have
  /// been among it; and of a process that only this would have told the end of, the end is all that is known.
  mutating func noteLoss() {
    var place: UInt32 = 0
    while let index = knotes.next(&place) {
      let knote = knotes[index]
      guard knote.pointee.kind == .proc, !knote.pointee.status.contains(.ended) else { continue }
      let token = KnoteToken(index: index, generation: knote.pointee.generation)
      if knote.pointee.fflags & NOTE_TRACK.bits != 0 { record(index, NOTE_TRACKERR.bits) }
      record(index, knote.pointee.wanted(NOTE_FORK.bits | NOTE_EXEC.bits))
      if knote.pointee.status.contains(.unseen) { noteProcess(index, Happening(token, bits: NOTE_EXIT.bits)) }
    }
  }
}

/// The bits that are about what a process does, not what becomes of it.
private var familyBits: UInt32 {
  @inline(__always) get { NOTE_FORK.bits | NOTE_EXEC.bits | NOTE_TRACK.bits }
}

extension Knote {
  /// Whoever tracks is told where a child could not be followed, unasked.
  func wantedOfProcess(_ bits: UInt32) -> UInt32 {
    bits & (fflags | (fflags & NOTE_TRACK.bits != 0 ? NOTE_TRACKERR.bits : 0))
  }
}
