import CKQueue
import CKQueueShims
import KQueueCore
import Synchronization

/// A platform with no descriptor, no sleep, and a time that the test sets.
public struct FakeBackend: PlatformBackend, ~Copyable {
  public typealias KnoteState = FakeKnote
  public typealias RawEvent = FakeReport
  public typealias Waiter = Unmanaged<FakeEventSet>

  public static var filters: FilterSet {
    [FilterSet(.read), FilterSet(.write), FilterSet(.vnode), FilterSet(.proc), FilterSet(.signal), FilterSet(.empty)]
  }
  public static var processSource: UInt32? { 9 }

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

  public mutating func attach(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) -> Backing {
    let key = FakeKey(knotes[index])
    kernel.log(.attach(key.descriptor, key.filter))
    if knotes[index].pointee.platform.isAttached { kernel.violate("attach of an attached knote") }
    try kernel.system.check(.attach)
    if knotes[index].pointee.kind == .proc { return try attachProcess(index, knotes) }
    if knotes[index].pointee.kind == .signal { return try attachSignal(index, knotes) }
    guard let descriptor = kernel.system.descriptors[key.descriptor] else { throw Errno(EBADF) }
    knotes[index].pointee.platform.isAttached = true
    kernel.attached += 1
    kernel.put(key, FakeEntry(index, knotes[index]))
    return knotes[index].pointee.kind == .empty ? .recorded : descriptor.backing
  }

  public mutating func update(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) {
    let key = FakeKey(knotes[index])
    kernel.log(.update(key.descriptor, key.filter))
    if !knotes[index].pointee.platform.isAttached { kernel.violate("update of a knote that is not attached") }
    try kernel.system.check(.update)
    if knotes[index].pointee.kind == .proc { return }
    if knotes[index].pointee.kind == .signal { return kernel.enableSignal(knotes[index].pointee) }
    try kernel.requireWatched(key)
    kernel.put(key, FakeEntry(index, knotes[index]))
  }

  public mutating func detach(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) {
    let key = FakeKey(knotes[index])
    kernel.log(.detach(key.descriptor, key.filter))
    if !knotes[index].pointee.platform.isAttached { kernel.violate("detach of a knote that is not attached") }
    knotes[index].pointee.platform.isAttached = false
    kernel.attached -= 1
    if knotes[index].pointee.kind == .proc { return kernel.detachProcess(knotes[index].pointee.ident) }
    if knotes[index].pointee.kind == .signal { return kernel.removeSignal(knotes[index].pointee.ident) }
    defer { kernel.remove(key) }
    try kernel.requireWatched(key)
  }

  private mutating func attachProcess(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) -> Backing {
    let knote = knotes[index]
    let backing = try kernel.attachProcess(
      KnoteToken(index: index, generation: knote.pointee.generation), knote.pointee.ident,
      isBorn: knote.pointee.status.contains(.born))
    knote.pointee.platform.isAttached = true
    kernel.attached += 1
    return backing
  }

  private mutating func attachSignal(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) -> Backing {
    let knote = knotes[index]
    guard 1...64 ~= knote.pointee.ident else { throw Errno(EINVAL) }
    knote.pointee.platform.isAttached = true
    kernel.attached += 1
    kernel.addSignal(KnoteToken(index: index, generation: knote.pointee.generation), knote.pointee)
    return .recorded
  }

  public mutating func occurrence(_ index: UInt32, _ knotes: borrowing Knotes, reported: UInt32) -> Happening? {
    let token = KnoteToken(index: index, generation: knotes[index].pointee.generation)
    if knotes[index].pointee.kind == .signal {
      return Happening(token, bits: 0, data: kernel.takeSignals(knotes[index].pointee.ident))
    }
    guard let end = kernel.processEntries[knotes[index].pointee.ident]?.status() else {
      return Happening(token, bits: NOTE_EXIT)
    }
    return Happening(token, bits: NOTE_EXIT | (end.isKnown ? UInt32(NOTE_EXITSTATUS) : 0), data: end.status)
  }

