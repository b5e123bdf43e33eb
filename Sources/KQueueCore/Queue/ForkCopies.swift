import CKQueue
import CKQueueShims
import Synchronization

/// What a forked child gets of its parent's kqueues: copies of those made with KQUEUE_CPONFORK, and nothing else
/// (contract 5).
///
/// The parent writes them down before the fork, with their locks held so that each is whole; the child, whose
/// memory of them is empty, makes them anew. What was told already is written down with each, since the child's system
/// calls all of it news.
public struct ForkedCopies<Backend: PlatformBackend & ~Copyable>: BitwiseCopyable {
  /// A knote, or with `number` alone the kqueue that the knotes behind it belong to.
  private struct Entry: BitwiseCopyable {
    var number: CInt
    var isKnote: Bool
    /// Of a kqueue: its setting.
    var declinesData: Bool
    var knote: Knote<Backend.KnoteState>
    var ext: Extension
    var told: Told<Backend.FileBaseline>
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
      // A handler forks, and what it interrupted is changing the kqueue: there is nothing whole to be copied.
      if kq_lock_is_below(&handle.slot.pointee.lock) { return }
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

  /// Writes a kqueue down, and its knotes: those that are ready last, in the order in which they are delivered.
  private static func write(
    _ handle: KQueueHandle<Backend>, _ entries: UnsafeMutablePointer<Entry>, _ count: inout Int
  ) {
    handle.reclaimClosed()
    handle.queue.pointee.settleBeforeCopy()
    entries[count].number = handle.slot.pointee.number - 1
    entries[count].isKnote = false
    entries[count].declinesData = handle.queue.pointee.declinesData
    count += 1
    let queue = UnsafePointer(handle.queue)
    var (place, written) = (UInt32(0), count)
    while let knote = queue.pointee.knotes.next(&place) {
      if knote.status.contains(.queued) { continue }
      entries[written] = entry(handle, knote)
      written += 1
    }
    queue.pointee.ready.forEach(queue.pointee.knotes) { knote in
      entries[written] = entry(handle, knote)
      written += 1
    }
    count = written
  }

  private static func entry(_ handle: KQueueHandle<Backend>, _ knote: KQueue<Backend>.KnoteRef) -> Entry {
    let queue = handle.queue
    return Entry(
      number: handle.slot.pointee.number - 1, isKnote: true, declinesData: false,
      knote: knote.record, ext: queue.pointee.extensions.find(knote), told: queue.pointee.told(knote))
  }

  /// In the parent after the fork: goes on.
  public func release(_ registry: KQueueRegistry<Backend>) {
    registry.forEachSlot { handle in
      guard handle.isHeldForFork else { return }
      handle.slot.pointee.isHeldForFork.store(false, ordering: .relaxed)
      handle.flushAndUnlock()
    }
    discard()
  }

  /// In the child: makes the kqueues anew, under their numbers. What cannot be had there is left out.
  public func restore(_ registry: KQueueRegistry<Backend>) {
    guard let entries else { return }
    // All of them before their knotes, which may be on one another.
    for place in 0..<count where !entries[place].isKnote {
      _ = try? registry.create(copies: true, as: entries[place].number)
      registry.find(entries[place].number)?.queue.pointee.declinesData = entries[place].declinesData
    }
    for place in 0..<count where entries[place].isKnote {
      registry.find(entries[place].number)?.restore(entries[place].knote, entries[place].ext, entries[place].told)
    }
    for place in 0..<count where !entries[place].isKnote { settle(registry, place) }
    discard()
  }

  /// Takes back in a copy what was told in the parent. A kqueue's knotes stand behind it.
  private func settle(_ registry: KQueueRegistry<Backend>, _ first: Int) {
    guard let entries, let copy = registry.find(entries[first].number) else { return }
    copy.lock()
    copy.queue.pointee.collectForCopy()
    var place = first + 1
    while place < count && entries[place].isKnote {
      copy.queue.pointee.settleCopy(entries[place].knote, entries[place].told)
      place += 1
    }
    copy.flushAndUnlock()
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

  fileprivate func restore(_ knote: Knote<Backend.KnoteState>, _ ext: Extension, _ told: Told<Backend.FileBaseline>) {
    lock()
    try? queue.pointee.restore(knote, ext, told)
    flushAndUnlock()
  }
}

/// What was told of a knote up to a fork.
private struct Told<FileBaseline: BitwiseCopyable>: BitwiseCopyable {
  /// Of a condition under EV_CLEAR that is not ready: what its last event said, or would say again.
  var readiness: Readiness?
  var file: FileBaseline
}

extension KQueue where Backend: ~Copyable {
  // MARK: In the parent

