import CKQueueShims
import Synchronization

/// What all kqueues know of children, so that an end which one has seen is one for the others too when the number names
/// another process.
///
/// SIGCHLD says of one child what became of it, but many ends make one SIGCHLD, so all are asked for behind it; where they
/// are many, not so often that it takes all the time. The memory is C's: a handler writes to it, and a forked child
/// forgets what it says. Everything but the looks of `state` and `ends` happens under the lock of signals.
public enum ChildTable {
  /// A place for a child, as C has it.
  private struct Place: ~Copyable {
    /// 0 is free.
    let process: Atomic<CInt>
    let state: Atomic<CUnsignedInt>
    let status: Atomic<CInt>
  }

  /// What threads and handlers share, as C has it.
  private struct Counts: ~Copyable {
    /// Children that run, as far as is known.
    let running: Atomic<CInt>
    /// How often SIGCHLD has told of one, and how many ends were ever found; both wrap.
    let told: Atomic<CUnsignedInt>
    let ends: Atomic<CUnsignedInt>
  }

  private static var counts: UnsafePointer<Counts> {
    UnsafeRawPointer(kq_children()).unsafelyUnwrapped.assumingMemoryBound(to: Counts.self)
  }

  private static var running: CInt { counts.pointee.running.load(ordering: .sequentiallyConsistent) }

  private static func countRunning(_ change: CInt) {
    counts.pointee.running.add(change, ordering: .sequentiallyConsistent)
  }

  private static func countEnd() {
    counts.pointee.ends.wrappingAdd(1, ordering: .sequentiallyConsistent)
  }

  /// How many ends were ever found; it wraps.
  static var ends: CUnsignedInt { counts.pointee.ends.load(ordering: .sequentiallyConsistent) }

  // MARK: Places

  private static func place(_ number: CInt) -> UnsafePointer<Place> {
    UnsafeRawPointer(kq_child_place(number)).unsafelyUnwrapped.assumingMemoryBound(to: Place.self)
  }

  private static func process(_ number: CInt) -> CInt {
    place(number).pointee.process.load(ordering: .sequentiallyConsistent)
  }

  private static func isRunning(_ number: CInt) -> Bool {
    place(number).pointee.state.load(ordering: .sequentiallyConsistent) == KQ_CHILD_RUNS.rawValue
  }

  /// What is known, without a system call; the status is as wait(2) gives it.
  static func state(_ number: CInt) -> (kq_child, status: CInt) {
    let place = place(number)
    let state = kq_child(place.pointee.state.load(ordering: .sequentiallyConsistent))
    return (state, place.pointee.status.load(ordering: .sequentiallyConsistent))
  }

  private static func set(_ number: CInt, _ state: kq_child, _ status: CInt) {
    place(number).pointee.status.store(status, ordering: .sequentiallyConsistent)
    place(number).pointee.state.store(state.rawValue, ordering: .sequentiallyConsistent)
  }

  /// Takes a free place for a child, and notes whether it has another.
  /// - Returns: a number, or -ENOMEM.
  private static func takeFree(for child: CInt) -> CInt {
    let shared = kq_children().unsafelyUnwrapped
    var free: CInt = -1
    for number in 0..<shared.pointee.in_use {
      let process = process(number)
      if process == child { shared.pointee.is_any_shared = true }
      if process == 0 && free < 0 { free = number }
    }
    if free >= 0 { return free }
    guard kq_child_place(shared.pointee.in_use) != nil else { return -ENOMEM }
    shared.pointee.in_use += 1
    return shared.pointee.in_use - 1
  }

