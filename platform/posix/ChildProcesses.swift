import CKQueue
import CKQueueShims.POSIX
import KQueueCore

/// PROC (contract 6.6), of children alone (contract 6.14).
extension POSIXBackend {
  /// - Throws: ESRCH where there is no such process or nothing to expect of it; ENOTSUP where it is not a child, or
  ///   for what nothing tells of; ENOMEM.
  mutating func attachProcess(_ knote: POSIXKnoteRef, _ knotes: borrowing Knotes) throws(Errno) {
    try refuseFamilies(knote)
    guard knote.ident > 0, let number = CInt(exactly: knote.ident) else { throw Errno(ESRCH) }
    // Of a copied kqueue: its end is recorded. Of the process itself: it has no use for its end.
    if knote.status.contains(.ended) || number == kq_process() { return }
    try childExits.reserve()
    try listenForChildren()
    do throws(Errno) {
      let wantsExit = knote.fflags & UInt32(NOTE_EXIT) != 0
      let token = knote.token
      let position = try childExits.add(token, number, wantsExit: wantsExit)
      knote.platform.position = position
      knote.platform.place = .child
      // Of one that has ended already the signal came before anybody listened, or was gathered (C-351).
      if childExits.end(at: position) != nil { _ = pipe.signal() }
    } catch {
      listenForChildrenNoMore()
      throw error.code == ECHILD ? Errno(kq_process_exists(number) ? ENOTSUP : ESRCH) : error
    }
    noteChange()
  }

  mutating func detachProcess(_ knote: POSIXKnoteRef, _ knotes: borrowing Knotes) {
    noteStaleByte()
    let position = knote.platform.position
    if let moved = childExits.remove(position) { knotes[moved.index].platform.position = position }
    listenForChildrenNoMore()
  }

  /// Nothing in POSIX tells what a process does.
  func refuseFamilies(_ knote: POSIXKnoteRef) throws(Errno) {
    if knote.fflags & UInt32(NOTE_FORK | NOTE_EXEC | NOTE_TRACK) != 0 { throw Errno(ENOTSUP) }
  }

  // MARK: SIGCHLD

  private mutating func listenForChildren() throws(Errno) {
    if childExits.count == 0 { try listener.listen(to: kq_child_signal(), pipe.writing) }
  }

  private func listenForChildrenNoMore() {
    guard childExits.count == 0 else { return }
    listener.unlisten(to: kq_child_signal(), isWanted: counts(kq_child_signal()))
  }
}
