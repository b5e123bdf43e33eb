import CKQueueShims
import Synchronization

/// All kqueues of the process, found by descriptor number.
///
/// It lies in memory that a forked child finds empty, so a child knows of no kqueue of its parent's.
public struct KQueueRegistry<Backend: PlatformBackend & ~Copyable>: BitwiseCopyable {
  typealias Slot = KQueueSlot<Backend>

  struct State: ~Copyable {
    /// Slots without a kqueue, and links of chains; taken under the lock.
    let freeSlots: FreeStack<Slot>
    let freeWatchers: FreeStack<Watcher<Backend>>
    var lock: kq_lock
    /// Held while a kqueue is put inside another.
    var nesting: kq_lock
    let descriptors: DescriptorTable
    /// All slots there are, in blocks; each block's first slot leads to the next block.
    let blocks: Atomic<UInt>
    /// How many threads are making a kqueue, whose number they do not know yet.
    let making: Atomic<UInt32>
    /// The process that all this belongs to.
    var process: CInt
  }

  let state: UnsafeMutablePointer<State>

  /// - Throws: ENOMEM.
  public init() throws(Errno) {
    state = try Arena.mapApart(State.self)
    adopt()
  }

  /// Makes an empty registry this process's: a new one, or one that a fork emptied.
  public func adopt() {
    kq_own_start()
    kq_process_mark()
    state.pointee.process = kq_process()
  }

  /// Whether the registry is this process's, and not empty memory or a parent's.
  public var isOwn: Bool {
    kq_is_process(state.pointee.process)
  }

  /// Whether a fork emptied it: the one proof that the system does so. Emulators are known that say so alone.
  public var isEmpty: Bool {
    state.pointee.process == 0
  }

  /// Gives back a registry that never was used.
  public func discard() {
    Arena.unmapApart(state)
  }

  /// The address, for a place that holds it atomically.
  public var address: UInt {
    UInt(bitPattern: state)
  }

  @inline(__always)
  public init?(address: UInt) {
    guard let state = UnsafeMutablePointer<State>(bitPattern: address) else { return nil }
    self.state = state
  }

  /// The kqueue that a number names, or nil where it names none of this process's.
  @inline(__always)
  public func find(_ number: CInt) -> KQueueHandle<Backend>? {
    guard number >= 0, let record = state.pointee.descriptors.find(number) else { return nil }
    return kqueue(of: record.pointee.kqueue.load(ordering: .acquiring))
  }

  /// The kqueue of a record's word.
  @inline(__always)
  private func kqueue(of word: UInt) -> KQueueHandle<Backend>? {
    guard word != DescriptorRecord.closing,
      let slot = UnsafeMutablePointer<Slot>(bitPattern: word & ~DescriptorRecord.moving)
    else { return nil }
    return KQueueHandle(slot: slot, registry: self)
  }

  /// Makes a kqueue.
  /// - Parameters:
  ///   - copies: whether a forked child gets a copy (KQUEUE_CPONFORK).
  ///   - number: the descriptor number that it must have, which is taken from whatever has it; nil: any.
  /// - Returns: its descriptor.
  /// - Throws: EMFILE, ENFILE, ENOMEM.
  public func create(copies: Bool = false, as number: CInt? = nil) throws(Errno) -> CInt {
    reap()
    let shield = Shield()
    defer { shield.end() }
    state.pointee.making.add(1, ordering: .acquiringAndReleasing)
    defer { state.pointee.making.subtract(1, ordering: .acquiringAndReleasing) }
    let handle = KQueueHandle(slot: try takeSlot(), registry: self)
    handle.lock()
    defer { handle.unlock() }
    do throws(Errno) {
      return try open(handle, copies, number)
    } catch {
      giveBack(handle.slot)
      throw error
    }
  }

