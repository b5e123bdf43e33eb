import CKQueueShims
import KQueueCore

/// What the system watches for one kqueue: much like an epoll set, with a wake-up and two timers in it.
public final class FakeEventSet {
  unowned let system: FakeSystem
  var number: CInt

  /// What the core asked for, in order; see `takeCalls`.
  private(set) var calls: [FakeCall] = []
  /// How often a thread went to sleep.
  public var sleeps: Int {
    calls.count { if case .wait = $0 { true } else { false } }
  }
  /// Where the core broke the rules of `PlatformBackend`.
  public private(set) var violations: [String] = []
  /// Questions about a knote that was not reported in the pass.
  public private(set) var inquiries = 0
  /// Runs once, when the next wait has made up its mind and has not come back yet.
  public var beforeReturn: (() throws -> Void)?
  /// Runs once in the next poll, under the lock: what a signal handler would do there.
  public var duringPoll: (() -> Void)?
  /// Leaves a wake-up in place that the core takes back, as a real system may.
  public var keepsWakes = false
  public private(set) var isClosed = false

  var entries: [FakeKey: FakeEntry] = [:]
  /// Entries that no knote knows of, whose file is open all the same.
  var ghosts: [FakeGhost] = []
  public internal(set) var rebuilds = 0
  /// How many knotes are attached.
  var attached = 0
  /// Processes that are watched, and what is still to be told of any.
  var processEntries: [UInt: FakeProcessEntry] = [:]
  var news: [FakeNews] = []
  var hasLostNews = false
  /// The signals that are watched.
  var signals: [UInt: FakeSignal] = [:]
  /// Sources that have something to report, first come first.
  var queue: [FakeSource] = []
  private var deadlines: [Clock: UInt64] = [:]
  private var preparedTimers: Set<Clock> = []
  private var hasWake = false
  private var isWokenForGood = false
  private var isInterrupted = false
  /// Knotes on recorded descriptors whose condition has changed.
  private var changed: [FakeKey] = []
  /// What happened to knotes that record it, and was not gathered yet.
  private var happenings: [Happening] = []
  /// The first error of something that ran inside a wait.
  var failure: (any Error)?

  init(_ system: FakeSystem, _ number: CInt) {
    self.system = system
    self.number = number
  }

  /// The calls since the last time.
  public func takeCalls() -> [FakeCall] {
    defer { calls = [] }
    return calls
  }

  /// Whether the kqueue's own descriptor would be readable.
  public var isReadable: Bool {
    queue.contains { isDue($0) }
  }

  /// Has the wait under way, or the next one, end with EINTR if it has nothing to report.
  public func interrupt() {
    isInterrupted = true
  }

  func log(_ call: FakeCall) {
    if isClosed { violate("\(call) after close") }
    calls.append(call)
  }

  func violate(_ what: String) {
    violations.append(what)
  }

  func noteInquiry() {
    inquiries += 1
  }

  // MARK: Descriptors

  /// Puts an entry in, or changes it; its condition is looked at anew.
  func put(_ key: FakeKey, _ entry: FakeEntry) {
    ghosts.removeAll { $0.key == key && $0.file == system.descriptors[key.descriptor]?.file }
    entries[key] = entry
    note(key)
  }

  /// Has a knote of which nothing was delivered reported again, where the system reports it only once: that is
  /// for the platform to see to, whether it was reported in this pass or in an earlier one.
  func rearm(_ key: FakeKey) {
    entries[key]?.isOff = false
    note(key)
  }

  /// Fails where the descriptor was closed since it was put in.
  func requireWatched(_ key: FakeKey) throws(Errno) {
    guard system.descriptors[key.descriptor] != nil else { throw Errno(EBADF) }
    guard entries[key] != nil else { throw Errno(ENOENT) }
  }

  /// Drops what is watched of a number that is about to be closed.
  /// - Returns: whether there was anything.
  func forget(_ number: CInt) -> Bool {
    calls.append(.forget(number))
    let had = FakeKey.filters.contains { entries[FakeKey(descriptor: number, filter: $0.rawValue)] != nil }
    ghosts.removeAll { $0.key.descriptor == number && $0.file == system.descriptors[number]?.file }
    for filter in FakeKey.filters { remove(FakeKey(descriptor: number, filter: filter.rawValue)) }
    return had
  }

