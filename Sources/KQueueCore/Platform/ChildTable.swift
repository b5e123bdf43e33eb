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
  struct Place: ~Copyable {
    /// 0 is free.
    let process: Atomic<CInt>
    let state: Atomic<CUnsignedInt>
    let status: Atomic<CInt>
  }

  /// What threads and handlers share, as C has it.
  struct Counts: ~Copyable {
    /// Children that run, as far as is known.
    let running: Atomic<CInt>
    /// How often SIGCHLD has told of one, and how many ends were ever found; both wrap.
    let told: Atomic<CUnsignedInt>
    let ends: Atomic<CUnsignedInt>
  }

  @inline(__always)
  private static var counts: UnsafeMutablePointer<Counts> {
    kq_child_counts().assumingMemoryBound(to: Counts.self)
  }

  /// What is kept under the lock of signals.
  private static var shared: UnsafeMutablePointer<kq_children> {
    kq_children_kept()
  }

  @inline(__always)
  static var running: CInt { counts.pointee.running.load(ordering: .sequentiallyConsistent) }

  private static func countRunning(_ change: CInt) {
    counts.pointee.running.add(change, ordering: .sequentiallyConsistent)
  }

  /// - Returns: how often one was told of before. Async-signal-safe.
  @inline(__always)
  static func countTold() -> CUnsignedInt {
    counts.pointee.told.wrappingAdd(1, ordering: .sequentiallyConsistent).oldValue
  }

  private static func countEnd() {
    counts.pointee.ends.wrappingAdd(1, ordering: .sequentiallyConsistent)
  }

  /// How many ends were ever found; it wraps.
  static var ends: CUnsignedInt { counts.pointee.ends.load(ordering: .sequentiallyConsistent) }

  // MARK: Places

  private static var pagePlaces: CInt { CInt(KQ_CHILD_PAGE_PLACES) }

  private static func page(_ number: CInt) -> UnsafeMutablePointer<Atomic<UInt>> {
    kq_child_pages().assumingMemoryBound(to: Atomic<UInt>.self) + Int(number)
  }

  /// A place that was made. The first page takes no memory that might be lacking, and that would be kept for good.
  private static func place(_ number: CInt) -> UnsafeMutablePointer<Place> {
    let (number, inPage) = number.quotientAndRemainder(dividingBy: pagePlaces)
    var memory: UnsafeMutableRawPointer = kq_child_first_page()
    if number > 0 {
      let address = page(number).pointee.load(ordering: .sequentiallyConsistent)
      memory = UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped
    }
    return memory.assumingMemoryBound(to: Place.self) + Int(inPage)
  }

  /// - Returns: whether there is memory for a place.
  private static func makePlace(_ number: CInt) -> Bool {
    let page = number / pagePlaces
    guard page < CInt(KQ_CHILD_PAGES) else { return false }
    if page == 0 || Self.page(page).pointee.load(ordering: .sequentiallyConsistent) != 0 { return true }
    guard let fresh = kq_map_inherited(Int(pagePlaces) * MemoryLayout<Place>.stride) else { return false }
    Self.page(page).pointee.store(UInt(bitPattern: fresh), ordering: .sequentiallyConsistent)
    return true
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
    var free: CInt = -1
    for number in 0..<shared.pointee.in_use {
      let process = process(number)
      if process == child { shared.pointee.is_any_shared = true }
      if process == 0 && free < 0 { free = number }
    }
    if free >= 0 { return free }
    guard makePlace(shared.pointee.in_use) else { return -ENOMEM }
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
    let state = ask(process, &status)
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
    while shared.pointee.in_use > 0 && process(shared.pointee.in_use - 1) == 0 { shared.pointee.in_use -= 1 }
    if shared.pointee.in_use == 0 { shared.pointee.is_any_shared = false }
  }

  /// In a forked child: there are none. Async-signal-safe.
  static func forgetAll() {
    var number: CInt = 0
    while number < shared.pointee.in_use {
      place(number).pointee.process.store(0, ordering: .sequentiallyConsistent)
      number += 1
    }
    shared.pointee.in_use = 0
    shared.pointee.is_any_shared = false
    shared.pointee.next_look = 0
    counts.pointee.running.store(0, ordering: .sequentiallyConsistent)
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
    let now = counts.pointee.told.load(ordering: .sequentiallyConsistent)
    if now &- shared.pointee.heard > room { shared.pointee.heard = now &- room }
    while shared.pointee.heard != now {
      let word = takeWord(shared.pointee.heard)
      if word != 0 && running > 0 {
        let told = CInt(truncatingIfNeeded: word & 0xffff)
        look(at: CInt(truncatingIfNeeded: word >> 32), from: 0, told: told, wasGone: word & gone != 0)
      }
      shared.pointee.heard &+= 1
    }
  }

  private static func lookAtAll(_ mayPutOff: Bool) -> UInt64 {
    let share: UInt64 = 10  // a tenth of the time
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

  /// Asks for a process. One that is no child any more had the status that was told, where it is not below 0. Where one
  /// runs, another of the number ended: the former where it was gone by then, or one before that, of which a signal was late.
  /// - Parameter first: where its place may be, if it has one alone.
  private static func look(at process: CInt, from first: CInt, told: CInt, wasGone: Bool = false) {
    var status = told
    var state = ask(process, &status)
    if state == KQ_CHILD_UNKNOWN && status >= 0 || state == KQ_CHILD_RUNS && wasGone { state = KQ_CHILD_ENDED }
    guard state != KQ_CHILD_RUNS else { return }
    let start = shared.pointee.is_any_shared ? 0 : first
    for number in start..<shared.pointee.in_use where Self.process(number) == process && isRunning(number) {
      set(number, state, status)
      countRunning(-1)
      countEnd()
      if !shared.pointee.is_any_shared { return }
    }
  }
}