  private func open(_ handle: KQueueHandle<Backend>, _ copies: Bool, _ wanted: CInt?) throws(Errno) -> CInt {
    var queue = try KQueue<Backend>()
    let record: UnsafeMutablePointer<DescriptorRecord>
    let number: CInt
    do throws(Errno) {
      if let wanted { try queue.backend.renumber(wanted) }
      number = queue.backend.descriptor
      record = try state.pointee.descriptors.make(number)
    } catch {
      queue.close()
      kq_close_descriptor(queue.backend.descriptor)
      throw error
    }
    queue.tracking = handle
    queue.seenClosed = handle.slot.pointee.closedNumbers.count.load(ordering: .acquiring)
    handle.slot.pointee.watchedKqueues.store(0, ordering: .relaxed)
    handle.slot.pointee.watchSets = queue.backend.watchSets
    handle.queue.initialize(to: queue)
    handle.slot.pointee.isInitialised = true
    handle.slot.pointee.number = number + 1
    handle.slot.pointee.isInUse.store(true, ordering: .releasing)
    handle.slot.pointee.copies.store(copies, ordering: .relaxed)
    // A number that still names a kqueue was closed unseen.
    Backend.reach(.named)
    let stale = record.pointee.kqueue.exchange(UInt(bitPattern: handle.slot), ordering: .acquiringAndReleasing)
    kqueue(of: stale)?.close()
    // A thread that found the former kqueue closed unseen may have disowned the number since it was made.
    _ = kq_own(number)
    // So was one that is still watched: what watches it does not watch this kqueue.
    takeWatchers(record) { slot in
      slot.pointee.mayReportStale.store(true, ordering: .releasing)
      tell(slot, .closed(number))
    }
    return number
  }

  /// Lets go of a number that is about to be closed: its knotes in every kqueue, and the kqueue that it is or is
  /// inside of. Async-signal-safe.
  /// - Returns: whether anything referred to it; then `endClose` is to be called once it is closed.
  @inline(never)
  @discardableResult
  public func letGo(_ number: CInt) -> Bool {
    guard mayLetGo else { return false }
    if kq_is_inside(number) { kq_lose(number) }
    guard refersTo(number) else { return false }
    letGo(number, state.pointee.descriptors.find(number).unsafelyUnwrapped)
    return true
  }

  /// After the close of a number that something referred to. Until then calls on a kqueue find it closed, though the
  /// system has it open. Async-signal-safe.
  public func endClose(_ number: CInt) {
    guard let record = state.pointee.descriptors.find(number) else { return }
    Backend.reach(.endingClose)
    _ = record.pointee.kqueue.compareExchange(
      expected: DescriptorRecord.closing, desired: 0, ordering: .acquiringAndReleasing)
    Backend.reach(.endedClose)
    doubt(number)
  }

  /// After the close of any number, also of one that nothing referred to before: whoever watches it now did so while it
  /// was being closed, and may have got the file that is gone. Async-signal-safe.
  @inline(__always)
  public func doubt(_ number: CInt) {
    guard number >= 0, let record = state.pointee.descriptors.find(number) else { return }
    if record.pointee.watchers.load(ordering: .relaxed) != 0 { doubtWatchers(number) }
  }

  @inline(never)
  private func doubtWatchers(_ number: CInt) {
    guard mayLetGo else { return }
    if visitWatchersIfFree(number, { tell($0, .doubtful(number)) }) { return }
    // Which kqueues they are is changed in this moment, and a closer does not wait.
    forEachSlot { if $0.slot.pointee.isInUse.load(ordering: .acquiring) { tell($0.slot, .doubtful(number)) } }
  }

  /// Whether a number is a kqueue's that is being closed.
  public func isClosing(_ number: CInt) -> Bool {
    guard number >= 0, let record = state.pointee.descriptors.find(number) else { return false }
    return record.pointee.kqueue.load(ordering: .acquiring) == DescriptorRecord.closing
  }

