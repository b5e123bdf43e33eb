import CKQueueShims
import Synchronization

/// All kqueues of the process, found by descriptor number.
///
/// It lies in memory that a forked child finds empty, so a child knows of no kqueue of its parent's.
public struct KQueueRegistry<Backend: PlatformBackend & ~Copyable>: BitwiseCopyable {
  typealias Slot = KQueueSlot<Backend>

  struct State: ~Copyable {
    /// Slots that have no kqueue any more, and links of chains; taken under the lock.
    let freeSlots: FreeStack<Slot>
    let freeWatchers: FreeStack<Watcher<Backend>>
    var lock: kq_lock
    /// Held while a kqueue is put inside another.
    var nesting: kq_lock
    /// All slots there are, in blocks; each block's first slot leads to the next block.
    let blocks: Atomic<UInt>
    /// How many of the newest block never were taken; under the lock.
    var slotsLeft: Int
    /// How many threads are making a kqueue, whose number they do not know yet.
    let making: Atomic<UInt32>
    /// The process that all this belongs to.
    var process: CInt
  }

  let state: UnsafeMutablePointer<State>

  /// The registry, the first slots, the first segment of small blocks and the beginning of its table lie in one mapping:
  /// one system call, and a forked child that makes a kqueue makes none. What a kqueue needs lies in front of what most
  /// processes never touch.
  private static var bytes: Int { tableOffset + DescriptorTable.bytes }
  static var slotsOffset: Int { SlotBlock<Backend>.aligned(MemoryLayout<State>.size) }
  private static var segmentOffset: Int { slotsOffset + SlotBlock<Backend>.bytes }
  private static var tableOffset: Int { segmentOffset + Segment.bytesToPlace }

  var descriptors: DescriptorTable {
    @inline(__always) get { DescriptorTable(memory: UnsafeMutableRawPointer(state) + Self.tableOffset) }
  }

  /// - Throws: ENOMEM.
  public init() throws(Errno) {
    state = try Arena.mapApart(State.self, bytes: Self.bytes)
    adopt()
  }

  /// Gives its segment to those who take small blocks, once it is sure that the registry stays.
  public func provideSegment() {
    Segments.add(Segment.place(in: UnsafeMutableRawPointer(state) + Self.segmentOffset))
  }

  /// Makes an empty registry this process's: a new one, or one that a fork emptied.
  public func adopt() {
    let process = kq_process()
    OwnDescriptors.start(process)
    ProcessMark.mark(process)
    state.pointee.process = process
  }

  /// The process that all this belongs to, or 0 where a fork emptied it.
  @inline(__always)
  var process: CInt {
    state.pointee.process
  }

  /// Whether the registry is this process's, and not empty memory or a parent's.
  public var isOwn: Bool {
    ProcessMark.isHere(state.pointee.process)
  }

  /// Whether a fork emptied it: the one proof that the system does so. Emulators are known that say so alone.
  public var isEmpty: Bool {
    state.pointee.process == 0
  }

  /// Gives back a registry that never was used.
  public func discard() {
    Arena.unmapApart(state, bytes: Self.bytes)
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
    guard number >= 0, let record = descriptors.find(number) else { return nil }
    return kqueue(of: record.pointee.kqueue.load(ordering: .acquiring))
  }

