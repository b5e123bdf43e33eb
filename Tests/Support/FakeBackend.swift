import CKQueue
import CKQueueShims
import KQueueCore
import Synchronization

/// A platform with no descriptor, no sleep, and a time that the test sets.
public struct FakeBackend: PlatformBackend, ~Copyable {
  public typealias KnoteState = FakeKnote
  public typealias Source = FakeGathering
  public typealias RawEvent = FakeReport
  public typealias Waiter = Unmanaged<FakeEventSet>

  public static var filters: FilterSet {
    [FilterSet(.read), FilterSet(.write), FilterSet(.vnode), FilterSet(.proc), FilterSet(.signal), FilterSet(.empty)]
  }
  public static var processSource: FakeGathering? { .processes }

  private static let lastNumber = Atomic<CInt>(1 << 20)
  private let kernel: FakeEventSet

  public init() throws(Errno) {
    guard let system = FakeSystem.current else { throw Errno(ENXIO) }
    try system.check(.create)
    let number = Self.lastNumber.add(1, ordering: .relaxed).newValue
    kernel = FakeEventSet(system, number)
    system.sets.append(kernel)
  }

  public static func reach(_ step: Step) {
    guard let thread = TurnTaker.current else { return }
    if case .idle = step { thread.idle() } else { thread.step("\(step)") }
  }

  public static func reach(_ lock: UnsafeMutablePointer<kq_lock>) {
    TurnTaker.current?.lock(lock)
  }

  public mutating func renumber(_ number: CInt) throws(Errno) {
    try kernel.system.check(.renumber)
    kernel.number = number
  }

  public mutating func close() {
    kernel.close()
  }

  public var descriptor: CInt { kernel.number }
  /// As the core does, it counts on having been told of what is over: entries that nobody knows of are none.
  public var isIdle: Bool { kernel.attached == 0 }

  // MARK: Descriptors

  public mutating func attach(_ knote: KnoteRef<FakeKnote>, _ knotes: borrowing Knotes) throws(Errno) -> Backing {
    let key = FakeKey(knote)
    kernel.log(.attach(key.descriptor, key.filter))
    if knote.platform.isAttached { kernel.violate("attach of an attached knote") }
    try kernel.system.check(.attach)
    if knote.kind == .proc { return try attachProcess(knote) }
    if knote.kind == .signal { return try attachSignal(knote) }
    guard let descriptor = kernel.system.descriptors[key.descriptor] else { throw Errno(EBADF) }
    knote.platform.isAttached = true
    kernel.attached += 1
    kernel.put(key, FakeEntry(knote))
    return knote.kind == .empty ? .recorded : descriptor.backing
  }

  public mutating func update(_ knote: KnoteRef<FakeKnote>, _ knotes: borrowing Knotes) throws(Errno) {
    let key = FakeKey(knote)
    kernel.log(.update(key.descriptor, key.filter))
    if !knote.platform.isAttached { kernel.violate("update of a knote that is not attached") }
    try kernel.system.check(.update)
    if knote.kind == .proc { return }
    if knote.kind == .signal { return kernel.enableSignal(knote) }
    try kernel.requireWatched(key)
    kernel.put(key, FakeEntry(knote))
  }

  public mutating func detach(_ knote: KnoteRef<FakeKnote>, _ knotes: borrowing Knotes) throws(Errno) {
    let key = FakeKey(knote)
    kernel.log(.detach(key.descriptor, key.filter))
    if !knote.platform.isAttached { kernel.violate("detach of a knote that is not attached") }
    knote.platform.isAttached = false
    kernel.attached -= 1
    if knote.kind == .proc { return kernel.detachProcess(knote.ident) }
    if knote.kind == .signal { return kernel.removeSignal(knote.ident) }
    defer { kernel.remove(key) }
    try kernel.requireWatched(key)
  }

  private mutating func attachProcess(_ knote: KnoteRef<FakeKnote>) throws(Errno) -> Backing {
    let backing = try kernel.attachProcess(
      knote.token, knote.ident,
      isBorn: knote.status.contains(.born))
    knote.platform.isAttached = true
    kernel.attached += 1
    return backing
  }

