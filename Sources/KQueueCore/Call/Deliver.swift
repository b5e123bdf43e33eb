import CKQueue

/// Events out: what the scan delivers, and what becomes of a knote then. ONESHOT, CLEAR and DISPATCH happen
/// here and nowhere else (contract 3.2, 3.6).
extension KQueue where Backend: ~Copyable {
  /// Delivers what the system reported, straight to the eventlist while nothing older is queued.
  /// - Parameter asked: the pass that was the last when the reports were asked for.
  /// - Returns: how many entries it wrote.
  mutating func deliver(_ reports: Int, of buffer: Buffer, to events: Eventlist, asked: UInt32) -> Int {
    var delivered = 0
    beginPass()
    for place in 0..<reports {
      let report = Backend.decode(buffer[place])
      if ready.isEmpty && delivered < events.count && deliverPlain(report, to: events, at: delivered) {
        delivered &+= 1
        continue
      }
      guard let report = take(report, asked) else { continue }
      if ready.isEmpty && delivered < events.count {
        deliver(report.index, report.reported, to: events, &delivered)
      } else {
        queue(report.index, report.reported)
      }
    }
    let count = deliverReady(to: events, after: delivered)
    guard let token = stale.takeRepeated() else { return count }
    // Last: what is news to a set that is made anew may have been delivered in this pass already (C-352).
    removeStale(token)
    return count > 0 ? count : deliverReady(to: events, after: 0)
  }

  /// Queues what the system reported, for the next call.
  mutating func queueReports(_ reports: Int, of buffer: Buffer, asked: UInt32) {
    beginPass()
    for place in 0..<reports {
      if let (index, reported) = take(Backend.decode(buffer[place]), asked) { queue(index, reported) }
    }
  }

  /// Delivers what a busy server sees nearly always: a report of bytes, for a knote that stands in no list and stays as
  /// it is.
  /// - Returns: whether it was that.
  @inline(__always)
  private func deliverPlain(_ report: Report, to events: Eventlist, at place: Int) -> Bool {
    guard case .knote(let token, let reported) = report, let knote = knotes.find(token),
      knote.pointee.status == .resting && !knote.pointee.has(EV_ONESHOT | EV_CLEAR | EV_DISPATCH)
    else { return false }
    let bytes = declinesData ? declined(knote, reported) : backend.plainBytes(knote, reported: reported)
    guard bytes > 0 else { return false }
    events.write(entry(knote, Readiness(data: bytes)), at: place, extensions.find(token.index, knotes))
    return true
  }

  /// What is said of a report of bytes where the program does without their number.
  /// - Returns: 1, or 0 where the report says something else.
  @inline(__always)
  private func declined(_ knote: KnoteSlab<Backend.KnoteState>.Pointer, _ reported: UInt32) -> Int {
    backend.isPlainlyReadable(knote, reported: reported) ? 1 : 0
  }

  /// Follows one report.
  /// - Returns: the knote that may have something to deliver by it, and what was reported.
  @inline(__always)
  private mutating func take(_ report: Report, _ asked: UInt32) -> (index: UInt32, reported: UInt32)? {
    switch report {
    case .knote(let token, let reported):
      guard let knote = knotes.find(token) else {
        stale.note(token, in: pass, asked: asked)
        return nil
      }
      if knote.pointee.status.contains(.recorded) {
        noteReport(token.index, reported)
        return nil
      }
      if knote.pointee.isDisabled { return nil }
      if knote.pointee.status.rawValue & KnoteStatus.lookedAt != 0 { leaveLooks(token.index) }
      return (token.index, reported)
    case .wake: wakePending = false
    case .timer(let clock): expireTimers(clock)
    case .more(let source): gather(source)
    case .nothing: break
    }
    return nil
  }

  /// Takes a knote out of the lists of what nobody reports.
  @inline(never)
  private mutating func leaveLooks(_ index: UInt32) {
    unsettled.remove(index, knotes)
    polled.remove(index, knotes)
    told.remove(index, knotes)
  }