  /// Whether a number that names no kqueue of ours is open all the same. A kqueue that is being closed does not count,
  /// nor one that another thread is making, nor what is left open of a parent's in a child whose fork ran no handler.
  ///
  /// The order decides: a close ends once the number is not open, and a kqueue is the library's once it is made.
  public func isForeign(_ number: CInt) -> Bool {
    if isClosing(number) { return false }
    guard kq_is_open(number) else { return false }
    return state.pointee.making.load(ordering: .acquiring) == 0 && !kq_owns(number)
  }

  /// Whether the caller closes the process's descriptors: a child of vfork has the parent's memory and descriptors of
  /// its own, and so has a thread with a table of its own.
  private var mayLetGo: Bool {
    kq_is_process(state.pointee.process) && kq_shares_descriptors(state.pointee.process)
  }

  /// Whether the library has to do with a number. Async-signal-safe.
  @inline(__always)
  public func knows(_ number: CInt) -> Bool {
    refersTo(number) || kq_is_inside(number)
  }

  @inline(__always)
  private func refersTo(_ number: CInt) -> Bool {
    guard number >= 0, let record = state.pointee.descriptors.find(number) else { return false }
    return record.pointee.watchers.load(ordering: .relaxed) | record.pointee.kqueue.load(ordering: .relaxed) != 0
  }

  /// Likewise for each number of a range.
  public func letGo(from first: CInt, through last: CInt) {
    guard mayLetGo else { return }
    kq_lose_range(first, last)
    state.pointee.descriptors.forEach(from: first, through: last) { letGo($0) }
  }

  /// After the close of a range of numbers.
  public func endClose(from first: CInt, through last: CInt) {
    guard mayLetGo else { return }
    state.pointee.descriptors.forEach(from: first, through: last) { endClose($0) }
  }

  private func letGo(_ number: CInt, _ record: UnsafeMutablePointer<DescriptorRecord>) {
    Backend.reach(.lettingGo)
    takeWatchers(record) { slot in
      Backend.reach(.tookWatchers)
      let had = Backend.forget(number, slot.pointee.watchSets)
      if !had { slot.pointee.mayReportStale.store(true, ordering: .releasing) }
      Backend.reach(.forgot)
      tell(slot, .closed(number))
    }
    let word = restingKqueue(record)
    // Of two that close it at once, one does.
    guard let handle = kqueue(of: word),
      record.pointee.kqueue.compareExchange(
        expected: word, desired: DescriptorRecord.closing, ordering: .acquiringAndReleasing
      ).exchanged
    else { return }
    Backend.reach(.tookKqueue)
    kq_disown(number)
    handle.close()
  }

  // MARK: Moving

  /// The word of the kqueue that a number names, once it is not about to be moved: one system call of a thread that no
  /// signal handler interrupts. Async-signal-safe.
  private func restingKqueue(_ record: UnsafeMutablePointer<DescriptorRecord>) -> UInt {
    var word = record.pointee.kqueue.load(ordering: .acquiring)
    while word & DescriptorRecord.moving != 0 {
      Backend.reach(.idle)
      kq_pause()
      word = record.pointee.kqueue.load(ordering: .acquiring)
    }
    return word
  }

  /// Calls `move`, which gives a kqueue's number another descriptor, unless the number is being closed. Nobody closes
  /// it meanwhile, lest it be another file's that is replaced. The slot's lock is held.
  func move(_ slot: UnsafeMutablePointer<Slot>, _ move: (CInt) -> Void) {
    let (number, own) = (slot.pointee.number - 1, UInt(bitPattern: slot))
    guard let record = state.pointee.descriptors.find(number) else { return }
    let shield = Shield()
    defer { shield.end() }
    let swap = record.pointee.kqueue.compareExchange(
      expected: own, desired: own | DescriptorRecord.moving, ordering: .acquiringAndReleasing)
    guard swap.exchanged else { return }
    move(number)
    record.pointee.kqueue.store(own, ordering: .releasing)
  }

