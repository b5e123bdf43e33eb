import CKQueueShims
import Synchronization

/// The slots of a registry: made in blocks, kept until the process ends.
extension KQueueRegistry where Backend: ~Copyable {
  /// Calls `body` with every slot that ever had a kqueue, but perhaps those whose first is being made.
  func forEachSlot(_ body: (KQueueHandle<Backend>) -> Void) {
    var block = SlotBlock<Backend>(address: state.pointee.blocks.load(ordering: .acquiring))
    var place = 0
    while let slots = block {
      let slot = slots.slot(place)
      if slot.pointee.wasEverUsed.load(ordering: .acquiring) { body(KQueueHandle(slot: slot, registry: self)) }
      place += 1
      // One loop for all blocks, so that the compiler does not write the body down once for each place of a block.
      if place == SlotBlock<Backend>.count { (place, block) = (0, slots.next) }
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
    if state.pointee.slotsLeft == 0 { try makeSlots() }
    return takeFresh()
  }

  /// The first block lies behind the registry. Of a block's slots each is touched when it is needed, so that a process
  /// with one kqueue has memory for one.
  private func makeSlots() throws(Errno) {
    let former = state.pointee.blocks.load(ordering: .relaxed)
    let memory =
      former == 0 ? UnsafeMutableRawPointer(state) + Self.slotsOffset : Arena.take(SlotBlock<Backend>.bytes)
    guard let memory else { throw Errno(ENOMEM) }
    SlotBlock<Backend>(memory: memory).slot(0).pointee.nextBlock = UnsafeMutableRawPointer(bitPattern: former)
    state.pointee.slotsLeft = SlotBlock<Backend>.count
    state.pointee.blocks.store(UInt(bitPattern: memory), ordering: .releasing)
  }

  /// One of the newest block that never was taken.
  private func takeFresh() -> UnsafeMutablePointer<Slot> {
    let block = SlotBlock<Backend>(address: state.pointee.blocks.load(ordering: .relaxed)).unsafelyUnwrapped
    let place = SlotBlock<Backend>.count - state.pointee.slotsLeft
    state.pointee.slotsLeft -= 1
    block.slot(place).pointee.queue = block.queue(place)
    return block.slot(place)
  }

  /// Adds a slot to the free ones. Async-signal-safe.
  func giveBack(_ slot: UnsafeMutablePointer<Slot>) {
    state.pointee.freeSlots.push(slot)
  }
}

/// Some slots, each with the memory of its kqueue behind it. No two of them have a cache line in common, since threads
/// with a kqueue each would wait for one another.
struct SlotBlock<Backend: PlatformBackend & ~Copyable>: BitwiseCopyable {
  static var count: Int { 8 }
  static var bytes: Int { count * stride }

  let memory: UnsafeMutableRawPointer

  init(memory: UnsafeMutableRawPointer) {
    self.memory = memory
  }

  init?(address: UInt) {
    guard let memory = UnsafeMutableRawPointer(bitPattern: address) else { return nil }
    self.memory = memory
  }

  func slot(_ place: Int) -> UnsafeMutablePointer<KQueueSlot<Backend>> {
    (memory + place * Self.stride).assumingMemoryBound(to: KQueueSlot<Backend>.self)
  }

  func queue(_ place: Int) -> UnsafeMutablePointer<KQueue<Backend>> {
    (memory + place * Self.stride + Self.queueOffset).assumingMemoryBound(to: KQueue<Backend>.self)
  }

  /// The block that was made before.
  var next: SlotBlock? {
    slot(0).pointee.nextBlock.map { SlotBlock(memory: $0) }
  }

  /// Processors fetch lines of 64 bytes by two.
  static func aligned(_ bytes: Int) -> Int { (bytes + 127) & ~127 }

  private static var queueOffset: Int { aligned(MemoryLayout<KQueueSlot<Backend>>.size) }
  private static var stride: Int { queueOffset + aligned(MemoryLayout<KQueue<Backend>>.size) }
}
