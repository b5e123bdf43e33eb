import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// What a knote wants to hear of what processes do.
enum FamilyInterest: UInt8 {
  case none
  /// Its own forks and execs.
  case own
  /// All forks, since they may be its descendants', and ends.
  case all
}

/// NOTE_FORK, NOTE_EXEC and NOTE_TRACK: what processes do, from the process connector, or perf's records where that
/// is not to be had (contract 6.6).
struct ProcessFamilies: ~Copyable {
  typealias Knotes = KnoteSlab<LinuxKnote>

  /// Knotes by process.
  private var knotesOfProcess = HashIndex()
  /// How many they are, and how many of them want to hear of all.
  private var count = 0
  private var tracking = 0
  private var connector = ProcessConnector()
  /// When the birth was that was told last, by the monotonic clock; 0 where nobody knows.
  private(set) var lastBirth: UInt64 = 0
  private var records = PerfRecords()
  /// An end was told of a process that is looked at, and that is not over yet.
  private var hasToldEnd = false

  /// Brings what is told in line with a knote's mask.
  /// - Throws: ENOTSUP, EMFILE, ENFILE, ENOMEM; then nothing has changed.
  mutating func follow(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes, in set: EpollSet) throws(Errno) {
    let old = knote.platform.familyInterest
    let new = reachable(knote.wantedFamilyInterest, knote, in: set)
    if old != new {
      if new == .none { return leave(knote, knotes, set) }
      do throws(Errno) {
        try knotesOfProcess.reserve { Self.hash(knotes[$0].ident) }
        try open(knote, new, in: set)
      } catch {
        closeUnused(set)
        throw error
      }
      if old == .none { join(knote) }
      setInterest(new, knote)
      connector.choose(count, tracking, knotesOfProcess, knotes)
    }
    records.tellAgain(set)
  }

  /// Closes what tells where no knote asks for it any more.
  private mutating func closeUnused(_ set: EpollSet) {
    guard count == 0 else { return }
    set.forget(connector.descriptor)
    records.leave(set)
    close()
  }

  /// Ends of a process that is looked at are told sooner, and with a status, by the connector, where it is to be had.
  private mutating func reachable(
    _ interest: FamilyInterest, _ knote: LinuxKnoteRef, in set: EpollSet
  ) -> FamilyInterest {
    guard knote.platform.place == .lookedAt && knote.fflags & UInt32(NOTE_EXIT) != 0 else {
      return interest
    }
    return interest == .all || (try? connector.open(in: set)) != nil ? .all : interest
  }

  /// Whether an end was told, since this was last asked, of a process that is looked at.
  mutating func takeToldEnd() -> Bool {
    defer { hasToldEnd = false }
    return hasToldEnd
  }

  mutating func leave(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes, _ set: EpollSet) {
    guard knote.platform.familyInterest != .none else { return }
    knotesOfProcess.remove(Self.hash(knote.ident), knote.index)
    count -= 1
    setInterest(.none, knote)
    records.unwatch(knote.index)
    if count == 0 { closeUnused(set) } else { connector.choose(count, tracking, knotesOfProcess, knotes) }
  }

  private mutating func join(_ knote: LinuxKnoteRef) {
    knotesOfProcess.insert(Self.hash(knote.ident), knote.index)
    count += 1
  }

  private mutating func setInterest(_ interest: FamilyInterest, _ knote: LinuxKnoteRef) {
    if knote.platform.familyInterest == .all { tracking -= 1 }
    if interest == .all { tracking += 1 }
    knote.platform.familyInterest = interest
  }

  /// Opens what tells, the connector before all: perf's records cannot be had of a child before it runs.
  private mutating func open(_ knote: LinuxKnoteRef, _ interest: FamilyInterest, in set: EpollSet) throws(Errno) {
    do throws(Errno) {
      try connector.open(in: set)
    } catch {
      guard error.isLackOfFacility else { throw error }
      guard interest == .own else { throw Errno(ENOTSUP) }
      try openRecords(knote, CInt(truncatingIfNeeded: knote.ident), in: set)
    }
  }

  private mutating func openRecords(_ knote: LinuxKnoteRef, _ process: CInt, in set: EpollSet) throws(Errno) {
    do throws(Errno) {
      try records.watch(knote.index, process, in: set)
    } catch {
      throw error.isLackOfFacility ? Errno(ENOTSUP) : error
    }
  }

