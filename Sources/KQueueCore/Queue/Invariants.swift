/// Invariants of a kqueue when a call has brought it up to date (`flush`) and is about to drop its lock. They are
/// checked in debug and test builds, which have assertions; elsewhere nothing is left of it.
extension KQueue where Backend: ~Copyable {
  @inline(__always)
  mutating func checkInvariants() {
    assert(isCheckPutOff || isWhole())
  }

  /// A large kqueue is checked now and then, a very large one once for each of its knotes: each call would take as long
  /// as it has knotes.
  private var isCheckPutOff: Bool {
    mutating get {
      if callsUnchecked > 0 {
        callsUnchecked -= 1
        return true
      }
      let used = UInt32(knotes.used)
      callsUnchecked = used < 4096 ? used / 64 : used
      return false
    }
  }

  private mutating func isWhole() -> Bool {
    checkKnotes()
    check(ready, .queued)
    check(samples.unsettled, .unsettled)
    check(samples.polled, .polled)
    check(samples.told, .told)
    timers[Clock.monotonic.rawValue].check(knotes)
    timers[Clock.realtime.rawValue].check(knotes)
    checkReadable()
    return true
  }

  /// Each knote is found by its name, and stands in one list at most. All are counted.
  private func checkKnotes() {
    var (live, queued, members, place) = (0, 0, 0, UInt32(0))
    while let knote = knotes.next(&place) {
      guard let filter = Filter(rawValue: knote.filter) else { bug("a knote without a filter") }
      if table.find(filter, knote.ident, knotes) != knote { bug("a knote that its name does not find") }
      let lists = knote.status.rawValue & KnoteStatus.listed
      if lists.nonzeroBitCount > 1 { bug("a knote in two lists") }
      if lists != 0 && knote.isDisabled { bug("a disabled knote in a list") }
      live += 1
      if lists & KnoteStatus.queued.rawValue != 0 { queued += 1 }
      if filter == .timer { members += 1 }
    }
    if live != knotes.count { bug("the number of knotes") }
    if queued != ready.count { bug("the number of ready knotes") }
    if members != timers[0].members + timers[1].members { bug("the number of timers") }
  }

  private func check(_ list: ReadyList, _ mark: KnoteStatus) {
    var (count, held) = (0, 0)
    list.forEach(knotes) { knote in
      let status = knote.status
      if !status.contains(.live) || !status.contains(mark) { bug("a list has a knote that is not in it") }
      count += 1
      if count > knotes.count { bug("a list without an end") }
      if status.contains(.held) { held += 1 }
    }
    if count != list.count || held != list.held { bug("the counts of a list") }
  }

  /// The kqueue's descriptor is readable for what the system does not report again, and for that alone (C-351).
  private func checkReadable() {
    if (ready.held > 0) != wakePending && !lacksWake { bug("whether the kqueue is readable") }
  }
}

extension TimerHeap {
  /// The earliest comes first, each timer knows its place, and none stands there that does not run.
  fileprivate func check<S>(_ knotes: borrowing KnoteSlab<S>) {
    for place in 0..<count {
      let node = node(place)
      let knote = knotes[node.knote]
      if knote.kind != .timer || knote.heapPlace != place { bug("a timer's place") }
      if knote.isDisabled || knote.status.contains(.active) { bug("a timer that should not run") }
      if place > 0 && node.deadline < self.node((place - 1) / 4).deadline { bug("the order of timers") }
    }
  }
}
