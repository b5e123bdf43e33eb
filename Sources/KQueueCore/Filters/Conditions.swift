import CKQueue
import CKQueueShims

/// READ, WRITE, EXCEPT and EMPTY: the condition is the descriptor's, so the platform has it (contract 6.1 to 6.4).
extension KQueue where Backend: ~Copyable {
  /// How long a condition that nobody tells of may go unseen, in ns (contract 6.4).
  static var lookInterval: UInt64 { 25_000_000 }

  mutating func attachCondition(_ knote: KnoteRef) throws(Errno) {
    let backing = try attachWatch(knote)
    publishWatchSets()
    guard backing == .recorded else { return }
    do throws(Errno) {
      try backend.prepareWake()
    } catch {
      try? detach(knote)
      throw error
    }
    knote.status.insert(.recorded)
    activate(knote)
  }

  mutating func modifyCondition(_ knote: KnoteRef, _ change: Kevent) throws(Errno) {
    if change.redefines {
      knote.fflags = change.watchedFor
      knote.data = Int64(change.data)
    }
    try updateWatch(knote)
    if knote.has(EV_DISPATCH) { leaveAlone(knote.descriptor) }
    if knote.status.contains(.recorded) { activate(knote) }
  }

  // MARK: Conditions that nobody tells of

  /// Has a knote looked at before long, by whichever thread waits then.
  mutating func lookBeforeLong(_ knote: KnoteRef) {
    guard !knote.isDisabled else { return }
    guard (try? backend.prepareTimer(.monotonic)) != nil else { return unsettled.append(knote, knotes) }
    startLooking()
    polled.append(knote, knotes)
  }

  private mutating func startLooking() {
    if polled.isEmpty && told.isEmpty { nextLook = backend.now(.monotonic) &+ Self.lookInterval }
  }

  /// Queues what is to be looked at; those with nothing to deliver come back.
  mutating func look() {
    while let knote = polled.popFirst(knotes) { queueAgain(knote) }
    lookAtTold()
  }

  /// Of a few of them in turn: looks no more at what is over, so that it does not make the kqueue readable later (C-351).
  mutating func dropOver() {
    for _ in 0..<min(polled.count, 8) {
      guard let knote = polled.popFirst(knotes) else { return }
      if !backend.isOver(knote) { polled.append(knote, knotes) }
    }
  }

  // MARK: What a reader left

  /// Has a knote that was told looked at in the next call, and by a thread that waits.
  mutating func lookAtNext(_ knote: KnoteRef) {
    guard !knote.isDisabled else { return }
    if (try? backend.prepareTimer(.monotonic)) != nil { startLooking() }
    told.append(knote, knotes)
  }

  @inline(__always)
  mutating func lookAtTold() {
    while let knote = told.popFirst(knotes) { queueAgain(knote) }
  }

  private mutating func queueAgain(_ knote: KnoteRef) {
    knote.status.insert(.again)
    enqueue(knote)
  }
}