  private mutating func attachSignal(_ knote: KnoteRef<FakeKnote>) throws(Errno) -> Backing {
    guard 1...64 ~= knote.ident else { throw Errno(EINVAL) }
    knote.platform.isAttached = true
    kernel.attached += 1
    kernel.addSignal(knote.token, knote)
    return .recorded
  }

  public mutating func occurrence(_ knote: KnoteRef<FakeKnote>, reported: UInt32) -> Happening? {
    let token = knote.token
    if knote.kind == .signal {
      return Happening(token, bits: 0, data: kernel.takeSignals(knote.ident))
    }
    guard let end = kernel.processEntries[knote.ident]?.status() else {
      return Happening(token, bits: NOTE_EXIT)
    }
    return Happening(token, bits: NOTE_EXIT | (end.isKnown ? UInt32(NOTE_EXITSTATUS) : 0), data: end.status)
  }

  public mutating func abandon(_ knote: KnoteRef<FakeKnote>, _ knotes: borrowing Knotes) {
    let key = FakeKey(knote)
    kernel.log(.abandon(key.descriptor, key.filter))
    if !knote.platform.isAttached { kernel.violate("abandon of a knote that is not attached") }
    kernel.abandon(key)
    knote.platform.isAttached = false
    kernel.attached -= 1
  }

  public var watchSets: WatchSets {
    WatchSets(UInt64(UInt(bitPattern: Unmanaged.passUnretained(kernel).toOpaque())))
  }

  public static func forget(_ number: CInt, _ watchSets: WatchSets) -> Bool {
    guard let set = UnsafeRawPointer(bitPattern: UInt(watchSets.first)) else { return true }
    let kernel = Unmanaged<FakeEventSet>.fromOpaque(set).takeUnretainedValue()
    return kernel.forget(number)
  }

  public func origin(of stale: KnoteToken) -> StaleOrigin { kernel.origin(of: stale) }

  public mutating func dismiss(_ number: CInt) -> Bool { kernel.dismiss(number) }

  public mutating func rebuild(
    _ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<FakeReport>, hasWaiters: Bool
  ) -> CInt {
    kernel.rebuild(buffer, hasWaiters)
  }

  public mutating func sample(_ knote: KnoteRef<FakeKnote>, _ knotes: borrowing Knotes, reported: UInt32?) -> Readiness
  {
    if !knote.platform.isAttached { kernel.violate("sample of a knote that is not attached") }
    guard let descriptor = kernel.system.descriptors[knote.descriptor] else { return .gone }
    if reported == nil { kernel.noteInquiry() }
    if descriptor.isUnsettled { return .unsettled }
    // What was filled in and not drained is what the peer has not taken, and nobody tells when it is.
    if knote.kind == .empty { return descriptor.bytes == 0 ? Readiness(data: 0) : .polled }
    let isRead = knote.filter == Filter.read.rawValue
    let amount = isRead ? descriptor.bytes : descriptor.room
    let ends = isRead && descriptor.isAtEnd
    let enough = knote.fflags & UInt32(NOTE_LOWAT) != 0 ? Int(knote.data) : 1
    // What was reported in this pass is taken on trust, as a platform does that saves the question.
    guard amount >= enough || ends || reported != nil && enough == 1 else {
      kernel.rearm(FakeKey(knote))
      return .inactive
    }
    return Readiness(data: amount, flags: ends ? UInt16(EV_EOF) : 0)
  }

  // MARK: Time

  public func now(_ clock: Clock) -> UInt64 {
    kernel.system.now(clock)
  }

  public var seconds: UInt64 {
    (kernel.system.realtime - kernel.system.secondsLag) / 1_000_000_000
  }

  public mutating func prepareTimer(_ clock: Clock) throws(Errno) {
    try kernel.prepareTimer(clock)
  }

  public mutating func arm(_ clock: Clock, _ deadline: UInt64?) -> Bool {
    kernel.arm(clock, deadline)
    return true
  }

  // MARK: Waking and waiting

  public mutating func prepareWake() throws(Errno) {
    try kernel.prepareWake()
  }