  /// The kqueue of a record's word.
  @inline(__always)
  func kqueue(of word: UInt) -> KQueueHandle<Backend>? {
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
  @inline(never)
  public func create(copies: Bool = false, as number: CInt? = nil) throws(Errno) -> CInt {
    reap()
    let shield = Shield()
    defer { shield.end() }
    state.pointee.making.add(1, ordering: .acquiringAndReleasing)
    defer { state.pointee.making.subtract(1, ordering: .acquiringAndReleasing) }
    var mayRepeat = number == nil
    while true {
      let replaced = Backend.replacements
      let handle = KQueueHandle(slot: try takeSlot(), registry: self)
      let (made, former) = try openLocked(handle, copies, number)
      let repeats = mayRepeat && replaced != Backend.replacements
      if repeats { closeAgain(made) }
      // Waits for that slot's lock, so not while another's is held.
      if let former, former.slot != handle.slot { former.closeIfNamed(made) }
      if !repeats { return made }
      mayRepeat = false
    }
  }

  /// An inner descriptor of the new kqueue has a number that another kqueue still takes for its own, since a bare system
  /// call closed it there. That kqueue's end would close it. So the new kqueue, which nobody knows yet, is closed first, then
  /// all that were closed unseen.
  @inline(never)
  private func closeAgain(_ number: CInt) {
    beginClose(number)
    kq_close_descriptor(number)
    endClose(number)
    closeUnseen(isLost: true)
  }

  private func openLocked(
    _ handle: KQueueHandle<Backend>, _ copies: Bool, _ wanted: CInt?
  ) throws(Errno) -> (number: CInt, former: KQueueHandle<Backend>?) {
    handle.lock()
    defer { handle.unlock() }
    do throws(Errno) {
      return try open(handle, copies, wanted)
    } catch {
      giveBack(handle.slot)
      throw error
    }
  }

  /// - Returns: its number, and the kqueue that had it before and was closed unseen.
  private func open(
    _ handle: KQueueHandle<Backend>, _ copies: Bool, _ wanted: CInt?
  ) throws(Errno) -> (number: CInt, former: KQueueHandle<Backend>?) {
    var queue = try KQueue<Backend>()
    let record: UnsafeMutablePointer<DescriptorRecord>
    let number: CInt
    do throws(Errno) {
      if let wanted { try queue.backend.renumber(wanted) }
      number = queue.backend.descriptor
      record = try descriptors.make(number)
    } catch {
      queue.close()
      kq_close_descriptor(queue.backend.descriptor)
      throw error
    }
    queue.tracking = handle
    queue.seenClosed = handle.slot.pointee.closeHints.count.load(ordering: .acquiring)
    // Asked of the slot's former kqueue, which another thread closed first.
    handle.slot.pointee.closing.store(false, ordering: .relaxed)
    handle.slot.pointee.watchedKqueues.store(0, ordering: .relaxed)
    handle.slot.pointee.watchSets = queue.backend.watchSets
    handle.queue.initialize(to: queue)
    handle.slot.pointee.isInitialised = true
    handle.slot.pointee.number = number + 1
    handle.slot.pointee.wasEverUsed.store(true, ordering: .releasing)
    handle.slot.pointee.copies.store(copies, ordering: .relaxed)
    // A number that still names a kqueue was closed unseen.
    Backend.reach(.named)
    let stale = record.pointee.kqueue.exchange(UInt(bitPattern: handle.slot), ordering: .acquiringAndReleasing)
    Backend.reach(.tookNumber)
    // A thread that found the former kqueue closed unseen may have disowned the number since it was made.
    OwnDescriptors.note(number)
    // So was one that is still watched: what watches it does not watch this kqueue.
    takeWatchers(record) { slot in
      slot.pointee.mayReportStale.store(true, ordering: .releasing)
      tell(slot, .closed(number))
    }
    return (number, kqueue(of: stale))
  }

  // MARK: Moving

  /// Calls `move`, which gives a kqueue's number another descriptor, unless the number is being closed. Nobody closes
  /// it meanwhile, lest it be another file's that is replaced. The slot's lock is held.
  func move(_ slot: UnsafeMutablePointer<Slot>, _ move: (CInt) -> Void) {
    let (number, own) = (slot.pointee.number - 1, UInt(bitPattern: slot))
    guard let record = descriptors.find(number) else { return }
    let shield = Shield()
    defer { shield.end() }
    let swap = record.pointee.kqueue.compareExchange(
      expected: own, desired: own | DescriptorRecord.moving, ordering: .acquiringAndReleasing)
    guard swap.exchanged else { return }
    move(number)
    record.pointee.kqueue.store(own, ordering: .releasing)
  }

  /// Re-registers a kqueue's number, which names another set now, in the kqueues that watch it. No slot's lock is held.
  func reenterNested(_ number: CInt) {
    forEachSlot { outer in
      if isWatching(number, outer.slot) { outer.reenterNested(number) }
    }
  }

  /// Forgets the number of a kqueue that was closed unseen.
  func forget(_ slot: UnsafeMutablePointer<Slot>) {
    let number = slot.pointee.number - 1
    OwnDescriptors.forget(number)
    _ = descriptors.find(number)?.pointee.kqueue.compareExchange(
      expected: UInt(bitPattern: slot), desired: 0, ordering: .acquiringAndReleasing)
  }

  /// Frees the kqueues that were closed unseen, where closes are not seen.
  @inline(never)
  public func reap() {
    guard Backend.closesGoUnseen else { return }
    let shield = Shield()
    closeUnseen(isLost: false)
    shield.end()
  }

  /// - Parameter isLost: it is known that something was closed unseen, so that the numbers are looked at in any mode.
  @inline(never)
  private func closeUnseen(isLost: Bool) {
    forEachSlot { if isLost { $0.closeIfReplaced() } else { $0.closeIfUnseen() } }
  }
}
