import CKQueue
import CKQueueShims.POSIX
import KQueueCore

/// A child that a knote of the kqueue is on.
struct Child: Listed {
  let token: KnoteToken
  /// Where what is known of it stands.
  let place: CInt
}

/// PROC (contract 6.6), of children alone (contract 6.14). SIGCHLD tells that something happened to one; which it was
/// is asked without reaping any, so the program's own waitpid(2) finds what it would have found.
struct ChildReaper: ~Copyable {
  var children = KnoteList<Child>()
  /// The count of SIGCHLD when they were last asked for, and of ends when they were last gone through.
  private var seen: CUnsignedInt = 0
  private var seenEnds: CUnsignedInt = 0
  /// When those are to be asked for that were not; 0 is never.
  private(set) var due: UInt64 = 0

  /// Whether there may be news that a handler told of.
  var hasNews: Bool { children.count > 0 && (kq_signal_count(kq_child_signal()) != seen || hasEnds) }
  private var hasEnds: Bool { kq_children_ends() != seenEnds }

  /// Whether SIGCHLD may come and run no handler.
  var mayMiss: Bool { children.count > 0 && kq_is_blocked_here(kq_child_signal()) }

  /// - Returns: whether `due` is a time that no sleeper can know.
  mutating func beginRound() -> Bool {
    let before = due
    lookAgain()
    return due != 0 && due != before
  }

  private mutating func lookAgain() {
    let wasDue = due != 0
    due = 0
    guard children.count > 0 else { return }
    if !kq_signals_are_seen() { kq_signal_look(kq_child_signal()) }
    let count = kq_signal_count(kq_child_signal())
    if count != seen || wasDue || mayMiss {
      seen = count
      due = kq_children_look()
    }
    guard hasEnds else { return }
    seenEnds = kq_children_ends()
    children.beginRound()
  }

  /// Has all gone through at the next look.
  mutating func forgetEnds() {
    seenEnds = kq_children_ends() &- 1
  }
}

extension POSIXBackend {
  /// - Throws: ESRCH where there is no such process or nothing to expect of it; ENOTSUP where it is not a child, or
  ///   for what nothing tells of; ENOMEM.
  mutating func attachProcess(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) {
    let knote = knotes[index]
    try refuseFamilies(knote)
    guard knote.pointee.ident > 0, let number = CInt(exactly: knote.pointee.ident) else { throw Errno(ESRCH) }
    // Of a copied kqueue: its end is recorded. Of the process itself: it has no use for its end.
    if knote.pointee.status.contains(.ended) || number == kq_process() { return }
    try reaper.children.reserve()
    try listenForChildren()
    do throws(Errno) {
      let place = try watchChild(number, wantsExit: knote.pointee.fflags & UInt32(NOTE_EXIT) != 0)
      knote.pointee.platform.place = .child
      knote.pointee.platform.position = reaper.children.append(
        Child(token: KnoteToken(index: index, generation: knote.pointee.generation), place: place))
    } catch {
      listenForChildrenNoMore()
      throw error
    }
    reaper.forgetEnds()
    noteChange()
  }

  mutating func detachProcess(_ index: UInt32, _ knotes: borrowing Knotes) {
    mayTellGone = true
    let position = knotes[index].pointee.platform.position
    kq_child_unwatch(reaper.children[Int(position)].place)
    if let moved = reaper.children.remove(position) { knotes[moved.index].pointee.platform.position = position }
    listenForChildrenNoMore()
  }

  /// Nothing in POSIX tells what a process does.
  func refuseFamilies(_ knote: POSIXKnotePointer) throws(Errno) {
    if knote.pointee.fflags & UInt32(NOTE_FORK | NOTE_EXEC | NOTE_TRACK) != 0 { throw Errno(ENOTSUP) }
  }

  private func watchChild(_ number: CInt, wantsExit: Bool) throws(Errno) -> CInt {
    var state = KQ_CHILD_UNKNOWN
    let place = kq_child_watch(number, &state)
    if place == -ECHILD { throw Errno(kq_process_exists(number) ? ENOTSUP : ESRCH) }
    try Errno.check(place)
    if state == KQ_CHILD_ENDED && !wantsExit {
      kq_child_unwatch(place)
      throw Errno(ESRCH)  // it has nothing to tell but that (C-255)
    }
    return place
  }

  // MARK: SIGCHLD

  private mutating func listenForChildren() throws(Errno) {
    if reaper.children.count == 0 { try listener.listen(to: kq_child_signal(), pipe.writing) }
  }

  private func listenForChildrenNoMore() {
    guard reaper.children.count == 0 else { return }
    listener.unlisten(to: kq_child_signal(), isWanted: counts(kq_child_signal()))
  }

  // MARK: What became of them

  mutating func gatherChildren(
    _ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>, _ written: inout Int
  ) {
    while written < buffer.count, let place = reaper.children.next() {
      let child = reaper.children[place]
      guard !knotes[child.token.index].pointee.status.contains(.ended), let end = end(of: child) else { continue }
      buffer[written] = end
      written += 1
    }
  }

  /// The status of one that was waited for before anybody looked is lost (contract 6.6).
  private func end(of child: Child) -> Happening? {
    var status: CInt = 0
    switch kq_child_state(child.place, &status) {
    case KQ_CHILD_RUNS: return nil
    case KQ_CHILD_ENDED: return Happening(child.token, bits: NOTE_EXIT | UInt32(NOTE_EXITSTATUS), data: Int(status))
    default: return Happening(child.token, bits: NOTE_EXIT)
    }
  }
}