  public func wake() -> Bool {
    kernel.wake()
    return true
  }

  public func takeBackWake() {
    kernel.takeBackWake()
  }

  public func wakeAll() {
    kernel.wakeAll()
  }

  public mutating func poll(_ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<FakeReport>) -> CInt {
    kernel.poll(buffer)
  }

  public mutating func enter(_ knotes: borrowing Knotes) -> Waiter {
    Unmanaged.passUnretained(kernel)
  }

  public static func wait(
    _ waiter: Waiter, _ buffer: UnsafeMutableBufferPointer<FakeReport>, nanoseconds: Int64?,
    signals: UnsafeMutablePointer<kq_wait_signals>, cancelled: CancelHandler?, context: UnsafeMutableRawPointer?
  ) -> CInt {
    waiter.takeUnretainedValue().wait(buffer, nanoseconds)
  }

  public static func decode(_ event: FakeReport) -> Report<FakeGathering> {
    switch event.kind {
    case .knote: .knote(event.token, 1)
    case .wake: .wake
    case .monotonic: .timer(.monotonic)
    case .realtime: .timer(.realtime)
    case .changes: .more(.changes)
    case .happenings: .more(.happenings)
    case .processes: .more(.processes)
    }
  }

  public mutating func gather(
    _ source: FakeGathering, _ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>
  ) -> Int {
    kernel.log(.gather)
    switch source {
    case .happenings: return kernel.takeHappenings(buffer)
    case .processes:
      // One at a time: each must be noted before the next can be told apart.
      guard let happening = kernel.nextNews() else { return 0 }
      buffer[0] = happening
      return 1
    case .changes:
      let tokens = kernel.takeChanges(buffer.count)
      for (place, token) in tokens.enumerated() { buffer[place] = Happening(token, bits: 1) }
      return tokens.count
    }
  }
}

extension FakeBackend {
  public func isOpen(_ number: CInt) -> Bool {
    number == kernel.number || kernel.system.descriptors[number] != nil
  }

  public mutating func isOnSameFile(_ knote: KnoteRef<FakeKnote>) -> Bool {
    kernel.entries[FakeKey(knote)] != nil
  }

  public func source(of filter: Filter) -> FakeGathering? {
    filter == .vnode ? .happenings : nil
  }

  public mutating func ended(_ knote: KnoteRef<FakeKnote>) -> Happening? {
    kernel.endOf(knote.ident)
  }

  public mutating func isGone(_ knote: KnoteRef<FakeKnote>) -> Bool {
    kernel.entries[FakeKey(knote)] == nil
  }
}

/// Where the fake platform has what happened.
public enum FakeGathering: BitwiseCopyable {
  case changes
  case happenings
  case processes
}

/// What the fake platform keeps with a knote.
public struct FakeKnote: BitwiseCopyable {
  var isAttached: Bool
}

/// One report, as `poll` and `wait` write it.
public struct FakeReport: BitwiseCopyable {
  enum Kind: UInt8 {
    case knote
    case wake
    case monotonic
    case realtime
    case changes
    case happenings
    case processes
  }

  let kind: Kind
  let token: KnoteToken

  init(_ token: KnoteToken) {
    kind = .knote
    self.token = token
  }

  init(_ source: FakeSource) {
    switch source {
    case .wake, .entry, .process, .signal, .ghost: kind = .wake
    case .processes: kind = .processes
    case .timer(.monotonic): kind = .monotonic
    case .timer(.realtime): kind = .realtime
    case .changes: kind = .changes
    case .happenings: kind = .happenings
    }
    token = KnoteToken(index: 0, generation: 0)
  }
}

extension FakeKey {
  fileprivate init(_ knote: KnoteRef<FakeKnote>) {
    self.init(descriptor: knote.descriptor, filter: knote.filter)
  }
}

extension FakeEntry {
  fileprivate init(_ knote: KnoteRef<FakeKnote>) {
    self.init(
      token: knote.token, isEdge: knote.has(EV_CLEAR),
      isOnce: knote.has(EV_ONESHOT | EV_DISPATCH), isOff: knote.isDisabled)
  }
}
