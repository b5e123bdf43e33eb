import CKQueueShims
import KQueueCore

/// Threads of which one goes on at a time, in every order in which they can come at the core's steps.
///
/// A thread that comes to a step hands the turn on, or keeps it: each such choice is tried. What is tried first is that
/// it keeps it; how often it is made to hand it on though it could go on is bounded.
public final class Orders {
  /// What threads do that start at one time, and what must hold when all are done.
  public struct Scenario {
    var threads: [() throws -> Void]
    var check: () throws -> Void

    public init(_ threads: [() throws -> Void], check: @escaping () throws -> Void) {
      self.threads = threads
      self.check = check
    }
  }

  /// An order in which something does not hold, or that is not the same twice.
  public struct Failure: Error, CustomStringConvertible {
    public let description: String
  }

  private struct Choice {
    var taken: Int
    let count: Int
  }

  private var threads: [TurnTaker] = []
  private let interruptions: Int
  private let ended = Gate()
  private var path: [Choice] = []
  private var place = 0
  private var left = 0
  private(set) var moves = 0
  private var trace: [(thread: Int, step: String)] = []
  private var failure: (any Error)?

  /// - Parameter interruptions: how often a thread that could go on is made to wait, in one order.
  public init(interruptions: Int) {
    self.interruptions = interruptions
  }

  deinit {
    for thread in threads { thread.quit() }
  }

  /// Runs a scenario in every order.
  /// - Returns: how many there were.
  public func explore(limit: Int = 1_000_000, _ make: () throws -> Scenario) throws -> Int {
    path = []
    var count = 0
    repeat {
      try runOnce(make())
      count += 1
    } while count < limit && advance()
    return count
  }

  /// The next order: the last choice that has another possibility takes it.
  private func advance() -> Bool {
    while let last = path.last {
      if last.taken + 1 < last.count {
        path[path.count - 1].taken += 1
        return true
      }
      path.removeLast()
    }
    return false
  }

  private func runOnce(_ scenario: Scenario) throws {
    while threads.count < scenario.threads.count { threads.append(TurnTaker(threads.count)) }
    (place, left, moves, trace, failure) = (0, interruptions, 0, [], nil)
    for (number, body) in scenario.threads.enumerated() { threads[number].start(body, self) }
    if let first = next(after: nil) {
      first.gate.open()
      ended.pass()
    }
    do {
      if let failure { throw failure }
      if place != path.count { throw Failure(description: "not the same twice") }
      try scenario.check()
    } catch {
      throw Failure(description: "\(error)\n" + trace.map { "  \($0.thread): \($0.step)" }.joined(separator: "\n"))
    }
  }

  // MARK: Turns

  fileprivate func note(_ thread: TurnTaker, _ step: String) {
    moves += 1
    trace.append((thread.number, step))
  }

  fileprivate func end(_ thread: TurnTaker, _ error: (any Error)?) {
    failure = failure ?? error
    if let next = next(after: thread) { next.gate.open() } else { ended.open() }
  }

  /// Who goes on.
  fileprivate func next(after current: TurnTaker?) -> TurnTaker? {
    let able = able()
    guard !able.isEmpty else { return nil }
    guard let current, able.contains(where: { $0 === current }) else { return able[choose(able.count)] }
    guard left > 0, able.count > 1 else { return current }
    let taken = choose(able.count)
    if taken == 0 { return current }
    left -= 1
    return able.filter { $0 !== current }[taken - 1]
  }

  private func able() -> [TurnTaker] {
    let able = threads.filter { $0.canGoOn }
    if !able.isEmpty { return able }
    // Nothing happens any more but that time passes.
    for thread in threads where thread.letTimePass() { return [thread] }
    return []
  }

  private func choose(_ count: Int) -> Int {
    guard count > 1 else { return 0 }
    defer { place += 1 }
    if place < path.count { return min(path[place].taken, count - 1) }
    path.append(Choice(taken: 0, count: count))
    return 0
  }
}

/// A thread that goes on when it has the turn.
final class TurnTaker {
  private enum State {
    case done
    case ready
    /// Wants a lock.
    case locking(UnsafeMutablePointer<kq_lock>)
    /// Goes on once another thread has done something.
    case idle(since: Int)
    /// Sleeps until something is there; or until time has passed, where that is of help.
    case sleeping(() -> Bool)
  }

  let number: Int
  let gate = Gate()
  private var state = State.done
  private var body: (() throws -> Void)?
  private unowned var orders: Orders!
  private var thread = pthread_t()
  private var isQuitting = false
  private var hasTimePassed = false

  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    pthread_key_create(&key, nil)
    return key
  }()

  /// The calling thread, where it is one.
  static var current: TurnTaker? {
    pthread_getspecific(key).map { Unmanaged<TurnTaker>.fromOpaque($0).takeUnretainedValue() }
  }

  init(_ number: Int) {
    self.number = number
    let context = Unmanaged.passUnretained(self).toOpaque()
    pthread_create(&thread, nil, { Unmanaged<TurnTaker>.fromOpaque($0!).takeUnretainedValue().run() }, context)
  }

  func quit() {
    isQuitting = true
    gate.open()
    pthread_join(thread, nil)
  }

  func start(_ body: @escaping () throws -> Void, _ orders: Orders) {
    (self.body, self.orders, state) = (body, orders, .ready)
  }

  private func run() -> UnsafeMutableRawPointer? {
    pthread_setspecific(Self.key, Unmanaged.passUnretained(self).toOpaque())
    while true {
      gate.pass()
      if isQuitting { return nil }
      let result = Result { try body?() }
      state = .done
      if case .failure(let error) = result { orders.end(self, error) } else { orders.end(self, nil) }
    }
  }

  var canGoOn: Bool {
    switch state {
    case .done: false
    case .ready: true
    case .locking(let lock): lock.pointee.owner == 0 || lock.pointee.owner == UInt(thread)
    case .idle(let since): orders.moves != since
    case .sleeping(let isOver): isOver()
    }
  }

  /// Ends a sleep for want of anything else that could happen.
  func letTimePass() -> Bool {
    guard case .sleeping = state else { return false }
    hasTimePassed = true
    return true
  }

  // MARK: Called by the thread itself

  func step(_ name: String) {
    orders.note(self, name)
    yield(.ready)
  }

  func idle() {
    yield(.idle(since: orders.moves))
  }

  func lock(_ lock: UnsafeMutablePointer<kq_lock>) {
    orders.note(self, "lock")
    yield(.locking(lock))
  }

  /// - Returns: whether it is there, and not only time that passed.
  func sleep(until isOver: @escaping () -> Bool) -> Bool {
    orders.note(self, "sleep")
    hasTimePassed = false
    yield(.sleeping(isOver))
    return !hasTimePassed
  }

  private func yield(_ state: State) {
    self.state = state
    let next = orders.next(after: self)
    if let next, next !== self {
      next.gate.open()
      gate.pass()
    }
    self.state = .ready
  }
}

/// Lets one thread through each time it is opened.
final class Gate {
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let change = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var isOpen = false

  init() {
    pthread_mutex_init(lock, nil)
    pthread_cond_init(change, nil)
  }

  deinit {
    pthread_cond_destroy(change)
    pthread_mutex_destroy(lock)
    change.deallocate()
    lock.deallocate()
  }

  func open() {
    pthread_mutex_lock(lock)
    isOpen = true
    pthread_cond_signal(change)
    pthread_mutex_unlock(lock)
  }

  func pass() {
    pthread_mutex_lock(lock)
    while !isOpen { pthread_cond_wait(change, lock) }
    isOpen = false
    pthread_mutex_unlock(lock)
  }
}
