import CKQueueShims
import Synchronization

/// An action of a signal in memory that threads and handlers share: written under the lock, read by handlers, which never
/// wait.
///
/// Two copies: the one that is not in force is written and then put in force, so a reader always finds one that is whole,
/// and so does the child of a fork in the middle of it. A reader that was overtaken twice reads again.
struct StoredAction: ~Copyable {
  /// Which copy is in force, whether its handler was used up, and a count.
  private let version: Atomic<UInt32>
  /// 0 where nobody calls the handler of ours that stands in front of the action. Else whether it is kept, or was left
  /// and at what count. It is written under the lock of signals, but by a handler that was left, at each call, and by a
  /// sigaction() that replaced ours: the mark of a call that is lost between them is set again by the next one.
  private let use: Atomic<UInt32>
  private let first, second: ActionCopy

  private static var kept: UInt32 { 1 }
  private static var left: UInt32 { 2 }

  private static var copyBit: UInt32 { 1 }
  private static var usedUp: UInt32 { 2 }
  private static var one: UInt32 { 4 }

  func store(_ action: kq_action) {
    let before = version.load(ordering: .sequentiallyConsistent)
    let copy = before & Self.copyBit ^ Self.copyBit
    if copy == 0 { first.store(action) } else { second.store(action) }
    version.store((before & ~(Self.one - 1)) &+ Self.one | copy, ordering: .sequentiallyConsistent)
  }

  /// Async-signal-safe.
  @inline(never)
  func load() -> kq_action {
    var action = kq_action()
    while !read(version.load(ordering: .sequentiallyConsistent), &action) {}
    return action
  }

  /// As a delivery does: SA_RESETHAND leaves the default behind where a function is run. Async-signal-safe.
  func take() -> kq_action {
    var action = kq_action()
    while true {
      let now = version.load(ordering: .sequentiallyConsistent)
      guard read(now, &action) else { continue }
      if !action.has(KQ_SA_RESETHAND) || !action.isHandler { return action }
      let swap = version.compareExchange(
        expected: now, desired: now | Self.usedUp, ordering: .sequentiallyConsistent)
      if swap.exchanged { return action }
    }
  }

  // MARK: The handler of ours in front of it

  /// The program may remember the handler from now on, and call it from one of its own.
  func keep() { use.store(Self.kept, ordering: .sequentiallyConsistent) }

  /// Nobody has the handler any more.
  func free() { use.store(0, ordering: .sequentiallyConsistent) }

  /// Another handler takes the place of this one, at a count of the signal.
  func leave(at count: UInt32) {
    if isInUse { use.store(count << 2 | Self.left, ordering: .sequentiallyConsistent) }
  }

  /// A handler that was left was called. Async-signal-safe.
  func noteCall() { use.bitwiseOr(Self.kept, ordering: .sequentiallyConsistent) }

  var isInUse: Bool { use.load(ordering: .sequentiallyConsistent) != 0 }

  /// Whether the handler may stand in front of another action: it is free, or a signal came since it was left, and
  /// nobody called it then.
  func isAvailable(at count: UInt32) -> Bool {
    let now = use.load(ordering: .sequentiallyConsistent)
    return now == 0 || (now & Self.kept == 0 && now != count << 2 | Self.left)
  }

  /// Reads the copy of a version.
  /// - Returns: whether it stayed the one in force.
  private func read(_ now: UInt32, _ action: inout kq_action) -> Bool {
    if now & Self.copyBit == 0 { first.load(&action) } else { second.load(&action) }
    if now & Self.usedUp != 0 { action.handler = kq_default_action() }
    return version.load(ordering: .sequentiallyConsistent) == now
  }
}

private struct ActionCopy: ~Copyable {
  let handler: Atomic<UInt>
  let flags: Atomic<CInt>
  let low, high: Atomic<UInt64>

  func store(_ action: kq_action) {
    handler.store(action.handler, ordering: .releasing)
    flags.store(action.flags, ordering: .releasing)
    low.store(action.mask.low, ordering: .releasing)
    high.store(action.mask.high, ordering: .releasing)
  }

  func load(_ action: inout kq_action) {
    action.handler = handler.load(ordering: .acquiring)
    action.flags = flags.load(ordering: .acquiring)
    action.mask.low = low.load(ordering: .acquiring)
    action.mask.high = high.load(ordering: .acquiring)
  }
}

extension kq_action {
  /// Whether the program has a function run. Async-signal-safe.
  @inline(__always)
  var isHandler: Bool { handler != kq_default_action() && handler != kq_ignoring_action() }

  /// Runs the program's function, as the system would. Async-signal-safe.
  @inline(never)
  func run(_ number: CInt, _ info: UnsafeMutablePointer<siginfo_t>, _ context: UnsafeMutableRawPointer?) {
    typealias Plain = @convention(c) (CInt) -> Void
    typealias Informed = @convention(c) (CInt, UnsafeMutablePointer<siginfo_t>, UnsafeMutableRawPointer?) -> Void
    if has(KQ_SA_SIGINFO) {
      unsafeBitCast(handler, to: Informed.self)(number, info, context)
    } else {
      unsafeBitCast(handler, to: Plain.self)(number)
    }
  }

  @inline(__always)
  func has(_ flag: Int) -> Bool { flags & CInt(flag) != 0 }
}
