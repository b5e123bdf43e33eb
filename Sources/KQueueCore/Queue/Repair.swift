import CKQueueShims
import Synchronization

/// A kqueue that a signal handler jumped out of while it was being changed.
///
/// The knotes are what is known; all else in the core is made anew from them. So a change may be left between any two
/// stores, where
/// - a knote is whole from one store on and until one store, `complete` and `beginRemoval`, and what is not whole is
///   freed;
/// - a change of a whole knote is undone, see `Undo`;
/// - the platform has a knote noted before the system knows of it, and until the system does not;
/// - nothing that a repair reads is written by it but to what it reads next time, so that it may be left as well;
/// - what none of this holds of is changed under a `Shield`.
///
/// The memory of what is made anew is left behind, since what it says may be half said. Later calls hold signals back.
extension KQueue where Backend: ~Copyable {
  @inline(never)
  mutating func repair() {
    undo.apply(knotes)
    forgetLists()
    knotes.forgetFree()
    backend.repair(knotes)
    for index in 0..<UInt32(knotes.used) where !knotes[index].isWhole { freeHalfMade(knotes[index]) }
    var place: UInt32 = 0
    while let knote = knotes.next(&place) { enterTable(knote) }
    place = 0
    while let knote = knotes.next(&place) { requeue(knote, knote.kind) }
    recountNested()
    tracking?.slot.pointee.closeHints.doubtAll()
    beginPass()
    backend.takeBackWake()
    rearmAll()
  }

  /// The content of these is not to be trusted.
  private mutating func forgetLists() {
    table = KnoteTable()
    (ready, samples) = (ReadyList(), SampleLists())
    timers[Clock.monotonic.rawValue] = TimerHeap()
    timers[Clock.realtime.rawValue] = TimerHeap()
    buffers = BufferPool()
    happenings = BufferPool()
    stale = StaleReports()
  }

  /// Frees a place that is free already, or of a knote that was half made or half removed.
  private mutating func freeHalfMade(_ knote: KnoteRef) {
    if knote.status.contains(.live), let filter = Filter(rawValue: knote.filter), filter.isPlatforms {
      try? backend.detach(knote, knotes)
    }
    knotes.free(knote)
  }

  private mutating func enterTable(_ knote: KnoteRef) {
    knote.forgetPlaces()
    if (try? table.insert(knote, knote.kind, knotes)) != nil { return }
    knotes.beginRemoval(knote)  // there is no memory
    freeHalfMade(knote)
  }

  /// Queues a knote that has something to deliver. Where it stood is not asked: one that is being looked at stands
  /// nowhere.
  mutating func activateIfPending(_ knote: KnoteRef) {
    if !knote.status.isDisjoint(with: KnoteStatus.active.union(.forced)) { activate(knote) }
  }

  private func recountNested() {
    guard let tracking, backend.chainLimit != .max else { return }
    var (count, place) = (0, UInt32(0))
    while let knote = knotes.next(&place) {
      if knote.status.contains(.nested) { count += 1 }
    }
    tracking.slot.pointee.watchedKqueues.store(count, ordering: .relaxed)
  }
}

extension KnoteRef {
  /// A knote stands nowhere any more. Of a timer that is disabled `previous` says what it had counted.
  fileprivate func forgetPlaces() {
    status.subtract(KnoteStatus(rawValue: KnoteStatus.listed).union(.held).union(.again))
    link = .none
    next = .none
    if kind != .timer || !isDisabled { previous = .none }
  }
}

/// What a knote was before the change that is under way: a change that was jumped out of was not made.
struct Undo<PlatformState: BitwiseCopyable>: BitwiseCopyable {
  private var before: Knote<PlatformState>?
  /// One word, so that it says either nothing or all.
  private var changing = KnoteLink.none

  @inline(__always)
  mutating func begin(_ knote: KnoteRef<PlatformState>, _ before: Knote<PlatformState>) {
    self.before = before
    kq_order_stores()
    changing = KnoteLink(knote.index)
    kq_order_stores()
  }

  @inline(__always)
  mutating func end() {
    kq_order_stores()
    changing = .none
    kq_order_stores()
  }

  /// Undoes the change. What happened meanwhile stays recorded.
  mutating func apply(_ knotes: borrowing KnoteSlab<PlatformState>) {
    guard let knote = knotes[changing], let before else { return }
    if knote.isWhole && knote.generation == before.generation { knote.takeBack(before) }
    end()
  }
}

extension KnoteRef {
  fileprivate func takeBack(_ before: Knote<PlatformState>) {
    (udata, data, fflags) = (before.udata, before.data, before.fflags)
    if before.isDisabled { status.insert(.disabled) } else { status.remove(.disabled) }
    if !status.contains(.ended) {
      flags = before.flags
      if !before.status.contains(.forced) { status.remove(.forced) }
    }
    guard kind == .timer else { return }
    (occurrence, previous) = (before.occurrence, before.previous)
    if before.status.contains(.active) { status.insert(.active) } else { status.remove(.active) }
  }
}