  public mutating func abandon(_ index: UInt32, _ knotes: borrowing Knotes) {
    let key = FakeKey(knotes[index])
    kernel.log(.abandon(key.descriptor, key.filter))
    if !knotes[index].pointee.platform.isAttached { kernel.violate("abandon of a knote that is not attached") }
    kernel.abandon(key)
    knotes[index].pointee.platform.isAttached = false
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

  public mutating func sample(_ index: UInt32, _ knotes: borrowing Knotes, reported: UInt32?) -> Readiness {
    let knote = knotes[index]
    if !knote.pointee.platform.isAttached { kernel.violate("sample of a knote that is not attached") }
    guard let descriptor = kernel.system.descriptors[knote.pointee.descriptor] else { return .gone }
    if reported == nil { kernel.noteInquiry() }
    if descriptor.isUnsettled { return .unsettled }
    // What was filled in and not drained is what the peer has not taken, and nobody tells when it is.
    if knote.pointee.kind == .empty { return descriptor.bytes == 0 ? Readiness(data: 0) : .polled }
    let isRead = knote.pointee.filter == Filter.read.rawValue
    let amount = isRead ? descriptor.bytes : descriptor.room
    let ends = isRead && descriptor.isAtEnd
    let enough = knote.pointee.fflags & UInt32(NOTE_LOWAT) != 0 ? Int(knote.pointee.data) : 1
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

  public static func decode(_ event: FakeReport) -> Report {
    switch event.kind {
    case .knote: .knote(event.token, 1)
    case .wake: .wake
    case .monotonic: .timer(.monotonic)
    case .realtime: .timer(.realtime)
    case .changes: .more(7)
    case .happenings: .more(8)
    case .processes: .more(9)
    }
  }

  public mutating func gather(
    _ source: UInt32, _ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>
  ) -> Int {
    kernel.log(.gather)
    if source == 8 { return kernel.takeHappenings(buffer) }
    if source == 9 {
      // One at a time: each must be noted before the next can be told apart.
      guard let happening = kernel.nextNews() else { return 0 }
      buffer[0] = happening
      return 1
    }
    if source != 7 { kernel.violate("gather of what was not reported") }
    let tokens = kernel.takeChanges(buffer.count)
    for (place, token) in tokens.enumerated() { buffer[place] = Happening(token, bits: 1) }
    return tokens.count
  }
}

extension FakeBackend {
  public func isOpen(_ number: CInt) -> Bool {
    number == kernel.number || kernel.system.descriptors[number] != nil
  }

  public mutating func isOnSameFile(_ index: UInt32, _ knotes: borrowing Knotes) -> Bool {
    kernel.entries[FakeKey(knotes[index])] != nil
  }

  public func source(of filter: Filter) -> UInt32? {
    filter == .vnode ? 8 : nil
  }

  public mutating func ended(_ index: UInt32, _ knotes: borrowing Knotes) -> Happening? {
    kernel.endOf(knotes[index].pointee.ident)
  }

  public mutating func isGone(_ index: UInt32, _ knotes: borrowing Knotes) -> Bool {
    kernel.entries[FakeKey(knotes[index])] == nil
  }
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
  fileprivate init(_ knote: UnsafeMutablePointer<Knote<FakeKnote>>) {
    self.init(descriptor: knote.pointee.descriptor, filter: knote.pointee.filter)
  }
}

extension FakeEntry {
  fileprivate init(_ index: UInt32, _ knote: UnsafeMutablePointer<Knote<FakeKnote>>) {
    self.init(
      token: KnoteToken(index: index, generation: knote.pointee.generation), isEdge: knote.pointee.has(EV_CLEAR),
      isOnce: knote.pointee.has(EV_ONESHOT | EV_DISPATCH), isOff: knote.pointee.isDisabled)
  }
}
