import CKQueue
import CKQueueShims

/// READ, WRITE, EXCEPT and EMPTY: the condition is the descriptor's, so the platform has it (contract 6.1 to 6.4).
extension KQueue where Backend: ~Copyable {
  /// How long a condition that nobody tells of may go unseen, in ns (contract 6.4).
  static var lookInterval: UInt64 { 25_000_000 }

  mutating func attachCondition(_ index: UInt32) throws(Errno) {
    let backing = try attachWatch(index)
    publishWatchSets()
    guard backing == .recorded else { return }
    do throws(Errno) {
      try backend.prepareWake()
    } catch {
      try? detach(index)
      throw error
    }
    knotes[index].pointee.status.insert(.recorded)
    activate(index)
  }

  mutating func modifyCondition(_ index: UInt32, _ change: Kevent) throws(Errno) {
    if change.redefines {
      knotes[index].pointee.fflags = change.watchedFor
      knotes[index].pointee.data = Int64(change.data)
    }
    try updateWatch(index)
    if knotes[index].pointee.has(EV_DISPATCH) { leaveAlone(knotes[index].pointee.descriptor) }
    if knotes[index].pointee.status.contains(.recorded) { activate(index) }
  }

  // MARK: Conditions that nobody tells of

  /// Has a knote looked at before long, by whichever thread waits then.
  mutating func lookBeforeLong(_ index: UInt32) {
    guard !knotes[index].pointee.isDisabled else { return }
    guard (try? backend.prepareTimer(.monotonic)) != nil else { return unsettled.append(index, knotes) }
    startLooking()
    polled.append(index, knotes)
  }

  private mutating func startLooking() {
    if polled.isEmpty && told.isEmpty { nextLook = backend.now(.monotonic) &+ Self.lookInterval }
  }

  /// Queues what is to be looked at; those with nothing to deliver come back.
  mutating func look() {
    while let index = polled.popFirst(knotes) { queueAgain(index) }
    lookAtTold()
  }

  /// Of a few of them in turn: looks no more at what is over, so that it does not make the kqueue readable later (C-351).
  mutating func dropOver() {
    for _ in 0..<min(polled.count, 8) {
      guard let index = polled.popFirst(knotes) else { return }
      if !backend.isOver(index, knotes) { polled.append(index, knotes) }
    }
  }

  // MARK: What a reader left

  /// Has a knote that was told looked at in the next call, and by a thread that waits.
  mutating func lookAtNext(_ index: UInt32) {
    guard !knotes[index].pointee.isDisabled else { return }
    if (try? backend.prepareTimer(.monotonic)) != nil { startLooking() }
    told.append(index, knotes)
  }

  @inline(__always)
  mutating func lookAtTold() {
    while let index = told.popFirst(knotes) { queueAgain(index) }
  }

  private mutating func queueAgain(_ index: UInt32) {
    knotes[index].pointee.status.insert(.again)
    enqueue(index)
  }
}
