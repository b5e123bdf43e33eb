import CKQueueShims

/// A kqueue that a signal handler jumped out of while it was being changed.
///
/// Everything that leads to knotes is made anew from the knotes themselves; the memory that it took is left behind,
/// since what it says may be half said. That happens once: later calls hold signals back meanwhile.
extension KQueue where Backend: ~Copyable {
  @inline(never)
  mutating func repair() {
    knotes.repair()
    table = KnoteTable()
    (ready, unsettled) = (ReadyList(), ReadyList(mark: .unsettled))
    (polled, told) = (ReadyList(mark: .polled), ReadyList(mark: .told))
    timers[Clock.monotonic.rawValue] = TimerHeap()
    timers[Clock.realtime.rawValue] = TimerHeap()
    buffers = BufferPool()
    happenings = BufferPool()
    var place: UInt32 = 0
    while let index = knotes.next(&place) { repair(index) }
    beginPass()
    askAgain()
  }

  private mutating func repair(_ index: UInt32) {
    let knote = knotes[index]
    let wasListed = knote.pointee.status.rawValue & KnoteStatus.listed != 0
    knote.pointee.forgetPlaces(isListed: wasListed)
    guard let filter = Filter(rawValue: knote.pointee.filter), (try? table.insert(index, filter, knotes)) != nil else {
      return knotes.free(index)  // it was not made yet, or there is no memory
    }
    if filter == .timer { return repairTimer(index) }
    if wasListed { activate(index) }
  }
}

extension KnoteSlab {
  /// Tells anew which places are free.
  mutating func repair() {
    forgetFree()
    for index in 0..<UInt32(used) where !self[index].pointee.status.contains(.live) { putFree(index) }
  }
}

extension Knote {
  /// A knote stands nowhere any more. Of a timer that is disabled `previous` says what it had counted.
  fileprivate mutating func forgetPlaces(isListed: Bool) {
    status.subtract(KnoteStatus(rawValue: KnoteStatus.listed).union(.held))
    link = 0
    next = 0
    if isListed { previous = 0 }
  }
}
