import CKQueueShims
import Synchronization

/// The slots of a registry: made in blocks, kept until the process ends.
extension KQueueRegistry where Backend: ~Copyable {
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
  func takeSlot() throws(Errno) -> UnsafeMutablePointer<Slot> {
    Backend.reach(&state.pointee.lock)
    _ = kq_lock_take(&state.pointee.lock)
    defer { kq_lock_drop(&state.pointee.lock) }
    if let slot = state.pointee.freeSlots.pop() { return slot }
    try makeSlots()
    return state.pointee.freeSlots.pop().unsafelyUnwrapped
  }

  /// How much memory the first slots and their kqueues take.
  static var slotsBytes: Int {
    aligned(MemoryLayout<Slot>.stride * slotsAtOnce) + MemoryLayout<KQueue<Backend>>.stride * slotsAtOnce
  }

  private func makeSlots() throws(Errno) {
    if state.pointee.blocks.load(ordering: .relaxed) == 0 { return addFirstSlots() }
    let slots = try Arena.map(Slot.self, count: Self.slotsAtOnce)
    do throws(Errno) {
      add(slots, try Arena.map(KQueue<Backend>.self, count: Self.slotsAtOnce))
    } catch {
      Arena.unmap(slots, count: Self.slotsAtOnce)
      throw error
    }
  }

  private func addFirstSlots() {
    let memory = UnsafeMutableRawPointer(state) + Self.slotsOffset
    let queues = memory + Self.aligned(MemoryLayout<Slot>.stride * Self.slotsAtOnce)
    add(
      memory.bindMemory(to: Slot.self, capacity: Self.slotsAtOnce),
      queues.bindMemory(to: KQueue<Backend>.self, capacity: Self.slotsAtOnce))
  }

  private func add(_ slots: UnsafeMutablePointer<Slot>, _ queues: UnsafeMutablePointer<KQueue<Backend>>) {
    for place in 0..<Self.slotsAtOnce {
      slots[place].queue = queues + place
      giveBack(slots + place)
    }
    slots.pointee.nextBlock = UnsafeMutablePointer(bitPattern: state.pointee.blocks.load(ordering: .relaxed))
    state.pointee.blocks.store(UInt(bitPattern: slots), ordering: .releasing)
  }

  /// Adds a slot to the free ones. Async-signal-safe.
  func giveBack(_ slot: UnsafeMutablePointer<Slot>) {
    state.pointee.freeSlots.push(slot)
  }
}