  /// Takes a place for a child.
  /// - Returns: its number, and what the child is now; -ECHILD where it is none, -ENOMEM.
  static func watch(_ process: CInt) -> (CInt, kq_child) {
    let lock = SignalLock()
    defer { lock.end() }
    lookAtThoseTold()  // of a former process of this number, perhaps
    // It counts as one that runs before it is asked for, so that what SIGCHLD says from then on is heard.
    countRunning(1)
    var status: CInt = -1
    let state = kq_child_ask(process, &status)
    let number = state == KQ_CHILD_UNKNOWN ? -ECHILD : takeFree(for: process)
    if number < 0 || state != KQ_CHILD_RUNS { countRunning(-1) }
    if number < 0 { return (number, state) }
    set(number, state, status)
    place(number).pointee.process.store(process, ordering: .sequentiallyConsistent)
    if state != KQ_CHILD_RUNS { countEnd() }
    return (number, state)
  }

  static func unwatch(_ number: CInt) {
    let lock = SignalLock()
    defer { lock.end() }
    if isRunning(number) { countRunning(-1) }
    place(number).pointee.process.store(0, ordering: .sequentiallyConsistent)
    let shared = kq_children().unsafelyUnwrapped
    while shared.pointee.in_use > 0 && process(shared.pointee.in_use - 1) == 0 { shared.pointee.in_use -= 1 }
    if shared.pointee.in_use == 0 { shared.pointee.is_any_shared = false }
  }

  // MARK: Looks

  /// Asks for those that may have ended, without reaping.
  /// - Parameter mayPutOff: whether the rest may be put off, where they are many.
  /// - Returns: 0, or the time of CLOCK_MONOTONIC to ask for the rest.
  @discardableResult
  public static func look(mayPutOff: Bool) -> UInt64 {
    let lock = SignalLock()
    defer { lock.end() }
    lookAtThoseTold()
    return running > 0 ? lookAtAll(mayPutOff) : 0
  }

  private static func lookAtThoseTold() {
    let room = CUnsignedInt(KQ_CHILD_WORDS)
    let shared = kq_children().unsafelyUnwrapped
    let now = counts.pointee.told.load(ordering: .sequentiallyConsistent)
    if now &- shared.pointee.heard > room { shared.pointee.heard = now &- room }
    while shared.pointee.heard != now {
      let word = kq_child_take_word(shared.pointee.heard)
      if word != 0 && running > 0 {
        look(at: CInt(truncatingIfNeeded: word >> 32), from: 0, told: CInt(truncatingIfNeeded: word & 0xffff))
      }
      shared.pointee.heard &+= 1
    }
  }

  private static func lookAtAll(_ mayPutOff: Bool) -> UInt64 {
    let share: UInt64 = 10  // a tenth of the time
    let shared = kq_children().unsafelyUnwrapped
    let start = kq_clock(CLOCK_MONOTONIC)
    if mayPutOff && start < shared.pointee.next_look { return shared.pointee.next_look }
    var number: CInt = 0
    while number < shared.pointee.in_use && running > 0 {
      let process = process(number)
      if process != 0 && isRunning(number) { look(at: process, from: number, told: -1) }
      number += 1
    }
    let finish = kq_clock(CLOCK_MONOTONIC)
    shared.pointee.next_look = finish &+ (finish &- start) &* (share - 1)
    return 0
  }

  /// Asks for a process. One that is no child any more had the status that was told, where it is not below 0; one that
  /// runs is another of the number.
  /// - Parameter first: where its place may be, if it has one alone.
  private static func look(at process: CInt, from first: CInt, told: CInt) {
    var status = told
    var state = kq_child_ask(process, &status)
    if state == KQ_CHILD_UNKNOWN && status >= 0 { state = KQ_CHILD_ENDED }
    guard state != KQ_CHILD_RUNS else { return }
    let shared = kq_children().unsafelyUnwrapped
    let start = shared.pointee.is_any_shared ? 0 : first
    for number in start..<shared.pointee.in_use where Self.process(number) == process && isRunning(number) {
      set(number, state, status)
      countRunning(-1)
      countEnd()
      if !shared.pointee.is_any_shared { return }
    }
  }
}
