import CKQueueShims.Linux
import KQueueCore

/// Forks and execs as perf records them, for a process that may not have the process connector: a ring a processor,
/// into which the events of all watched threads write.
struct PerfRecords: BitwiseCopyable {
  /// One thread of a knote's process on one processor.
  private struct Event: BitwiseCopyable {
    var knote: UInt32
    var thread: CInt
    var descriptor: CInt
  }

  private var rings: UnsafeMutablePointer<PerfRing>?
  private var processors = 0
  private var events: UnsafeMutablePointer<Event>?
  private var room = 0
  private var count = 0
  /// What was read at a time and is still to be told.
  private var news: UnsafeMutablePointer<ProcessEvent>?
  private var newsCount = 0
  private var place = 0

  /// Watches the threads of a process that there are, and whatever threads they make.
  /// - Throws: EACCES, ENOTSUP, ... where it may not be; EMFILE, ENFILE, ENOMEM.
  mutating func watch(_ knote: UInt32, _ process: CInt, in set: EpollSet) throws(Errno) {
    try openRings(in: set)
    do throws(Errno) {
      // A thread may have made another before it was watched itself.
      while try watchThreads(knote, process) {}
    } catch {
      unwatch(knote)
      throw error
    }
  }

  /// - Returns: whether there was one that had not been seen.
  private mutating func watchThreads(_ knote: UInt32, _ process: CInt) throws(Errno) -> Bool {
    var threads = InlineArray<1024, CInt>(repeating: 0)
    var span = threads.mutableSpan
    let found = try span.withUnsafeMutableBufferPointer { (room) throws(Errno) in try Threads.list(process, room) }
    if found > threads.count { throw Errno(ENOMEM) }
    var isNew = false
    for place in 0..<found where !isWatched(knote, threads[place]) {
      try watchThread(knote, threads[place])
      isNew = true
    }
    return isNew
  }

  private func isWatched(_ knote: UInt32, _ thread: CInt) -> Bool {
    for place in 0..<count where events.unsafelyUnwrapped[place].knote == knote {
      if events.unsafelyUnwrapped[place].thread == thread { return true }
    }
    return false
  }

  private mutating func watchThread(_ knote: UInt32, _ thread: CInt) throws(Errno) {
    for processor in 0..<processors {
      let ring = rings.unsafelyUnwrapped[processor].number - 1
      guard ring >= 0 else { continue }
      try reserve()
      let descriptor = PerfEvent.watch(thread, processor, in: ring)
      // One that ended meanwhile is noted all the same, so that it is not tried for ever.
      if descriptor != -ESRCH { try Errno.check(descriptor) }
      events.unsafelyUnwrapped[count] = Event(knote: knote, thread: thread, descriptor: descriptor)
      count += 1
    }
  }

  private mutating func reserve() throws(Errno) {
    guard count == room else { return }
    let size = max(room * 2, 256)
    let fresh = try Arena.map(Event.self, count: size)
    if let events {
      fresh.update(from: events, count: count)
      Arena.unmap(events, count: room)
    }
    events = fresh
    room = size
  }

  mutating func unwatch(_ knote: UInt32) {
    guard let events else { return }
    var place = 0
    while place < count {
      guard events[place].knote == knote else {
        place += 1
        continue
      }
      if events[place].descriptor >= 0 { OwnDescriptors.close(events[place].descriptor) }
      count -= 1
      events[place] = events[count]
    }
  }

  // MARK: Rings

  private mutating func openRings(in set: EpollSet) throws(Errno) {
    guard rings == nil else { return }
    processors = PerfRing.processors
    rings = try Arena.map(PerfRing.self, count: processors)
    do throws(Errno) {
      news = try Arena.map(ProcessEvent.self, count: ProcessEvent.batch)
      for processor in 0..<processors { try openRing(processor, in: set) }
    } catch {
      leave(set)
      close()
      throw error
    }
  }

  private func openRing(_ processor: Int, in set: EpollSet) throws(Errno) {
    let ring = try PerfRing(processor: processor)
    rings.unsafelyUnwrapped[processor] = ring
    if ring.number > 0 { try set.add(ring.number - 1, Self.events, EpollToken.source(.processes)) }
  }

  /// By edges, as the end of the thread that they were opened in is reported for ever.
  private static var events: UInt32 { EPOLLIN.rawValue | EPOLLET.rawValue }

  /// Re-arms the rings' entries: a wait may have consumed their reports.
  func tellAgain(_ set: EpollSet) {
    forEachRing { try? set.modify($0.number - 1, Self.events, EpollToken.source(.processes)) }
  }

  /// Removes them from the set, before they are closed.
  func leave(_ set: EpollSet) {
    forEachRing { set.forget($0.number - 1) }
  }

  /// Enters them into a set that takes another's place.
  func enter(_ set: EpollSet) {
    forEachRing { try? set.add($0.number - 1, Self.events, EpollToken.source(.processes)) }
  }

  func isKept(in set: EpollSet) -> Bool {
    var areKept = true
    forEachRing { areKept = areKept && set.holds($0.number - 1) }
    return areKept
  }

  private func forEachRing(_ body: (PerfRing) -> Void) {
    guard let rings else { return }
    for processor in 0..<processors where rings[processor].number > 0 { body(rings[processor]) }
  }

  var hasNews: Bool {
    guard rings != nil else { return false }
    var isAny = false
    forEachRing { isAny = isAny || $0.hasNews }
    return isAny
  }

  mutating func next() -> ProcessNews {
    if place == newsCount {
      (place, newsCount) = (0, 0)
      if refill() { return .loss }
    }
    guard place < newsCount, let news else { return .none }
    place += 1
    return .event(news[place - 1])
  }

  /// - Returns: whether some were lost.
  private mutating func refill() -> Bool {
    guard let rings, let news else { return false }
    for processor in 0..<processors where rings[processor].number > 0 {
      let got = rings[processor].read(news)
      if got == -ENOBUFS { return true }
      newsCount = Int(got)
      if got > 0 { return false }
    }
    return false
  }

  mutating func close() {
    for place in 0..<count {
      let descriptor = events.unsafelyUnwrapped[place].descriptor
      if descriptor >= 0 { OwnDescriptors.close(descriptor) }
    }
    forEachRing { $0.close() }
    if let events { Arena.unmap(events, count: room) }
    if let rings { Arena.unmap(rings, count: processors) }
    if let news { Arena.unmap(news, count: ProcessEvent.batch) }
    self = PerfRecords()
  }
}
