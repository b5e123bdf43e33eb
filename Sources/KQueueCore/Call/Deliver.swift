import CKQueue

/// Events out: what the scan delivers, and the state of a knote after that. What a delivery does under EV_ONESHOT,
/// EV_CLEAR and EV_DISPATCH is done in `settleOnce`, also for the copies of a fork (contract 3.2, 3.6).
extension KQueue where Backend: ~Copyable {
  /// Delivers what the system reported, straight to the eventlist while nothing older is queued.
  /// - Parameter asked: the last pass that had begun when the system was polled.
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
        deliver(report.knote, report.reported, to: events, &delivered)
      } else {
        queue(report.knote, report.reported)
      }
    }
    let count = deliverReady(to: events, after: delivered)
    guard let token = stale.takeRepeated() else { return count }
    // The rebuild comes last: a new set reports every ready entry, also those that this pass delivered (C-352).
    removeStale(token)
    return count > 0 ? count : deliverReady(to: events, after: 0)
  }

  /// Queues what the system reported, for the next call.
  mutating func queueReports(_ reports: Int, of buffer: Buffer, asked: UInt32) {
    beginPass()
    for place in 0..<reports {
      if let (knote, reported) = takeSingly(Backend.decode(buffer[place]), asked) { queue(knote, reported) }
    }
  }

  /// Delivers what a busy server sees nearly always: a report of bytes, for a knote that stands in no list and stays as
  /// it is.
  /// - Returns: whether it was that.
  @inline(__always)
  private func deliverPlain(_ report: Report<Backend.Source>, to events: Eventlist, at place: Int) -> Bool {
    guard case .knote(let token, let reported) = report, let knote = knotes.find(token),
      knote.status == .resting && !knote.has(EV_ONESHOT | EV_CLEAR | EV_DISPATCH)
    else { return false }
    let bytes = declinesData ? declined(knote, reported) : backend.plainBytes(knote, reported: reported)
    guard bytes > 0 else { return false }
    events.write(entry(knote, Readiness(data: bytes)), at: place, extensions.find(knote))
    return true
  }

  /// The data of a report of bytes where the program does not ask for their number.
  /// - Returns: 1, or 0 where the report says something else.
  @inline(__always)
  private func declined(_ knote: KnoteRef, _ reported: UInt32) -> Int {
    backend.isPlainlyReadable(knote, reported: reported) ? 1 : 0
  }

  /// `take`, for callers that seldom run: it is inlined here once for all of them.
  @inline(never)
  mutating func takeSingly(_ report: Report<Backend.Source>, _ asked: UInt32) -> (knote: KnoteRef, reported: UInt32)? {
    take(report, asked)
  }

  /// Handles one report.
  /// - Returns: the knote that may have something to deliver by it, and what was reported.
  @inline(__always)
  private mutating func take(_ report: Report<Backend.Source>, _ asked: UInt32) -> (knote: KnoteRef, reported: UInt32)?
  {
    switch report {
    case .knote(let token, let reported):
      guard let knote = knotes.find(token) else {
        stale.note(token, in: pass, asked: asked)
        return nil
      }
      if knote.status.contains(.recorded) {
        noteReport(knote, reported)
        return nil
      }
      if knote.isDisabled { return nil }
      samples.remove(knote, knotes)
      return (knote, reported)
    case .wake: wakePending = false
    case .timer(let clock): expireTimers(clock)
    case .more(let source): gather(source)
    case .nothing: break
    }
    return nil
  }

  @inline(__always)
  mutating func beginPass() {
    pass = pass == .max ? 1 : pass &+ 1
  }

  /// Queues a knote with the readiness that the system reported, for this pass.
  mutating func queue(_ knote: KnoteRef, _ reported: UInt32) {
    knote.occurrence = UInt64(pass) << 32 | UInt64(reported)
    knote.status.remove(.again)
    enqueue(knote)
  }

  /// Queues the knotes of reports that stand elsewhere.
  @inline(never)
  mutating func gather(_ source: Backend.Source) {
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
  private mutating func gatherOnce(_ source: Backend.Source, _ buffer: UnsafeMutableBufferPointer<Happening>) -> Bool {
    var total = 0
    var count = buffer.count
    while count == buffer.count {
      count = backend.gather(source, knotes, buffer)
      total += count
      for place in 0..<count {
        let isKnown = note(buffer[place])
        // A level source may name one entry twice in a pass, so only a repeat from an earlier pass is proof.
        if !isKnown && Backend.reportsAgain(source) { stale.note(buffer[place].token, in: pass, asked: pass &- 1) }
      }
    }
    return total > 0
  }

  mutating func gatherAll(_ source: Backend.Source, _ buffer: UnsafeMutableBufferPointer<Happening>) {
    while gatherOnce(source, buffer) {}
  }

  /// Records a happening that the platform tells.
  /// - Returns: whether its knote exists still.
  @inline(never)
  @discardableResult
  mutating func note(_ happening: Happening) -> Bool {
    if happening.isLoss {
      noteLoss()
      return true
    }
    guard let knote = knotes.find(happening.token) else { return false }
    if knote.status.contains(.recorded) {
      note(knote, happening)
    } else if !knote.isDisabled {
      samples.remove(knote, knotes)
      queue(knote, happening.bits)
      // If delivery removed its siblings, the knote can move to the main set. The new entry reports at once. Under
      // EV_CLEAR that would be a second edge; under EV_DISPATCH it would leave the kqueue readable for nothing (C-351),
      // so EV_ENABLE moves the knote.
      if !knote.has(EV_CLEAR | EV_DISPATCH) { noteSoleKnote(on: knote.descriptor) }
    }
    return true
  }

  /// Records a report of a knote whose filter records occurrences.
  @inline(never)
  private mutating func noteReport(_ knote: KnoteRef, _ reported: UInt32) {
    let shield = Shield()
    defer { shield.end() }
    if let happening = backend.occurrence(knote, reported: reported) {
      noteWhatCameBefore(knote)
      note(happening)
    } else {
      lose(knote, wasReported: true)
    }
  }

  /// Delivers from the ready list, each knote at most once, until the eventlist is full.
  /// - Parameter start: how many entries the eventlist holds already.
  /// - Returns: how many it holds now.
  mutating func deliverReady(to events: Eventlist, after start: Int) -> Int {
    var delivered = start
    ready.beginRound()
    while delivered < events.count, let knote = ready.popOld(knotes) {
      deliver(knote, takeReported(knote), to: events, &delivered)
      knote.status.remove(.again)
    }
    return delivered
  }

  /// What the system reported of a knote in this pass.
  @inline(__always)
  private func takeReported(_ knote: KnoteRef) -> UInt32? {
    let occurrence = knote.occurrence
    guard occurrence >> 32 == UInt64(pass), !knote.status.contains(.recorded) else { return nil }
    knote.occurrence = 0
    return UInt32(truncatingIfNeeded: occurrence)
  }

  /// `deliver`, for callers that seldom run: it is inlined here once for all of them.
  @inline(never)
  mutating func deliverSingly(_ knote: KnoteRef, _ reported: UInt32?, to events: Eventlist, _ delivered: inout Int) {
    deliver(knote, reported, to: events, &delivered)
  }

  /// Delivers one knote, if its condition holds.
  @inline(__always)
  private mutating func deliver(_ knote: KnoteRef, _ reported: UInt32?, to events: Eventlist, _ delivered: inout Int) {
    let readiness = sample(knote, reported)
    guard readiness.isActive else { return withhold(knote, readiness, wasReported: reported != nil) }
    events.write(entry(knote, readiness), at: delivered, extensions.find(knote))
    if settle(knote, readiness) { delivered &+= 1 }
  }

  /// Updates a knote that was sampled and has nothing to deliver.
  @inline(never)
  mutating func withhold(_ knote: KnoteRef, _ readiness: Readiness, wasReported: Bool) {
    if readiness.isReportedAnew { mustPollAgain = true }
    switch readiness.next {
    case .report, .taken: return
    case .call: samples.unsettled.append(knote, knotes)
    case .soon: sampleSoon(knote)
    case .never: lose(knote, wasReported: wasReported)
    }
  }

  /// The entry of a delivery (contract 3.3).
  @inline(__always)
  private func entry(_ knote: KnoteRef, _ readiness: Readiness) -> Kevent {
    Kevent(
      ident: knote.ident, filter: knote.filter, flags: knote.flags | readiness.flags,
      fflags: readiness.fflags, data: readiness.data, udata: knote.udata)
  }

  @inline(__always)
  private mutating func sample(_ knote: KnoteRef, _ reported: UInt32?) -> Readiness {
    let isRecorded = knote.status.contains(.recorded)
    if declinesData, !isRecorded, let reported, declined(knote, reported) > 0 { return Readiness(data: 1) }
    var readiness = isRecorded ? sampleRecorded(knote) : backend.sample(knote, knotes, reported: reported)
    if knote.status.contains(.forced) && readiness.next != .never { readiness.isActive = true }
    return readiness
  }

  @inline(never)
  private mutating func sampleRecorded(_ knote: KnoteRef) -> Readiness {
    let filter = knote.kind
    if filter.recordsOccurrences, let readiness = sampleUnrecorded(knote, filter) { return readiness }
    return sampleRecorded(knote, filter)
  }

  /// The state of a knote after its delivery.
  /// - Returns: false where the delivery does not hold, see `settleOnce`.
  @inline(__always)
  private mutating func settle(_ knote: KnoteRef, _ readiness: Readiness) -> Bool {
    if knote.has(EV_ONESHOT | EV_CLEAR | EV_DISPATCH) { return settleOnce(knote, readiness) }
    // Level: the kernel reports its own knotes again; the core requeues the others at the tail.
    if knote.status.contains(.recorded) { queueRecorded(knote) }
    return true
  }

  @inline(never)
  private mutating func queueRecorded(_ knote: KnoteRef) {
    ready.append(knote, knotes, isHeld: true)
  }

  /// Applies EV_ONESHOT, EV_DISPATCH and EV_CLEAR after a delivery.
  /// - Returns: false where the end of a watch shows that the number names another file by now: nothing was delivered.
  @inline(never)
  @discardableResult
  mutating func settleOnce(_ knote: KnoteRef, _ readiness: Readiness) -> Bool {
    if knote.status.contains(.born) {
      settleBirth(knote)
      return true
    }
    if knote.has(EV_ONESHOT) { return (try? remove(knote, knote.kind)) != nil }
    // Set first, since sampleSoon() ignores a disabled knote.
    if knote.has(EV_DISPATCH) { knote.status.insert(.disabled) }
    if knote.has(EV_CLEAR) && knote.status.contains(.recorded) {
      clear(knote, readiness.next)
    }
    if readiness.next == .taken && knote.has(EV_CLEAR) { sampleAtNextCall(knote) }
    return true
  }

  /// Clears what is recorded after a delivery under EV_CLEAR.
  private mutating func clear(_ knote: KnoteRef, _ next: Readiness.Next) {
    knote.status.remove(.active)
    clear(knote, knote.kind)
    if next == .soon { sampleSoon(knote) }
  }
}
