import CKQueue
import CKQueueShims.POSIX
import KQueueCore

/// POSIX.1-2008 and no more: poll(2), a pipe, and looking again. The kqueue's descriptor is the pipe's reading end.
public struct POSIXBackend: PlatformBackend, ~Copyable {
  public typealias KnoteState = POSIXKnote
  public typealias Source = PollSource
  public typealias RawEvent = PollReport
  public typealias Waiter = Sleeper

  public static var filters: FilterSet {
    FilterSet(.read).union(FilterSet(.write)).union(FilterSet(.signal)).union(FilterSet(.proc))
      .union(FilterSet(.vnode)).union(FilterSet(.except))
  }

  var pipe: SelfPipe
  var table: PollTable
  /// What poll(2) calls ready though there is nothing new to deliver; see `POSIXKnote.Place`.
  var quiet = PollList()
  /// Knotes on descriptors that poll(2) tells of.
  var polled = 0
  var listener = Listener()
  var signals = KnoteList<SignalWatch>()
  var childExits = ChildExits()
  var files = KnoteList<SampledFile>()
  /// When the round of files under way began, and when the next may; whether one was put off.
  var filesStart: UInt64 = 0
  var filesDue: UInt64 = 0
  var areFilesLeft = false
  /// The pipe may be readable for what is not watched any more: the next to ask drains it (C-351).
  var pipeMayHoldStaleByte = false
  /// A handler may write to the pipe of what was gathered by now, or came before a knote was added.
  var mayBeToldAgain = false
  /// The pipe stays readable for all who sleep, and its number may be the program's by now.
  private var isClosing = false
  /// A round of `gather` did not end, as there was no room.
  var isGathering = false
  /// What the core asked to be told, by clock; 0 is nothing.
  private var deadlines: (monotonic: UInt64, realtime: UInt64) = (0, 0)
  /// Threads that wait, or are on their way back; those of them who wait for all that there is.
  private var sleepers = 0
  private var upToDate = 0
  /// Threads among them that have to look anew before anybody may sleep, and what is new to them.
  private var outdated = 0
  private var newest: UInt32 = 0
  /// Those who sleep, while a thread polls that is counted with them for that time.
  private var beforePoll: (sleepers: Int, upToDate: Int, outdated: Int)?
  /// Grows with each change of what is waited for.
  private var version: UInt32 = 0
  public let validates: Bool

  public static var closesGoUnseen: Bool { !kq_is_interposed() }
  public static var replacements: CUnsignedInt { OwnDescriptors.replaced }

  public init() throws(Errno) {
    let own = try SelfPipe()
    validates = Self.closesGoUnseen
    pipe = own
    table = PollTable()
  }

  /// The kqueue's own descriptor has the first place.
  mutating func prepareTable() throws(Errno) {
    guard table.count == 0 else { return }
    try table.reserve(1)
    _ = table.append(pipe.inside, Int16(POLLIN), .own(.wake))
  }

  public mutating func renumber(_ number: CInt) throws(Errno) {
    try pipe.renumber(number)
    table.close()  // filled when it is needed
  }

  public mutating func close() {
    table.close()
    quiet.free()
    listener.close()
    signals.free()
    childExits.free()
    files.free()
    pipe.close()
  }

  public var descriptor: CInt { pipe.reading }
  public var isIdle: Bool { polled == 0 && !hasUntold && !pipeMayHoldStaleByte }
  public var isAlive: Bool { pipe.isAlive }
  public var isReplaced: Bool { !pipe.isAlive }
  public var isIntact: Bool { pipe.isIntact }

  /// A kqueue's number is a pipe's reading end. Whether such an end is a certain kqueue's only that kqueue can tell, which
  /// has the identity of its pipe.
  public static func namesNoKQueue(_ number: CInt) -> Bool {
    let kind = kq_posix_kind(number)
    return kind >= 0 && kind != KQ_POSIX_PIPE_READ.rawValue
  }

  /// poll(2) is given numbers anew each time, so there is nothing that a close would leave behind but those who
  /// sleep.
  public var watchSets: WatchSets { sleepers > 0 ? WatchSets(UInt64(pipe.writing) + 1) : WatchSets() }
  public static func forget(_ number: CInt, _ watchSets: WatchSets) -> Bool { true }
  public static var waitsKeepFiles: Bool { true }
  public var chainLimit: Int { 2 }

  public static func interrupt(_ watchSets: WatchSets) {
    if watchSets.first != 0 { Notification.make(CInt(watchSets.first - 1)) }
  }

  // MARK: Time

  /// How long a change that the system does not report may go unseen, in ns.
  static var lookInterval: UInt64 { 25_000_000 }

  public func now(_ clock: Clock) -> UInt64 {
    kq_clock(clock == .realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC)
  }

  public var seconds: UInt64 { kq_seconds() }

  public mutating func arm(_ clock: Clock, _ deadline: UInt64?) -> Bool {
    switch clock {
    case .monotonic: deadlines.monotonic = deadline ?? 0
    case .realtime: deadlines.realtime = deadline ?? 0
    }
    if deadline != nil { noteChange() }
    return true
  }

  // MARK: Waking

  public func wake() -> Bool {
    pipe.signal()
  }

  public mutating func takeBackWake() {
    if outdated == 0 { drain() }
  }

  /// A handler may have counted and written meanwhile; a handler that counts later writes later.
  private mutating func drain() {
    if mayBeToldAgain { awaitHandlers() }
    mayBeToldAgain = false
    pipe.drain()
    if hasUnseen { _ = pipe.signal() }
  }

