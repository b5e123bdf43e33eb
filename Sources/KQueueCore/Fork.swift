import CKQueue
import CKQueueShims
import Synchronization

/// What a forked child gets of its parent's kqueues: nothing, but copies of those made with KQUEUE_CPONFORK
/// (contract 5).
///
/// The parent writes them down before the fork, with their locks held so that each is whole; the child, whose
/// memory of them is empty, makes them anew.
public struct ForkedCopies<Backend: PlatformBackend & ~Copyable>: BitwiseCopyable {
  /// A knote, or with `number` alone the kqueue that the knotes behind it belong to.
  private struct Entry: BitwiseCopyable {
    var number: CInt
    var isKnote: Bool
    var knote: Knote<Backend.KnoteState>
    var ext: Extension
  }

  private let entries: UnsafeMutablePointer<Entry>?
  private let room: Int
  private let count: Int

  private init(entries: UnsafeMutablePointer<Entry>?, room: Int, count: Int) {
    self.entries = entries
    self.room = room
    self.count = count
  }

  /// Whether there is a kqueue to copy.
  public var isAny: Bool {
    count > 0
  }

  public static var none: ForkedCopies {
    ForkedCopies(entries: nil, room: 0, count: 0)
  }

  /// Before the fork: locks the kqueues that are copied, and writes them down.
  public static func take(_ registry: KQueueRegistry<Backend>) -> ForkedCopies {
    var room = 0
    registry.forEachSlot { handle in
      guard handle.slot.pointee.copies.load(ordering: .acquiring) else { return }
      handle.lock()
      guard handle.isCopied && !handle.isClosedUnseen() else { return handle.unlock() }
      handle.slot.pointee.isHeldForFork.store(true, ordering: .relaxed)
      room += handle.queue.pointee.knotes.count + 1
    }
    guard room > 0, let memory = kq_map_inherited(MemoryLayout<Entry>.stride * room) else {
      return .none
    }
    let entries = memory.bindMemory(to: Entry.self, capacity: room)
    var count = 0
    registry.forEachSlot { handle in
      if handle.isHeldForFork { write(handle, entries, &count) }
    }
    return ForkedCopies(entries: entries, room: room, count: count)
  }

  private static func write(
    _ handle: KQueueHandle<Backend>, _ entries: UnsafeMutablePointer<Entry>, _ count: inout Int
  ) {
    handle.seeToClosed()
    handle.queue.pointee.gatherEarlier(.vnode)
    let number = handle.slot.pointee.number - 1
    let queue = UnsafePointer(handle.queue)
    entries[count].number = number
    entries[count].isKnote = false
    count += 1
    var place: UInt32 = 0
    while let index = queue.pointee.knotes.next(&place) {
      handle.queue.pointee.noteEarlier(index)
      entries[count] = Entry(
        number: number, isKnote: true, knote: queue.pointee.knotes[index].pointee,
        ext: queue.pointee.extensions.find(index, queue.pointee.knotes))
      count += 1
    }
  }

  /// In the parent after the fork: goes on.
  public func release(_ registry: KQueueRegistry<Backend>) {
    registry.forEachSlot { handle in
      guard handle.isHeldForFork else { return }
      handle.slot.pointee.isHeldForFork.store(false, ordering: .relaxed)
      handle.unlock()
    }
    discard()
  }

  /// In the child: makes the kqueues anew, under their numbers. What cannot be had there is left out.
  public func restore(_ registry: KQueueRegistry<Backend>) {
    guard let entries else { return }
    // All of them before their knotes, which may be on one another.
    for place in 0..<count where !entries[place].isKnote {
      _ = try? registry.create(copies: true, as: entries[place].number)
    }
    for place in 0..<count where entries[place].isKnote {
      registry.find(entries[place].number)?.restore(entries[place].knote, entries[place].ext)
    }
    discard()
  }

  private func discard() {
    if let entries { kq_unmap(entries, MemoryLayout<Entry>.stride * room) }
  }
}

extension KQueueHandle where Backend: ~Copyable {
  /// Whether a child gets a copy. The lock is held.
  fileprivate var isCopied: Bool {
    slot.pointee.copies.load(ordering: .relaxed) && slot.pointee.isInitialised && slot.pointee.number != 0
  }

  fileprivate func restore(_ knote: Knote<Backend.KnoteState>, _ ext: Extension) {
    lock()
    try? queue.pointee.restore(knote, ext)
    flushAndUnlock()
  }
}

extension KQueue where Backend: ~Copyable {
  /// Registers a copy of a parent's knote, with what it had recorded.
  fileprivate mutating func restore(_ old: Knote<Backend.KnoteState>, _ ext: Extension) throws(Errno) {
    let filter = old.kind
    let disable = old.isDisabled ? UInt16(EV_DISABLE) : 0
    let time = filter == .timer ? NOTE_NSECONDS.bits : 0
    try create(
      Kevent(
        ident: old.ident, filter: old.filter, flags: old.flags | disable, fflags: old.fflags | time, data: old.data,
        udata: old.udata), filter, as: old.status.intersection(KnoteStatus.born.union(.ended)))
    guard let index = table.find(filter, old.ident, knotes) else { return }
    extensions.set(index, ext, knotes)
    if filter == .timer { restoreTimer(index, from: old) }
    if filter.recordsOccurrences { knotes[index].pointee.occurrence = old.occurrence }
    let pending = old.status.intersection(.active.union(.forced))
    if !pending.isEmpty {
      knotes[index].pointee.status.formUnion(pending)
      activate(index)
    }
  }
}
