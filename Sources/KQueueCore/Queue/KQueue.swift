import CKQueue
import CKQueueShims

/// One kqueue: its knotes, what is ready, and the platform's part. Used under its slot's lock only.
public struct KQueue<Backend: PlatformBackend & ~Copyable>: ~Copyable {
  typealias KnoteRef = KQueueCore.KnoteRef<Backend.KnoteState>

  var backend: Backend
  var knotes = KnoteSlab<Backend.KnoteState>()
  var table = KnoteTable()
  var extensions = Extensions()
  var ready = ReadyList()
  var samples = SampleLists()
  /// When a thread that waits samples next.
  var nextLook: UInt64 = 0
  /// The timers that run, by clock.
  var timers = InlineArray<2, TimerHeap> { _ in TimerHeap() }
  /// What the platform is armed for, by clock; 0 is nothing.
  var armed = InlineArray<2, UInt64>(repeating: 0)
  /// Timers that are due before this time wait for it: many that lie close together cost one wake-up.
  var nextTimerWake: UInt64 = 0
  var buffers = BufferPool<Backend.RawEvent>()
  var happenings = BufferPool<Happening>()
  /// The program has closed one of the kqueue's inner descriptors: every call on the kqueue fails with EBADF from now
  /// on.
  var isBroken = false
  /// How many inner descriptors of all kqueues were lost when this one was last found whole.
  var seenLost = OwnDescriptors.lost
  /// The hints of closed descriptors, and how many of them were processed.
  var tracking: KQueueHandle<Backend>?
  var seenClosed: UInt = 0
  /// Threads inside `wait`; the memory outlives them.
  var waiters = 0
  /// A wait ended early and brought nothing to deliver, and none has brought an event since.
  var lastWaitWasEmpty = false
  /// A wake has been asked for and no `wait` has reported it yet.
  var wakePending = false
  /// The system had no descriptor for `wake`: each call tries again.
  var lacksWake = false
  /// Reports of knotes that are gone; and whether there may be some, of numbers that were closed unseen.
  var stale = StaleReports()
  var mayReportStale = false
  /// A knote turned out to be gone, or had its watch changed, since the system was asked last: that may be a report
  /// itself.
  var mustPollAgain = false
  /// What reports them could not be made anew, for want of memory or descriptors.
  var rebuildIsPending = false
  /// The kqueue's number has another set now, which those that watch it have to enter again.
  var numberHasNewSet = false
  /// The program does not ask for the number of bytes that can be read (NOTE_DECLINE_DATA).
  var declinesData = false
  /// How many calls end without a check of the invariants.
  var callsUnchecked: UInt32 = 0
  /// What a change that is under way began with.
  var undo = Undo<Backend.KnoteState>()
  /// Counts the passes over the ready list, so that a reading of one is not taken for another's; it wraps, past 0.
  var pass: UInt32 = 1

  /// - Throws: EMFILE, ENFILE, ENOMEM.
  init() throws(Errno) {
    self.init(try Backend())
  }

  /// Apart, since the 6.2 compiler cannot undo what is begun where one stored value of many throws.
  private init(_ backend: consuming Backend) {
    self.backend = backend
  }

  /// Gives back everything but the kqueue's own descriptor.
  mutating func close() {
    endAllWatches()
    backend.close()
    knotes.removeAll()
    table.removeAll()
    extensions.removeAll()
    timers[Clock.monotonic.rawValue].removeAll()
    timers[Clock.realtime.rawValue].removeAll()
    buffers.removeAll()
    happenings.removeAll()
    ready = ReadyList()
    samples = SampleLists()
  }

  @inline(__always)
  mutating func armTimers() {
    armTimer(.monotonic)
    armTimer(.realtime)
  }

  @inline(__always)
  private mutating func armTimer(_ clock: Clock) {
    var deadline = timers[clock.rawValue].first?.deadline ?? 0
    if clock == .monotonic {
      if deadline != 0 { deadline = max(deadline, nextTimerWake) }
      if samples.needsLook { deadline = deadline == 0 ? nextLook : min(deadline, nextLook) }
    }
    guard deadline != armed[clock.rawValue] else { return }
    armed[clock.rawValue] = deadline
    if !backend.arm(clock, deadline == 0 ? nil : deadline) { isBroken = true }
  }

  /// Queues a knote that may have something to deliver; a disabled one waits for EV_ENABLE.
  mutating func activate(_ knote: KnoteRef) {
    guard !knote.isDisabled else { return }
    samples.remove(knote, knotes)
    knote.status.remove(.again)
    enqueue(knote)
  }

  /// Records that a knote has something to deliver, and queues it.
  mutating func raise(_ knote: KnoteRef) {
    knote.status.insert(.active)
    activate(knote)
  }

  /// Puts a knote at the end of the ready list.
  @inline(__always)
  mutating func enqueue(_ knote: KnoteRef) {
    let isHeld =
      knote.status.contains(.recorded) || knote.has(EV_CLEAR | EV_ONESHOT | EV_DISPATCH)
      || !backend.reportsByLevel(knote)
    ready.append(knote, knotes, isHeld: isHeld)
  }

  /// Takes a knote out of the lists: it is not to be delivered.
  @inline(__always)
  mutating func deactivate(_ knote: KnoteRef) {
    guard knote.status.rawValue & KnoteStatus.listed != 0 else { return }
    ready.remove(knote, knotes)
    samples.remove(knote, knotes)
  }

  /// Samples some of the knotes that the system does not report. Few at a time, so that no call takes long for them.
  mutating func lookAgain() {
    queueTold()
    for _ in 0..<min(samples.unsettled.count, 8) {
      guard let knote = samples.unsettled.popFirst(knotes) else { return }
      enqueue(knote)
    }
  }

  /// Removes a knote and everything that refers to it.
  /// - Throws: EBADF or ENOENT where its descriptor was closed unseen; it is removed all the same.
  mutating func remove(_ knote: KnoteRef, _ filter: Filter) throws(Errno) {
    knotes.beginRemoval(knote)
    defer { discard(knote, filter) }
    release(knote, filter)
    guard filter.isPlatforms else { return }
    do throws(Errno) {
      try detach(knote)
    } catch {
      mayReportStale = true
      throw error
    }
  }

  /// Tells the platform where one knote is left on a number.
  mutating func noteSoleKnote(on number: CInt) {
    guard let last = table.first(on: number, knotes), last.link == .none else { return }
    backend.noteSole(last)
  }

  /// Frees a knote that no platform knows of, or not any more.
  mutating func discard(_ knote: KnoteRef, _ filter: Filter) {
    let number = knote.descriptor
    deactivate(knote)
    unnest(knote)
    table.remove(knote, filter, knotes)
    knotes.free(knote)
    if filter.watchesDescriptor { unregisterForCloses(number) }
  }
}