  func remove(_ key: FakeKey) {
    entries[key] = nil
    queue.removeAll { $0 == .entry(key) }
    changed.removeAll { $0 == key }
  }

  /// Something happened to a descriptor.
  func note(_ key: FakeKey) {
    guard let entry = entries[key], let descriptor = system.descriptors[key.descriptor] else { return }
    guard descriptor.isReady(key.filter) else { return }
    if descriptor.backing == .recorded {
      if !changed.contains(key) { changed.append(key) }
      push(.changes)
    } else if !entry.isOff {
      push(.entry(key))
    }
  }

  /// Tokens of recorded knotes that changed.
  func takeChanges(_ room: Int) -> [KnoteToken] {
    let taken = changed.prefix(room)
    changed.removeFirst(taken.count)
    if !changed.isEmpty { push(.changes) }
    return taken.compactMap { entries[$0]?.token }
  }

  /// Something happened that a knote records; the system does not ask whether anybody wants to know.
  func happen(_ key: FakeKey, _ bits: UInt32) {
    guard let entry = entries[key] else { return }
    happenings.append(Happening(entry.token, bits: bits))
    push(.happenings)
  }

  /// What happened, as much as fits.
  func takeHappenings(_ buffer: UnsafeMutableBufferPointer<Happening>) -> Int {
    let taken = happenings.prefix(buffer.count)
    happenings.removeFirst(taken.count)
    if happenings.isEmpty { queue.removeAll { $0 == .happenings } }
    for (place, happening) in taken.enumerated() { buffer[place] = happening }
    return taken.count
  }

  // MARK: Wake-ups and timers

  func prepareWake() throws(Errno) {
    guard !hasWake else { return }
    log(.prepareWake)
    try system.check(.prepareWake)
    hasWake = true
  }

  func wake() {
    log(.wake)
    if !hasWake { violate("wake without prepareWake") }
    push(.wake)
  }

  func takeBackWake() {
    log(.takeBackWake)
    if !keepsWakes { queue.removeAll { $0 == .wake } }
  }

  func wakeAll() {
    log(.wakeAll)
    isWokenForGood = true
    push(.wake)
  }

  func prepareTimer(_ clock: Clock) throws(Errno) {
    guard !preparedTimers.contains(clock) else { return }
    log(.prepareTimer(clock))
    try system.check(.prepareTimer)
    preparedTimers.insert(clock)
  }

  func arm(_ clock: Clock, _ deadline: UInt64?) {
    log(.arm(clock, deadline))
    if !preparedTimers.contains(clock) { violate("arm without prepareTimer") }
    queue.removeAll { $0 == .timer(clock) }
    deadlines[clock] = deadline
    noteTime()
  }

  /// Time has passed.
  func noteTime() {
    for clock in Clock.allCases {
      guard let deadline = deadlines[clock], deadline <= system.now(clock) else { continue }
      deadlines[clock] = nil
      push(.timer(clock))
    }
  }

  func close() {
    log(.close)
    isClosed = true
    entries = [:]
    ghosts = []
    if !signals.isEmpty { violate("signals are still watched") }
    queue = []
    deadlines = [:]
  }

  // MARK: Reports

  func unqueue(_ source: FakeSource) {
    queue.removeAll { $0 == source }
  }

  func push(_ source: FakeSource) {
    if !queue.contains(source) { queue.append(source) }
  }

  func isDue(_ source: FakeSource) -> Bool {
    if case .signal(let number) = source { return signals[number]?.isOff == false }
    if case .ghost(let token) = source { return isDue(token) }
    guard case .entry(let key) = source else { return true }
    guard let entry = entries[key], !entry.isOff else { return false }
    return system.descriptors[key.descriptor]?.isReady(key.filter) ?? false
  }

  func poll(_ buffer: UnsafeMutableBufferPointer<FakeReport>) -> CInt {
    log(.poll(room: buffer.count))
    duringPoll.take()?()
    return CInt(harvest(buffer))
  }

  /// Takes reports from the head; what stays true goes to the tail.
  func harvest(_ buffer: UnsafeMutableBufferPointer<FakeReport>) -> Int {
    var rest = queue
    queue = []
    var stay: [FakeSource] = []
    var count = 0
    while count < buffer.count, !rest.isEmpty {
      let source = rest.removeFirst()
      guard isDue(source) else { continue }
      buffer[count] = report(source, &stay)
      count += 1
    }
    queue = rest + stay + queue
    return count
  }