  /// Has the kqueues that watch a kqueue's number watch what has it now. No slot's lock is held.
  func enterAgain(_ number: CInt) {
    forEachSlot { outer in
      guard outer.slot.pointee.isInUse.load(ordering: .acquiring), isWatching(number, outer.slot) else { return }
      outer.enterAgain(number)
    }
  }

  /// Tells a kqueue of a number. Async-signal-safe.
  private func tell(_ slot: UnsafeMutablePointer<Slot>, _ hint: Hint) {
    slot.pointee.closedNumbers.leave(hint) { Backend.reach($0) }
    Backend.reach(.told)
    interrupt(slot)
    Backend.reach(.interrupted)
  }

  /// Wakes a waiter so that it processes the close. Either it finds the close noted before it waits, or it is found to
  /// wait.
  @inline(__always)
  private func interrupt(_ slot: UnsafeMutablePointer<Slot>) {
    guard Backend.waitsKeepFiles else { return }
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    Backend.interrupt(slot.pointee.watchSets)
  }

  /// Forgets the number of a kqueue that was closed unseen.
  func forget(_ slot: UnsafeMutablePointer<Slot>) {
    let number = slot.pointee.number - 1
    kq_disown(number)
    _ = state.pointee.descriptors.find(number)?.pointee.kqueue.compareExchange(
      expected: UInt(bitPattern: slot), desired: 0, ordering: .acquiringAndReleasing)
  }

  /// Frees the kqueues that were closed unseen, where closes are not seen.
  public func reap() {
    guard Backend.closesGoUnseen else { return }
    let shield = Shield()
    defer { shield.end() }
    forEachSlot { if $0.slot.pointee.isInUse.load(ordering: .acquiring) { $0.closeIfUnseen() } }
  }

  // MARK: Slots

  private static var slotsAtOnce: Int { 8 }

  /// Calls `body` with every slot that there ever was, but perhaps those that are being made.
  func forEachSlot(_ body: (KQueueHandle<Backend>) -> Void) {
    var block = UnsafeMutablePointer<Slot>(bitPattern: state.pointee.blocks.load(ordering: .acquiring))
    while let slots = block {
      for place in 0..<Self.slotsAtOnce { body(KQueueHandle(slot: slots + place, registry: self)) }
      block = slots.pointee.nextBlock
    }
  }

  /// Takes the lock of those who take and chain places.
  func lock() -> Held {
    Backend.reach(&state.pointee.lock)
    return Held(&state.pointee.lock)
  }

  /// The shield of `create` is up.
  private func takeSlot() throws(Errno) -> UnsafeMutablePointer<Slot> {
    Backend.reach(&state.pointee.lock)
    _ = kq_lock_take(&state.pointee.lock)
    defer { kq_lock_drop(&state.pointee.lock) }
    if let slot = state.pointee.freeSlots.pop() { return slot }
    try makeSlots()
    return state.pointee.freeSlots.pop().unsafelyUnwrapped
  }

  private func makeSlots() throws(Errno) {
    let slots = try Arena.map(Slot.self, count: Self.slotsAtOnce)
    do throws(Errno) {
      let queues = try Arena.map(KQueue<Backend>.self, count: Self.slotsAtOnce)
      for place in 0..<Self.slotsAtOnce {
        slots[place].queue = queues + place
        giveBack(slots + place)
      }
      slots.pointee.nextBlock = UnsafeMutablePointer(bitPattern: state.pointee.blocks.load(ordering: .relaxed))
      state.pointee.blocks.store(UInt(bitPattern: slots), ordering: .releasing)
    } catch {
      Arena.unmap(slots, count: Self.slotsAtOnce)
      throw error
    }
  }

  /// Adds a slot to the free ones. Async-signal-safe.
  func giveBack(_ slot: UnsafeMutablePointer<Slot>) {
    state.pointee.freeSlots.push(slot)
  }
}