  @inline(__always)
  mutating func beginPass() {
    pass = pass == .max ? 1 : pass &+ 1
  }

  /// Queues a knote with the readiness that the system reported, for this pass.
  private mutating func queue(_ index: UInt32, _ reported: UInt32) {
    knotes[index].pointee.occurrence = UInt64(pass) << 32 | UInt64(reported)
    knotes[index].pointee.status.remove(.again)
    enqueue(index)
  }

  /// Queues the knotes of reports that stand elsewhere.
  mutating func gather(_ source: UInt32) {
    let shield = Shield(if: !Backend.reportsAgain(source))
    defer { shield.end() }
    let room = Backend.reportsAgain(source) ? knotes.count + Backend.againSlack : 1
    guard let buffer = try? happenings.take(room) else { return }  // reported again next time
    if source == Backend.processSource { gatherAll(source, buffer) } else { gatherOnce(source, buffer) }
    happenings.give(back: buffer)
  }

  /// - Returns: whether there was anything.
  @inline(never)
  @discardableResult
  private mutating func gatherOnce(_ source: UInt32, _ buffer: UnsafeMutableBufferPointer<Happening>) -> Bool {
    var total = 0
    var count = buffer.count
    while count == buffer.count {
      count = backend.gather(source, knotes, buffer)
      total += count
      for place in 0..<count {
        let isKnown = note(buffer[place])
        // What reports again what still holds may do so in one pass as well.
        if !isKnown && Backend.reportsAgain(source) { stale.note(buffer[place].token, in: pass, asked: pass &- 1) }
      }
    }
    return total > 0
  }

  mutating func gatherAll(_ source: UInt32, _ buffer: UnsafeMutableBufferPointer<Happening>) {
    while gatherOnce(source, buffer) {}
  }

  /// Takes note of what the platform tells.
  /// - Returns: whether there is such a knote still.
  @discardableResult
  mutating func note(_ happening: Happening) -> Bool {
    let index = happening.token.index
    if happening.isLoss {
      noteLoss()
      return true
    }
    guard let knote = knotes.find(happening.token) else { return false }
    if knote.pointee.status.contains(.recorded) {
      note(index, happening)
    } else if !knote.pointee.isDisabled {
      leaveLooks(index)
      queue(index, happening.bits)
      // Its siblings may have gone when they were delivered. By edges it would be reported anew; and one that is about
      // to be disabled would be reported once more for nothing (C-351): EV_ENABLE sees to that.
      if !knote.pointee.has(EV_CLEAR | EV_DISPATCH) { leaveAlone(knote.pointee.descriptor) }
    }
    return true
  }

  /// Takes note of a report of a knote that records.
  private mutating func noteReport(_ index: UInt32, _ reported: UInt32) {
    let shield = Shield()
    defer { shield.end() }
    if let happening = backend.occurrence(index, knotes, reported: reported) {
      noteWhatCameBefore(index)
      note(happening)
    } else {
      lose(index, wasReported: true)
    }
  }

  /// Delivers from the ready list, each knote at most once, until the eventlist is full.
  /// - Parameter start: how many entries the eventlist holds already.
  /// - Returns: how many it holds now.
  mutating func deliverReady(to events: Eventlist, after start: Int) -> Int {
    var delivered = start
    ready.beginRound()
    while delivered < events.count, let index = ready.popOld(knotes) {
      deliver(index, takeReported(index), to: events, &delivered)
      knotes[index].pointee.status.remove(.again)
    }
    return delivered
  }

  /// What the system reported of a knote in this pass.
  @inline(__always)
  private func takeReported(_ index: UInt32) -> UInt32? {
    let occurrence = knotes[index].pointee.occurrence
    guard occurrence >> 32 == UInt64(pass), !knotes[index].pointee.status.contains(.recorded) else { return nil }
    knotes[index].pointee.occurrence = 0
    return UInt32(truncatingIfNeeded: occurrence)
  }