  /// A handler wrote to the pipe of what is not watched any more, or is about to. The end of the call drains it, and
  /// the next to ask what came later.
  mutating func noteStaleByte() {
    pipeMayHoldStaleByte = true
    mayBeToldAgain = true
  }

  /// Takes back what handlers wrote of what was gathered (C-351). Those who sleep do so themselves.
  private mutating func drainTold() {
    if sleepers == 0 && outdated == 0 && !isClosing { drain() }
  }

  public mutating func wakeAll() {
    isClosing = true
    _ = pipe.signal()
  }

  /// The lists of the present waiters are out of date.
  mutating func noteChange() {
    version &+= 1
    upToDate = 0
  }

  /// A number that is waited for is closed or may be: waiters must not keep its file open.
  mutating func dismissSleepers() {
    noteChange()
    guard sleepers > 0 else { return }
    (outdated, newest) = (sleepers, version)
    _ = pipe.signal()
  }

  /// One waiter, where there are any, has to wait for everything: when it leaves, another one begins anew. Where there
  /// are none, what was put off makes the kqueue's descriptor readable, so that its pollers come for it.
  public mutating func flush(_ knotes: borrowing Knotes, isWoken: Bool) {
    listenAsEnabled(knotes)
    if mayBeToldAgain && !isWoken { drainTold() }
    if upToDate == 0 && (sleepers > 0 || hasDeferredLooks) { _ = pipe.signal() }
  }

  // MARK: Waiting

  public mutating func poll(_ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<PollReport>) -> CInt {
    beforePoll = (sleepers, upToDate, outdated)
    kq_order_stores()
    defer {
      kq_order_stores()
      beforePoll = nil
    }
    var sleeper: Sleeper
    do throws(Errno) {
      sleeper = try enter(knotes)
    } catch {
      return -error.code
    }
    let found = kq_poll_now(sleeper.list.entries, sleeper.list.count)
    let reports = found < 0 ? found : sleeper.report(found, buffer, hasUnseen: hasUnseen)
    leave(sleeper)
    return reports
  }

  /// Makes the lists anew. Sleepers keep those that they were lent.
  public mutating func repair(_ knotes: borrowing Knotes) {
    if let beforePoll { (sleepers, upToDate, outdated) = beforePoll }
    beforePoll = nil
    table = PollTable()
    (quiet, polled, isGathering) = (PollList(), 0, false)
    var place: UInt32 = 0
    while let knote = knotes.next(&place) { enterAnew(knote, knotes) }
    noteChange()
  }

  public mutating func enter(_ knotes: borrowing Knotes) throws(Errno) -> Sleeper {
    try prepareTable()
    // Where closes go unseen the core looks; a close that nobody could see is found here.
    if !validates && !kq_is_open(pipe.reading) { throw Errno(EBADF) }
    lookAtQuiet(knotes)
    let sleeper = Sleeper(
      list: try table.lend(), monotonic: deadlines.monotonic, realtime: deadlines.realtime, look: nextLook,
      version: version, passesOverWakes: outdated > 0)
    sleepers += 1
    upToDate += 1
    return sleeper
  }

  public mutating func leave(_ sleeper: Sleeper) {
    sleepers -= 1
    if sleeper.version == version { upToDate -= 1 }
    if outdated > 0 && Int32(bitPattern: sleeper.version &- newest) < 0 { outdated -= 1 }
    let told = sleeper.list.told
    if told.contains(.wake) && !isClosing && outdated == 0 { drain() }
    pipeMayHoldStaleByte = false
    // A time that was reported is over; the core asks for the next.
    if told.contains(.monotonic) && deadlines.monotonic == sleeper.monotonic { deadlines.monotonic = 0 }
    if told.contains(.realtime) && deadlines.realtime == sleeper.realtime { deadlines.realtime = 0 }
    table.takeBack(sleeper.list)
  }

  /// When a waiter has to return to sample what poll(2) does not report; 0 is never.
  private var nextLook: UInt64 {
    var interval = files.count > 0 ? kq_sample_interval() : UInt64.max
    if quiet.count > 0 || mayMissSignals || childExits.mayMiss { interval = min(interval, Self.lookInterval) }
    let look = interval == .max ? 0 : now(.monotonic) + interval
    // Without any there is no round that would put it off anew.
    guard hasUntold else { return look }
    let due = areFilesLeft && (childExits.due == 0 || filesDue < childExits.due) ? filesDue : childExits.due
    return look == 0 || due != 0 && due < look ? due : look
  }

  public static func wait(
    _ sleeper: Sleeper, _ buffer: UnsafeMutableBufferPointer<PollReport>, nanoseconds: Int64?,
    signals: UnsafeMutablePointer<kq_wait_signals>, cancelled: CancelHandler?, context: UnsafeMutableRawPointer?
  ) -> CInt {
    let found = sleeper.sleep(nanoseconds, signals, cancelled, context)
    if found == -EAGAIN { return 0 }
    return found < 0 ? found : sleeper.report(found, buffer, hasUnseen: false)
  }

  @inline(__always)
  public static func decode(_ event: PollReport) -> Report<PollSource> {
    guard event.token.generation == KnoteToken.ownGeneration else { return .knote(event.token, event.bits) }
    guard let source = PollSource(rawValue: event.token.index) else { bug("an unknown source") }
    switch source {
    case .wake: return .wake
    case .monotonicTimer: return .timer(.monotonic)
    case .realtimeTimer: return .timer(.realtime)
    case .quiet, .happenings: return .more(source)
    }
  }
}
