import CKQueue

/// READ, WRITE, EXCEPT and EMPTY: the condition is the descriptor's, so the platform has it (contract 6.1 to 6.4).
extension KQueue where Backend: ~Copyable {
  /// How long a condition that no system reports may go unseen, in ns (contract 6.4).
  static var lookInterval: UInt64 { 25_000_000 }

  mutating func attachCondition(_ knote: KnoteRef) throws(Errno) {
    let backing = try attachWatch(knote)
    publishWatchSets()
    guard backing == .recorded else { return }
    try prepareWake(for: knote)
    knote.status.insert(.recorded)
    activate(knote)
  }

  mutating func modifyCondition(_ knote: KnoteRef, _ change: Kevent) throws(Errno) {
    if change.redefines {
      knote.fflags = change.watchedFor
      knote.data = Int64(change.data)
    }
    try updateWatch(knote)
    if knote.has(EV_DISPATCH) { noteSoleKnote(on: knote.descriptor) }
    if knote.status.contains(.recorded) { activate(knote) }
  }

  /// Samples a condition of which no report is at hand.
  @inline(never)
  mutating func sampleCondition(_ knote: KnoteRef) -> Readiness {
    backend.sample(knote, knotes, reported: nil)
  }

  // MARK: Conditions that no system reports

  /// Queues a knote to be sampled within `lookInterval`, by whichever thread waits then.
  mutating func sampleSoon(_ knote: KnoteRef) {
    guard !knote.isDisabled else { return }
    guard (try? backend.prepareTimer(.monotonic)) != nil else { return samples.unsettled.append(knote, knotes) }
    scheduleSampling()
    samples.polled.append(knote, knotes)
  }

  private mutating func scheduleSampling() {
    guard !samples.needsLook else { return }
    let now = backend.now(.monotonic)
    // A sampling that is already scheduled serves this knote too.
    if nextLook <= now || nextLook > now &+ Self.lookInterval { nextLook = now &+ Self.lookInterval }
  }

  /// Moves the knotes that are to be sampled to the ready list; those with nothing to deliver come back.
  mutating func queuePolled() {
    while let knote = samples.polled.popFirst(knotes) { queueAgain(knote) }
    queueTold()
  }

  /// Drops up to 8 knotes in turn whose condition is over: they would make the kqueue readable later (C-351).
  mutating func dropFinished() {
    for _ in 0..<min(samples.polled.count, 8) {
      guard let knote = samples.polled.popFirst(knotes) else { return }
      if !backend.isOver(knote) { samples.polled.append(knote, knotes) }
    }
  }

  // MARK: What a reader left

  /// Queues a delivered knote to be sampled again by the next call, and by a thread that waits.
  mutating func sampleAtNextCall(_ knote: KnoteRef) {
    guard !knote.isDisabled else { return }
    if (try? backend.prepareTimer(.monotonic)) != nil { scheduleSampling() }
    samples.told.append(knote, knotes)
  }

  @inline(__always)
  mutating func queueTold() {
    while let knote = samples.told.popFirst(knotes) { queueAgain(knote) }
  }

  private mutating func queueAgain(_ knote: KnoteRef) {
    knote.status.insert(.again)
    enqueue(knote)
  }
}
