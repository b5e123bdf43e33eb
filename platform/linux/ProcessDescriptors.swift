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

  mutating func attachProcess(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) -> Backing {
    if knote.kind == .procdesc {
      try enterOwnedByProgram(knote, knotes)
    } else {
      knote.platform.watch = -1
      if knote.status.contains(.ended) { return .recorded }
      try openProcess(knote, knotes)
      if !knote.platform.isLookedAt { knote.platform.place = .facility }
    }
    watched += 1
    return knote.kind == .proc && knote.platform.watch == -1 ? .recorded : .kernel
  }

  private mutating func enterOwnedByProgram(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) {
    try PidDescriptor(knote.descriptor).check()
    do throws(Errno) {
      try enter(knote, knotes)
    } catch {
      // A folder of /proc names a process as well, to all but epoll.
      throw error.code == EPERM ? Errno(EINVAL) : error
    }
  }

  /// - Throws: ESRCH where there is no such process, or nothing to expect of it.
  private mutating func openProcess(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) {
    do throws(Errno) {
      knote.platform.watch = try process(knote)
      if knote.platform.watch >= 0 {
        try refuseSuccessor(knote)
        try enterProcess(knote)
      } else {
        try lookAt(knote)
      }
    } catch {
      // A child that is gone by the time its birth is told: its end will be told where its birth was.
      leaveProcess(knote, knotes)
      guard error.code == ESRCH && knote.status.contains(.born) else { throw error }
    }
    do throws(Errno) {
      try follow(knote, knotes)
    } catch {
      leaveProcess(knote, knotes)
      throw error
    }
  }

  /// A child's birth may be told so late that its number is another process's by now.
  /// - Throws: ESRCH.
  private func refuseSuccessor(_ knote: LinuxKnoteRef) throws(Errno) {
    guard knote.status.contains(.born), let birth = families?.pointee.lastBirth, birth != 0 else { return }
    if PidDescriptor(knote.platform.watch).mayBeSuccessor(CInt(knote.ident), bornAt: birth) { throw Errno(ESRCH) }
  }

  /// A descriptor of a knote's process; -1 where the kernel has none.
  private func process(_ knote: LinuxKnoteRef) throws(Errno) -> CInt {
    guard knote.ident > 0, let number = CInt(exactly: knote.ident) else { throw Errno(ESRCH) }
    let descriptor = OwnDescriptors.move(PidDescriptor.open(number))
    switch descriptor {
    case 0...: break
    case -ENOSYS: return -1
    // A thread that is not its process's first has no descriptor of this kind.
    case -EINVAL, -ENOENT: throw Errno(ESRCH)
    default: throw Errno(-descriptor)
    }
    // One that has ended has nothing to tell but that (C-255).
    if knote.fflags & NOTE_EXIT == 0 && pollNow(descriptor, EPOLLIN.rawValue) > 0 {
      kq_close_descriptor(descriptor)
      throw Errno(ESRCH)
    }
    return descriptor
  }

  /// Enters a knote's process into the set, or does nothing where it is gone.
  mutating func enterProcess(_ knote: LinuxKnoteRef) throws(Errno) {
    let watch = knote.platform.watch
    if watch >= 0 { try main.add(watch, Self.events, EpollToken.knote(knote.token)) }
  }

  mutating func updateProcess(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) {
    let watch = knote.platform.watch
    guard knote.platform.place != .none else { return }
    try follow(knote, knotes)
    if knote.platform.isLookedAt { looks?.pointee.hurry() }
    if watch >= 0 { try main.modify(watch, Self.events, EpollToken.knote(knote.token)) }
  }

  mutating func detachProcess(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) {
    guard knote.platform.place != .none else { return }
    watched -= 1
    families?.pointee.leave(knote, knotes, main)
    leaveProcess(knote, knotes)
  }

  private mutating func leaveProcess(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) {
    if knote.platform.isLookedAt { lookNoMore(knote, knotes) } else { closeProcess(knote) }
    knote.platform.place = .none
  }

  private func closeProcess(_ knote: LinuxKnoteRef) {
    guard knote.platform.watch >= 0 else { return }
    main.forget(knote.platform.watch)
    OwnDescriptors.close(knote.platform.watch)
    knote.platform.watch = -1
  }

  public mutating func ended(_ knote: LinuxKnoteRef) -> Happening? {
    let watch = knote.platform.watch
    if knote.platform.isLookedAt { return looks?.pointee.end(of: knote) }
    return watch >= 0 && pollNow(watch, EPOLLIN.rawValue) > 0 ? end(knote) : nil
  }

  mutating func end(_ knote: LinuxKnoteRef) -> Happening? {
    let isOurs = knote.kind == .proc
    let descriptor = isOurs ? knote.platform.watch : knote.descriptor
    if !isOurs && !isSameFile(knote) { return nil }
    let token = knote.token
    let status = PidDescriptor(descriptor).status(of: isOurs ? CInt(knote.ident) : 0)
    if isOurs { closeProcess(knote) }
    return Happening(token, bits: NOTE_EXIT | (status != nil ? UInt32(NOTE_EXITSTATUS) : 0), data: Int(status ?? 0))
  }

  // MARK: What processes do

  /// Begins or ends reports of forks, execs and children as a knote's mask asks for them.
  /// - Throws: ENOTSUP where nothing tells of them.
  private mutating func follow(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) {
    if families == nil {
      guard knote.wantedFamilyInterest != .none else { return }
      families = try Arena.map(ProcessFamilies.self, count: 1)
      families.unsafelyUnwrapped.initialize(to: ProcessFamilies())
    }
    try families.unsafelyUnwrapped.pointee.follow(knote, knotes, in: main)
  }

  mutating func closeFamilies() {
    guard let families else { return }
    families.pointee.close()
    Arena.unmap(families, count: 1)
    self.families = nil
  }
}
