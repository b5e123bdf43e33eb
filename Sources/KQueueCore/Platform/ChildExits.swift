import CKQueue
import CKQueueShims

/// A child that a knote of the kqueue is on.
public struct Child: Listed {
  public let token: KnoteToken
  /// Where what is known of it stands.
  let place: CInt
}

/// Children that the system has no descriptors of (contract 6.6). SIGCHLD tells that something happened to one; which
/// it was is asked without reaping any, so the program's own waitpid(2) finds what it would have found.
///
/// A platform listens to SIGCHLD while there are any, and begins a round before it gathers.
public struct ChildExits: ~Copyable {
  private var children = KnoteList<Child>()
  /// The count of SIGCHLD when they were last asked for, and of ends when they were last gone through.
  private var seen: CUnsignedInt = 0
  private var seenEnds: CUnsignedInt = 0
  /// When those are to be asked for that were not; 0 is never. Until then somebody has to know it: a thread that
  /// sleeps, a timer, or whoever polls the kqueue's descriptor.
  public private(set) var due: UInt64 = 0
  /// Whether the next look puts nothing off.
  private var nextDefersNothing = false

  public init() {}

  public var count: Int { children.count }

  /// Whether there may be news that a handler told of.
  public var hasNews: Bool { count > 0 && (Signals.count(kq_child_signal()) != seen || hasEnds) }
  /// Whether an end was found since, of a child of any kqueue.
  private var hasEnds: Bool { ChildTable.ends != seenEnds }
  /// Whether some were not asked for that may have ended.
  public var hasDeferredLooks: Bool { count > 0 && due != 0 }

  /// Whether SIGCHLD may come and run no handler.
  public var mayMiss: Bool { count > 0 && BlockedSignals.contain(kq_child_signal()) }

  // MARK: Knotes

  /// Makes room for one more.
  /// - Throws: ENOMEM.
  public mutating func reserve() throws(Errno) {
    try children.reserve()
  }

  /// Begins to watch a child of the process; SIGCHLD is listened to by now, and there is room. Where it has ended
  /// already, no signal tells of that, and the next round does.
  /// - Returns: the position in the list.
  /// - Throws: ECHILD where it is none; ESRCH where it has ended, which the knote does not ask for (C-255); ENOMEM.
  public mutating func add(_ token: KnoteToken, _ process: CInt, wantsExit: Bool) throws(Errno) -> UInt32 {
    let (result, state) = ChildTable.watch(process)
    let place = try Errno.check(result)
    if state == KQ_CHILD_ENDED && !wantsExit {
      ChildTable.unwatch(place)
      throw Errno(ESRCH)
    }
    return children.append(Child(token: token, place: place))
  }

  /// - Returns: the knote that has moved to this position, where one has.
  public mutating func remove(_ position: UInt32) -> KnoteToken? {
    ChildTable.unwatch(children[Int(position)].place)
    return children.remove(position)
  }

  public mutating func free() {
    children.free()
  }

  // MARK: What became of them

  /// Has the next round put nothing off.
  public mutating func gatherDeferredNext() {
    nextDefersNothing = true
  }

  /// - Returns: whether `due` is a time that no sleeper can know.
  public mutating func beginRound() -> Bool {
    let before = due
    lookAgain()
    return due != 0 && due != before
  }

  private mutating func lookAgain() {
    let wasDue = due != 0
    due = 0
    guard count > 0 else { return }
    if !kq_signals_are_seen() { Signals.look(kq_child_signal()) }
    let signals = Signals.count(kq_child_signal())
    if signals != seen || wasDue || mayMiss {
      seen = signals
      due = ChildTable.look(mayPutOff: !nextDefersNothing)
    }
    nextDefersNothing = false
    guard hasEnds else { return }
    seenEnds = ChildTable.ends
    children.beginRound()
  }

  /// Has all gone through at the next look.
  public mutating func forgetEnds() {
    seenEnds = ChildTable.ends &- 1
  }

  /// Writes the ends that the round under way finds.
  public mutating func gather<State>(
    _ knotes: borrowing KnoteSlab<State>, _ buffer: UnsafeMutableBufferPointer<Happening>, _ written: inout Int
  ) {
    while written < buffer.count, let place = children.next() {
      let child = children[place]
      guard !knotes[child.token.index].status.contains(.ended), let end = end(of: child) else { continue }
      buffer[written] = end
      written += 1
    }
  }

  /// The end of the child at a position, as far as it is known.
  public func end(at position: UInt32) -> Happening? {
    end(of: children[Int(position)])
  }

  /// The status of one that was waited for before anybody looked is lost (contract 6.6).
  private func end(of child: Child) -> Happening? {
    let (state, status) = ChildTable.state(child.place)
    switch state {
    case KQ_CHILD_RUNS: return nil
    case KQ_CHILD_ENDED: return Happening(child.token, bits: NOTE_EXIT.bits | NOTE_EXITSTATUS.bits, data: Int(status))
    default: return Happening(child.token, bits: NOTE_EXIT.bits)
    }
  }
}
