import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// A process that is no child, and that a knote is on.
struct LookedAtProcess: Listed {
  let token: KnoteToken
  let number: CInt
  /// By which it is told from the next one of its number; 0 where /proc does not tell.
  let start: UInt64
  /// The process of the kqueue: it has no use for its end.
  let isOwn: Bool
  /// What was found at the last look.
  var look = ProcessStat()
}

/// Ends of processes where the kernel has no descriptors of them, or a filter denies those (contract 6.6).
///
/// Children are asked for when SIGCHLD came, as on any system of POSIX. Other processes are looked at now and then; the
/// process connector tells their ends sooner, where it is to be had.
struct ProcessLooks: ~Copyable {
  typealias Knotes = KnoteSlab<LinuxKnote>

  private var childExits = ChildExits()
  private var others = KnoteList<LookedAtProcess>()
  /// A duplicate of what SIGCHLD's handler writes to, since the set may hold that one for a SIGNAL knote; or -1.
  private var notifier: CInt = -1
  /// Goes off when something is to be looked at; or -1.
  private var timer: CInt = -1
  /// When that is, by the monotonic clock.
  private var tick: UInt64 = 0
  /// When others may be looked at again, so that it takes a tenth of the time at most.
  private var othersDue: UInt64 = 0
  /// Others that are not the kqueue's own process.
  private var strangers = 0
  /// A round of `gather` did not end, as there was no room or something came before.
  private var isGathering = false

  /// How long a change that the system does not report may go unseen, in ns.
  private static var interval: UInt64 { 25_000_000 }
  /// How many others are looked at in each call, as nobody notices.
  private static var fewOthers: Int { 4 }

  /// Whether there is anything to look at before each delivery.
  var isWatchful: Bool { childExits.count > 0 || strangers > 0 }

  // MARK: Knotes

  /// - Throws: EMFILE, ENFILE, ENOMEM.
  mutating func open(in set: EpollSet) throws(Errno) {
    guard timer < 0 else { return }
    let fresh = try Errno.check(OwnDescriptors.move(TimerDescriptor.make(CLOCK_MONOTONIC)))
    do throws(Errno) {
      try set.add(fresh, Self.events, EpollToken.source(.processes))
    } catch {
      kq_close_descriptor(fresh)
      throw error
    }
    timer = fresh
  }

  private static var events: UInt32 { EPOLLIN.rawValue | EPOLLET.rawValue }

  /// - Parameter signal: the descriptor that SIGCHLD's handler writes to.
  /// - Throws: EMFILE, ENFILE, ENOMEM.
  mutating func listen(to signal: CInt, in set: EpollSet) throws(Errno) {
    let fresh = try Errno.check(OwnDescriptors.duplicate(signal))
    do throws(Errno) {
      try set.add(fresh, Self.events, EpollToken.source(.processes))
    } catch {
      kq_close_descriptor(fresh)
      throw error
    }
    notifier = fresh
  }

  var isUseless: Bool { childExits.count == 0 && others.count == 0 }
  var isListening: Bool { notifier >= 0 }
  var hasChildren: Bool { childExits.count > 0 }
  var hasDeferredLooks: Bool { childExits.hasDeferredLooks }

  mutating func listenNoMore(_ set: EpollSet) {
    guard notifier >= 0 else { return }
    set.forget(notifier)
    OwnDescriptors.close(notifier)
    notifier = -1
  }

  /// - Throws: ECHILD where it is no child; ESRCH, ENOMEM.
  mutating func addChild(_ knote: LinuxKnoteRef, _ number: CInt) throws(Errno) {
    try childExits.reserve()
    let token = knote.token
    let wantsExit = knote.fflags & UInt32(NOTE_EXIT) != 0
    knote.platform.listPosition = try childExits.add(token, number, wantsExit: wantsExit)
    knote.platform.place = .child
    if childExits.end(at: knote.platform.listPosition) != nil { hurry() }
  }

  /// - Throws: ESRCH where there is none, or it has ended and that is not asked for (C-255); ENOMEM.
  mutating func addOther(_ knote: LinuxKnoteRef, _ look: ProcessStat) throws(Errno) {
    if look.hasEnded && knote.fflags & UInt32(NOTE_EXIT) == 0 { throw Errno(ESRCH) }
    try others.reserve()
    let number = CInt(truncatingIfNeeded: knote.ident)
    let other = LookedAtProcess(
      token: knote.token, number: number, start: look.start,
      isOwn: number == kq_process(), look: look)
    knote.platform.listPosition = others.append(other)
    knote.platform.place = .lookedAt
    if !other.isOwn { strangers += 1 }
    if look.hasEnded { hurry() } else { arm() }
  }