  /// Enters what is open into a set that takes another's place.
  func enter(_ set: EpollSet) {
    connector.enter(set)
    records.enter(set)
  }

  /// Whether the set holds what is open.
  func isKept(in set: EpollSet) -> Bool {
    (connector.descriptor < 0 || set.holds(connector.descriptor)) && records.isKept(in: set)
  }

  mutating func close() {
    connector.close()
    records.close()
    knotesOfProcess.removeAll()
    count = 0
    tracking = 0
  }

  // MARK: What is told

  /// Writes what happened to knotes; up to a birth, which must be noted before what the child did can be.
  /// - Parameter looks: what knows of the ends of processes without a descriptor.
  mutating func gather(
    _ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>,
    _ looks: UnsafeMutablePointer<ProcessLooks>?
  ) -> Int {
    var written = 0
    while written < buffer.count {
      switch nextNews() {
      case .none: return written
      case .loss:
        buffer[written] = .loss
        written += 1
      case .event(let event):
        noteSuccessor(event, knotes, looks)
        guard let knote = knote(of: event.process, knotes), !knote.platform.isSucceeded else { continue }
        buffer[written] = happening(event, knote)
        written += 1
        lastBirth = event.time
        let mayBeBirth = event.kind == .forked && knote.platform.familyInterest == .all
        if mayBeBirth { return written }
      }
    }
    return written
  }

  /// A birth under the number of a knote's process, which is over then: what is told of the number from now on is
  /// another's (C-270). What a process did before it was watched is gathered before, and so is its own birth.
  private func noteSuccessor(
    _ event: ProcessEvent, _ knotes: borrowing Knotes, _ looks: UnsafeMutablePointer<ProcessLooks>?
  ) {
    guard event.kind == .forked && event.time != 0, let knote = knote(of: event.child, knotes) else {
      return
    }
    let watch = knote.platform.watch
    let isOver =
      watch >= 0
      ? pollNow(watch, EPOLLIN.rawValue) > 0
      : !knote.platform.isLookedAt || looks?.pointee.end(of: knote) != nil
    if isOver { knote.platform.isSucceeded = true }
  }

  /// perf's readiness is told once to whoever asks, also to one who polls the kqueue from outside; so the rings
  /// themselves are looked at.
  var hasUntold: Bool { records.hasNews }

  private mutating func nextNews() -> ProcessNews {
    let news = connector.next()
    if case .none = news { return records.next() }
    return news
  }

  private func knote(of process: UInt32, _ knotes: borrowing Knotes) -> LinuxKnoteRef? {
    knotesOfProcess.find(Self.hash(UInt(process))) { knotes[$0].ident == UInt(process) }.map { knotes[$0] }
  }

  private mutating func happening(_ event: ProcessEvent, _ knote: LinuxKnoteRef) -> Happening {
    let token = knote.token
    switch event.kind {
    case .forked: return Happening(token, bits: UInt32(NOTE_FORK), data: Int(event.child))
    case .execed: return Happening(token, bits: UInt32(NOTE_EXEC))
    default:
      // The first thread's end is the process's only where nothing knows better.
      let isEnd = knote.platform.watch == -1
      if knote.platform.isLookedAt { hasToldEnd = true }
      return Happening(token, bits: UInt32(NOTE_EXITSTATUS) | (isEnd ? NOTE_EXIT : 0), data: Int(event.status))
    }
  }

  @inline(__always)
  static func hash(_ process: UInt) -> UInt {
    HashIndex.hash(process)
  }
}

extension KnoteRef<LinuxKnote> {
  /// Of one that was gone before it could be watched, ends are told with everybody's.
  var wantedFamilyInterest: FamilyInterest {
    if status.contains(.ended) { return .none }
    if fflags & UInt32(NOTE_TRACK) != 0 || platform.watch == -1 { return .all }
    return fflags & UInt32(NOTE_FORK | NOTE_EXEC) != 0 ? .own : .none
  }
}

extension Errno {
  /// Whether it says that the system has no such thing, or not for us, rather than too little of something.
  fileprivate var isLackOfFacility: Bool {
    code != EMFILE && code != ENFILE && code != ENOMEM && code != ENOBUFS
  }
}
