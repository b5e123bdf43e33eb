import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// PROC and PROCDESC: a process's end, by a descriptor of it (contract 6.6, 6.7).
///
/// For PROC the descriptor is ours and held from the beginning, so the number's next process is never taken for
/// this one. It stands in the kqueue's set, is reported once, and is given back then; its knote may wait for long.
/// For PROCDESC it is the program's, and stands there as any other descriptor does.
extension LinuxBackend {
  private static var events: UInt32 { EPOLLIN.rawValue | EPOLLET.rawValue }

  mutating func attachProcess(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) -> Backing {
    let knote = knotes[index]
    if knote.pointee.kind == .procdesc {
      try enterOwnedByProgram(index, knotes)
    } else {
      knote.pointee.platform.watch = -1
      if knote.pointee.status.contains(.ended) { return .recorded }
      try openProcess(index, knotes)
      if !knote.pointee.platform.isLookedAt { knote.pointee.platform.place = .facility }
    }
    watched += 1
    return knote.pointee.kind == .proc && knote.pointee.platform.watch == -1 ? .recorded : .kernel
  }

  private mutating func enterOwnedByProgram(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) {
    try Errno.check(kq_pidfd_check(knotes[index].pointee.descriptor))
    do throws(Errno) {
      try enter(index, knotes)
    } catch {
      // A folder of /proc names a process as well, to all but epoll.
      throw error.code == EPERM ? Errno(EINVAL) : error
    }
  }

  /// - Throws: ESRCH where there is no such process, or nothing to expect of it.
  private mutating func openProcess(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) {
    let knote = knotes[index]
    do throws(Errno) {
      knote.pointee.platform.watch = try process(knote)
      if knote.pointee.platform.watch >= 0 {
        try refuseSuccessor(knote)
        try enterProcess(index, knotes)
      } else {
        try lookAt(index, knotes)
      }
    } catch {
      // A child that is gone by the time its birth is told: its end will be told where its birth was.
      leaveProcess(knote, knotes)
      guard error.code == ESRCH && knote.pointee.status.contains(.born) else { throw error }
    }
    do throws(Errno) {
      try follow(index, knotes)
    } catch {
      leaveProcess(knote, knotes)
      throw error
    }
  }

  /// A child's birth may be told so late that its number is another process's by now.
  /// - Throws: ESRCH.
  private func refuseSuccessor(_ knote: LinuxKnotePointer) throws(Errno) {
    guard knote.pointee.status.contains(.born), let birth = families?.pointee.lastBirth, birth != 0 else { return }
    if kq_pidfd_began_after(knote.pointee.platform.watch, CInt(knote.pointee.ident), birth) { throw Errno(ESRCH) }
  }

  /// A descriptor of a knote's process; -1 where the kernel has none.
  private func process(_ knote: LinuxKnotePointer) throws(Errno) -> CInt {
    guard knote.pointee.ident > 0, let number = CInt(exactly: knote.pointee.ident) else { throw Errno(ESRCH) }
    let descriptor = kq_move_high(kq_pidfd_open(number))
    switch descriptor {
    case 0...: break
    case -ENOSYS: return -1
    // A thread that is not its process's first has no descriptor of this kind.
    case -EINVAL, -ENOENT: throw Errno(ESRCH)
    default: throw Errno(-descriptor)
    }
    // One that has ended has nothing to tell but that (C-255).
    if knote.pointee.fflags & NOTE_EXIT == 0 && kq_poll(descriptor, POLLIN) > 0 {
      kq_close_descriptor(descriptor)
      throw Errno(ESRCH)
    }
    return descriptor
  }

  /// Enters a knote's process into the set, or does nothing where it is gone.
  mutating func enterProcess(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) {
    let (watch, generation) = (knotes[index].pointee.platform.watch, knotes[index].pointee.generation)
    if watch >= 0 { try main.add(watch, Self.events, EpollToken.knote(index, generation)) }
  }

  mutating func updateProcess(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) {
    let (watch, generation) = (knotes[index].pointee.platform.watch, knotes[index].pointee.generation)
    guard knotes[index].pointee.platform.place != .none else { return }
    try follow(index, knotes)
    if knotes[index].pointee.platform.isLookedAt { looks?.pointee.hurry() }
    if watch >= 0 { try main.modify(watch, Self.events, EpollToken.knote(index, generation)) }
  }

  mutating func detachProcess(_ index: UInt32, _ knotes: borrowing Knotes) {
    let knote = knotes[index]
    guard knote.pointee.platform.place != .none else { return }
    watched -= 1
    families?.pointee.leave(index, knotes)
    // A process that was cloned without our knowing may hold it open, and its entry with it.
    if knote.pointee.platform.watch >= 0 { try? main.remove(knote.pointee.platform.watch) }
    leaveProcess(knote, knotes)
  }

  private mutating func leaveProcess(_ knote: LinuxKnotePointer, _ knotes: borrowing Knotes) {
    if knote.pointee.platform.isLookedAt { lookNoMore(knote, knotes) } else { closeProcess(knote) }
    knote.pointee.platform.place = .none
  }

  private func closeProcess(_ knote: LinuxKnotePointer) {
    guard knote.pointee.platform.watch >= 0 else { return }
    kq_close_own(knote.pointee.platform.watch)
    knote.pointee.platform.watch = -1
  }

  public mutating func ended(_ index: UInt32, _ knotes: borrowing Knotes) -> Happening? {
    let watch = knotes[index].pointee.platform.watch
    if knotes[index].pointee.platform.isLookedAt { return looks?.pointee.end(of: knotes[index]) }
    return watch >= 0 && kq_poll(watch, POLLIN) > 0 ? end(index, knotes) : nil
  }

  mutating func end(_ index: UInt32, _ knotes: borrowing Knotes) -> Happening? {
    let knote = knotes[index]
    let isOurs = knote.pointee.kind == .proc
    let descriptor = isOurs ? knote.pointee.platform.watch : knote.pointee.descriptor
    if !isOurs && !isSameFile(knote) { return nil }
    let token = KnoteToken(index: index, generation: knote.pointee.generation)
    var status: CInt = 0
    let isKnown = kq_pidfd_status(descriptor, isOurs ? CInt(knote.pointee.ident) : 0, &status)
    if isOurs { closeProcess(knote) }
    return Happening(token, bits: NOTE_EXIT | (isKnown ? UInt32(NOTE_EXITSTATUS) : 0), data: Int(status))
  }

  // MARK: What processes do

  /// Has forks and the like told as a knote's mask wants them.
  /// - Throws: ENOTSUP where nothing tells of them.
  private mutating func follow(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) {
    if families == nil {
      guard knotes[index].pointee.wantedFamilyInterest != .none else { return }
      families = try Arena.map(ProcessFamilies.self, count: 1)
      families.unsafelyUnwrapped.initialize(to: ProcessFamilies())
    }
    try families.unsafelyUnwrapped.pointee.follow(index, knotes, in: main)
  }

  mutating func closeFamilies() {
    guard let families else { return }
    families.pointee.close()
    Arena.unmap(families, count: 1)
    self.families = nil
  }
}
