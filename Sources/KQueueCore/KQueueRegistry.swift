import CKQueueShims
import Synchronization

/// All kqueues of the process, found by descriptor number.
///
/// It lies in memory that a forked child finds empty, so a child knows of no kqueue of its parent's.
public struct KQueueRegistry<Backend: PlatformBackend & ~Copyable>: BitwiseCopyable {
  typealias Slot = KQueueSlot<Backend>

  struct State: ~Copyable {
    /// Slots without a kqueue. Only `takeSlot` takes from it, under the lock; anybody may add.
    let freeSlots: Atomic<UInt>
    var lock: kq_lock
    let descriptors: DescriptorTable
  }

  let state: UnsafeMutablePointer<State>

  /// - Throws: ENOMEM.
  public init() throws(Errno) {
    state = try Arena.map(State.self, count: 1)
  }

  /// Gives back a registry that never was used.
  public func discard() {
    Arena.unmap(state, count: 1)
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
    let address = record.pointee.kqueue.load(ordering: .acquiring)
    guard let slot = UnsafeMutablePointer<Slot>(bitPattern: address) else { return nil }
    return KQueueHandle(slot: slot, registry: self)
  }

  /// Makes a kqueue.
  /// - Returns: its descriptor.
  /// - Throws: EMFILE, ENFILE, ENOMEM.
  public func create() throws(Errno) -> CInt {
    let handle = KQueueHandle(slot: try takeSlot(), registry: self)
    handle.lock()
    defer { handle.unlock() }
    do throws(Errno) {
      return try open(handle)
    } catch {
      giveBack(handle.slot)
      throw error
    }
  }

  private func open(_ handle: KQueueHandle<Backend>) throws(Errno) -> CInt {
    var queue = try KQueue<Backend>()
    let number = queue.backend.descriptor
    let record: UnsafeMutablePointer<DescriptorRecord>
    do throws(Errno) {
      record = try state.pointee.descriptors.make(number)
    } catch {
      queue.close()
      kq_close_descriptor(number)
      throw error
    }
    handle.queue.initialize(to: queue)
    handle.slot.pointee.isInitialised = true
    handle.slot.pointee.number = number + 1
    // A number that still names a kqueue was closed unseen.
    let stale = record.pointee.kqueue.exchange(UInt(bitPattern: handle.slot), ordering: .acquiringAndReleasing)
    if let slot = UnsafeMutablePointer<Slot>(bitPattern: stale) { KQueueHandle(slot: slot, registry: self).close() }
    return number
  }

  /// Forgets a kqueue whose number is about to be closed, and frees it. Async-signal-safe.
  /// - Returns: whether the number named one.
  @inline(__always)
  public func close(_ number: CInt) -> Bool {
    guard number >= 0, let record = state.pointee.descriptors.find(number) else { return false }
    guard record.pointee.kqueue.load(ordering: .relaxed) != 0 else { return false }
    let address = record.pointee.kqueue.exchange(0, ordering: .acquiringAndReleasing)
    guard let slot = UnsafeMutablePointer<Slot>(bitPattern: address) else { return false }
    KQueueHandle(slot: slot, registry: self).close()
    return true
  }

  // MARK: Slots

  private static var slotsAtOnce: Int { 8 }

  private func takeSlot() throws(Errno) -> UnsafeMutablePointer<Slot> {
    kq_lock_take(&state.pointee.lock)
    defer { kq_lock_drop(&state.pointee.lock) }
    if state.pointee.freeSlots.load(ordering: .acquiring) == 0 { try makeSlots() }
    while true {
      let address = state.pointee.freeSlots.load(ordering: .acquiring)
      guard let slot = UnsafeMutablePointer<Slot>(bitPattern: address) else { bug("no free slot") }
      // Nobody else takes, so what stands first stays in the list, and its successor is right.
      let next = UInt(bitPattern: slot.pointee.nextFree)
      let swap = state.pointee.freeSlots.compareExchange(
        expected: address, desired: next, ordering: .acquiringAndReleasing)
      if swap.exchanged { return slot }
    }
  }

  private func makeSlots() throws(Errno) {
    let slots = try Arena.map(Slot.self, count: Self.slotsAtOnce)
    do throws(Errno) {
      let queues = try Arena.map(KQueue<Backend>.self, count: Self.slotsAtOnce)
      for place in 0..<Self.slotsAtOnce {
        slots[place].queue = queues + place
        giveBack(slots + place)
      }
    } catch {
      Arena.unmap(slots, count: Self.slotsAtOnce)
      throw error
    }
  }

  /// Adds a slot to the free ones. Async-signal-safe.
  func giveBack(_ slot: UnsafeMutablePointer<Slot>) {
    var first = state.pointee.freeSlots.load(ordering: .relaxed)
    while true {
      slot.pointee.nextFree = UnsafeMutablePointer(bitPattern: first)
      let swap = state.pointee.freeSlots.compareExchange(
        expected: first, desired: UInt(bitPattern: slot), ordering: .acquiringAndReleasing)
      if swap.exchanged { return }
      first = swap.original
    }
  }
}