  private func report(_ source: FakeSource, _ stay: inout [FakeSource]) -> FakeReport {
    if case .process(let process) = source, let entry = processEntries[process] { return FakeReport(entry.token) }
    if case .signal(let number) = source, let signal = signals[number] { return FakeReport(signal.token) }
    if case .ghost(let token) = source { return reportGhost(token, &stay) }
    guard case .entry(let key) = source, let entry = entries[key] else {
      if source == .wake && isWokenForGood { stay.append(.wake) }
      return FakeReport(source)
    }
    if !entry.isEdge && !entry.isOnce { stay.append(source) }
    if entry.isOnce { entries[key]?.isOff = true }
    return FakeReport(entry.token)
  }

  // MARK: Waiting

  func wait(_ buffer: UnsafeMutableBufferPointer<FakeReport>, _ nanoseconds: Int64?) -> CInt {
    log(.wait(room: buffer.count, nanoseconds: nanoseconds))
    if let thread = TurnTaker.current { return wait(buffer, nanoseconds, thread) }
    do {
      let result = try sleep(buffer, nanoseconds)
      try beforeReturn.take()?()
      return result
    } catch {
      failure = failure ?? error
      return -EDEADLK
    }
  }

  /// The same where other threads go on meanwhile.
  private func wait(
    _ buffer: UnsafeMutableBufferPointer<FakeReport>, _ nanoseconds: Int64?, _ thread: TurnTaker
  ) -> CInt {
    thread.step("wait")
    var count = harvest(buffer)
    while count == 0 && nanoseconds != 0 {
      guard thread.sleep(until: { [self] in isReadable }) else {
        if let nanoseconds { system.advance(UInt64(nanoseconds)) } else { violate("a wait that nothing ends") }
        break
      }
      count = harvest(buffer)
    }
    thread.step("waited")
    return count == 0 && nanoseconds == nil ? -EDEADLK : CInt(count)
  }

  /// Lets time pass until there is something to report.
  private func sleep(_ buffer: UnsafeMutableBufferPointer<FakeReport>, _ nanoseconds: Int64?) throws -> CInt {
    let end = nanoseconds.map { system.monotonic + UInt64($0) }
    while true {
      let count = harvest(buffer)
      if count > 0 { return CInt(count) }
      if isInterrupted && nanoseconds != 0 {
        isInterrupted = false
        return -EINTR
      }
      guard let next = nextMoment, next <= end ?? .max else { break }
      try system.proceed(to: next)
    }
    guard let end else { return -EDEADLK }  // nothing would ever happen
    if end > system.monotonic { system.advance(end - system.monotonic) }
    return 0
  }

  /// When something will happen next, by the monotonic clock.
  private var nextMoment: UInt64? {
    let timers = deadlines.map { clock, deadline in deadline - system.now(clock) + system.monotonic }
    return (timers + [system.nextAppointment].compactMap { $0 }).min()
  }
}

/// What a descriptor is watched for.
struct FakeKey: Hashable {
  let descriptor: CInt
  let filter: Int16

  static var filters: [Filter] { [.read, .write, .vnode] }
}

/// How a descriptor is watched.
struct FakeEntry {
  var token: KnoteToken
  var isEdge: Bool
  var isOnce: Bool
  /// Disabled, or reported once already.
  var isOff: Bool
}

/// What can have something to report.
enum FakeSource: Equatable {
  case entry(FakeKey)
  case wake
  case timer(Clock)
  case changes
  case happenings
  case process(UInt)
  case processes
  case signal(UInt)
  case ghost(KnoteToken)
}

/// One thing that the core had the system do.
public enum FakeCall: Equatable {
  case attach(CInt, Int16)
  case update(CInt, Int16)
  case detach(CInt, Int16)
  case abandon(CInt, Int16)
  case forget(CInt)
  case prepareWake
  case wake
  case takeBackWake
  case wakeAll
  case prepareTimer(Clock)
  case arm(Clock, UInt64?)
  case poll(room: Int)
  case wait(room: Int, nanoseconds: Int64?)
  case gather
  case close
}