  /// Queues all knotes that have something to deliver, so that those that are not queued have delivered it.
  fileprivate mutating func settleBeforeCopy() {
    gatherEarlier(.vnode)
    var place: UInt32 = 0
    while let knote = knotes.next(&place) { noteEarlier(knote) }
    collectForCopy()
  }

  /// Queues what the system has to report.
  fileprivate mutating func collectForCopy() {
    guard let buffer = try? buffers.take(knotes.count + Backend.againSlack) else { return }
    let reports = backend.poll(knotes, buffer)
    queueReports(Int(max(reports, 0)), of: buffer, asked: pass &- 1)
    buffers.give(back: buffer)
  }

  fileprivate mutating func told(_ knote: KnoteRef) -> Told<Backend.FileBaseline> {
    Told(
      readiness: isTold(knote) ? sampleTold(knote) : nil, file: backend.baseline(knote))
  }

  /// - Returns: what a knote that was told says by now, or nil where that is news which nobody reports.
  private mutating func sampleTold(_ knote: KnoteRef) -> Readiness? {
    guard knote.status.contains(.recorded) else { return sampleCondition(knote) }
    // Where the system does not report a knote, sampling it counts as its delivery.
    let before = knote.platform
    let readiness = sampleCondition(knote)
    knote.platform = before
    return readiness.isActive && readiness.next == .soon ? nil : readiness
  }

  /// Whether what holds of a knote was delivered, and is not to be delivered again as such.
  private func isTold(_ knote: KnoteRef) -> Bool {
    let filters = FilterSet(.read).union(FilterSet(.write)).union(FilterSet(.except))
    return knote.has(EV_CLEAR) && !knote.has(EV_ONESHOT | EV_DISPATCH) && !knote.isDisabled
      && filters.contains(FilterSet(knote.kind)) && !knote.status.contains(.queued)
  }

  // MARK: In the child

  /// Registers a copy of a parent's knote, with what it had recorded.
  fileprivate mutating func restore(
    _ old: Knote<Backend.KnoteState>, _ ext: Extension, _ told: Told<Backend.FileBaseline>
  ) throws(Errno) {
    let filter = old.kind
    let disable = old.isDisabled ? UInt16(EV_DISABLE) : 0
    let time = filter == .timer ? NOTE_NSECONDS.bits : 0
    try create(
      Kevent(
        ident: old.ident, filter: old.filter, flags: old.flags | disable, fflags: old.fflags | time,
        data: Int(clamping: old.data), udata: old.udata),
      filter, as: old.status.intersection(KnoteStatus.born.union(.ended)))
    guard let knote = table.find(filter, old.ident, knotes) else { return }
    extensions.set(knote, ext)
    if filter == .timer { restoreTimer(knote, from: old) }
    if filter.recordsOccurrences { knote.occurrence = old.occurrence }
    let pending = old.status.intersection(.active.union(.forced))
    knote.status.formUnion(pending)
    if !pending.isEmpty || old.status.contains(.queued) { activate(knote) }
    if filter == .vnode, let happening = backend.changes(knote, since: told.file) { note(happening) }
  }

  /// Takes back what the system called news of a knote though it was told in the parent, unless it changed since.
  fileprivate mutating func settleCopy(_ old: Knote<Backend.KnoteState>, _ told: Told<Backend.FileBaseline>) {
    guard let before = told.readiness, let knote = table.find(old.kind, old.ident, knotes),
      knote.status.contains(.queued)
    else { return }
    let now = sampleCondition(knote)
    guard now == before else { return }
    ready.remove(knote, knotes)
    // Knotes that the system does not report are sampled here as well.
    if now.isActive { settleOnce(knote, now) } else { withhold(knote, now, wasReported: false) }
  }
}