  mutating func remove(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) {
    let position = knote.platform.listPosition
    let moved: KnoteToken?
    if knote.platform.place == .child {
      moved = childExits.remove(position)
    } else {
      if !others[Int(position)].isOwn { strangers -= 1 }
      moved = others.remove(position)
    }
    if let moved { knotes[moved.index].platform.listPosition = position }
  }

  // MARK: When to look

  private static var now: UInt64 { kq_clock(CLOCK_MONOTONIC) }

  /// Arms the timer, so that a waiter looks in time at processes that nothing reports.
  mutating func arm() {
    if childExits.hasDeferredLooks { wake(by: childExits.due) }
    guard strangers > 0 || childExits.mayMiss else { return }
    wake(by: max(Self.now + Self.interval, strangers > 0 ? othersDue : 0))
  }

  private mutating func wake(by time: UInt64) {
    if tick <= Self.now || time < tick { wake(at: time) }
  }

  /// The next round puts nothing off.
  mutating func gatherDeferredChildrenNext() {
    childExits.gatherDeferredNext()
  }

  /// Arms the timer so that all processes are looked at so many ns from now.
  mutating func hurry(in time: UInt64 = 0) {
    childExits.forgetEnds()
    othersDue = 0
    wake(at: Self.now + time)
  }

  private mutating func wake(at time: UInt64) {
    tick = time
    if timer >= 0 { _ = TimerDescriptor.arm(timer, time) }
  }

  /// Finds out what has ended, before what was told of it is read: that came first.
  mutating func beginRound() {
    if isGathering { return }
    isGathering = true
    _ = childExits.beginRound()
    lookAtOthers()
    // At once: this thread may leave with something to deliver, and others wait already.
    arm()
  }

  private mutating func lookAtOthers() {
    let start = Self.now
    guard strangers > 0, strangers <= Self.fewOthers || start >= othersDue else { return }
    for place in 0..<others.count where !others[place].isOwn && !others[place].look.hasEnded {
      let (number, began) = (others[place].number, others[place].start)
      others[place].look = ProcessStat(number, thatBegan: began)
    }
    let finish = Self.now
    othersDue = finish + (finish - start) * 9
    others.beginRound()
  }

  /// Writes ends that are not told yet.
  mutating func gather(_ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>) -> Int {
    var written = 0
    childExits.gather(knotes, buffer, &written)
    gatherOthers(knotes, buffer, &written)
    isGathering = written == buffer.count
    return written
  }

  private mutating func gatherOthers(
    _ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>, _ written: inout Int
  ) {
    while written < buffer.count, let place = others.next() {
      let isTold = knotes[others[place].token.index].status.contains(.ended)
      guard !isTold, let end = end(of: others[place]) else { continue }
      buffer[written] = end
      written += 1
    }
  }

  private func end(of other: LookedAtProcess) -> Happening? {
    guard other.look.hasEnded && !other.isOwn else { return nil }
    let status = other.look.status
    return Happening(
      other.token, bits: NOTE_EXIT | (status != nil ? UInt32(NOTE_EXITSTATUS) : 0), data: Int(status ?? 0))
  }

  /// The end of a knote's process, where it has ended by now.
  mutating func end(of knote: LinuxKnoteRef) -> Happening? {
    let position = knote.platform.listPosition
    if knote.platform.place == .lookedAt {
      lookAtOthers()
      return end(of: others[Int(position)])
    }
    ChildTable.look(mayPutOff: true)
    return childExits.end(at: position)
  }

  // MARK: The set

  /// Enters what is open into a set that takes another's place.
  func enter(_ set: EpollSet) {
    if notifier >= 0 { try? set.add(notifier, Self.events, EpollToken.source(.processes)) }
    if timer >= 0 { try? set.add(timer, Self.events, EpollToken.source(.processes)) }
  }

  /// Removes what is open from the set, before it is closed; see `EpollSet.forget`.
  func leave(_ set: EpollSet) {
    set.forget(notifier)
    set.forget(timer)
  }

  /// Whether the set holds what is open.
  func isKept(in set: EpollSet) -> Bool {
    (notifier < 0 || set.holds(notifier)) && (timer < 0 || set.holds(timer))
  }

  mutating func close() {
    if notifier >= 0 { OwnDescriptors.close(notifier) }
    if timer >= 0 { OwnDescriptors.close(timer) }
    (notifier, timer) = (-1, -1)
    childExits.free()
    others.free()
  }
}

extension LinuxKnote {
  /// Where a process stands in its list: in the word that a descriptor of it would have, below -1.
  var listPosition: UInt32 {
    get { UInt32(bitPattern: -2 - watch) }
    set { watch = -2 - CInt(bitPattern: newValue) }
  }

  /// A process that no descriptor tells of.
  var isLookedAt: Bool { place == .child || place == .lookedAt }
}