  /// Delivers one knote, if its condition holds.
  @inline(__always)
  private mutating func deliver(_ index: UInt32, _ reported: UInt32?, to events: Eventlist, _ delivered: inout Int) {
    let readiness = sample(index, reported)
    guard readiness.isActive else { return withhold(index, readiness, wasReported: reported != nil) }
    events.write(entry(knotes[index], readiness), at: delivered, extensions.find(index, knotes))
    delivered &+= 1
    settle(index, readiness)
  }

  /// Follows a look at a knote that has nothing to deliver.
  @inline(never)
  private mutating func withhold(_ index: UInt32, _ readiness: Readiness, wasReported: Bool) {
    if readiness.isUnsettled { unsettled.append(index, knotes) }
    if readiness.isPolled { lookBeforeLong(index) }
    if readiness.isGone { lose(index, wasReported: wasReported) }
  }

  /// The entry of a delivery (contract 3.3).
  @inline(__always)
  private func entry(_ knote: KnoteSlab<Backend.KnoteState>.Pointer, _ readiness: Readiness) -> Kevent {
    Kevent(
      ident: knote.pointee.ident, filter: knote.pointee.filter, flags: knote.pointee.flags | readiness.flags,
      fflags: readiness.fflags, data: readiness.data, udata: knote.pointee.udata)
  }

  @inline(__always)
  private mutating func sample(_ index: UInt32, _ reported: UInt32?) -> Readiness {
    let isRecorded = knotes[index].pointee.status.contains(.recorded)
    if declinesData, !isRecorded, let reported, declined(knotes[index], reported) > 0 { return Readiness(data: 1) }
    var readiness = isRecorded ? sampleRecorded(index) : backend.sample(index, knotes, reported: reported)
    if knotes[index].pointee.status.contains(.forced) && !readiness.isGone { readiness.isActive = true }
    return readiness
  }

  @inline(never)
  private mutating func sampleRecorded(_ index: UInt32) -> Readiness {
    let filter = knotes[index].pointee.kind
    if filter.recordsOccurrences, let readiness = sampleUnrecorded(index, filter) { return readiness }
    return sampleRecorded(index, filter)
  }

  /// What becomes of a knote that was delivered.
  @inline(__always)
  private mutating func settle(_ index: UInt32, _ readiness: Readiness) {
    let knote = knotes[index]
    if knote.pointee.has(EV_ONESHOT | EV_CLEAR | EV_DISPATCH) { return settleOnce(index, readiness) }
    // Level: the kernel reports its own again, ours go to the end.
    if knote.pointee.status.contains(.recorded) { queueRecorded(index) }
  }

  @inline(never)
  private mutating func queueRecorded(_ index: UInt32) {
    ready.append(index, knotes, isHeld: true)
  }

  /// What becomes of one that is not delivered again as it is.
  @inline(never)
  private mutating func settleOnce(_ index: UInt32, _ readiness: Readiness) {
    let knote = knotes[index]
    if knote.pointee.status.contains(.born) { return settleBirth(index) }
    if knote.pointee.has(EV_ONESHOT) {
      try? remove(index, knote.pointee.kind)
      return
    }
    // First: what is disabled is not looked at again.
    if knote.pointee.has(EV_DISPATCH) { knote.pointee.status.insert(.disabled) }
    if knote.pointee.has(EV_CLEAR) && knote.pointee.status.contains(.recorded) {
      clear(index, isPolled: readiness.isPolled)
    }
    if readiness.isLeft && knote.pointee.has(EV_CLEAR) { lookAtNext(index) }
  }

  /// What is recorded starts from nothing after a delivery under EV_CLEAR.
  private mutating func clear(_ index: UInt32, isPolled: Bool) {
    knotes[index].pointee.status.remove(.active)
    clear(index, knotes[index].pointee.kind)
    if isPolled { lookBeforeLong(index) }
  }
}
