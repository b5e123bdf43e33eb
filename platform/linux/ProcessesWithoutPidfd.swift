import CKQueueShims.Linux
import KQueueCore

/// PROC where the kernel has no descriptors of processes: what stands between `ProcessLooks`, signals and the
/// connector.
extension LinuxBackend {
  /// - Throws: ESRCH where there is no such process, or nothing to expect of it; EMFILE, ENFILE, ENOMEM.
  mutating func lookAt(_ knote: LinuxKnoteRef) throws(Errno) {
    let number = CInt(truncatingIfNeeded: knote.ident)
    let look = try ProcessStat(now: number)
    try refuseSuccessor(knote, look)
    do throws(Errno) {
      try openLooks()
      let isChild = number == kq_process() ? false : try addChild(knote, number)
      if !isChild {
        try looks.unsafelyUnwrapped.pointee.addOther(knote, look)
      }
    } catch {
      closeUselessLooks()
      throw error
    }
  }

  /// - Returns: whether it is one.
  private mutating func addChild(_ knote: LinuxKnoteRef, _ number: CInt) throws(Errno) -> Bool {
    try listenForChildren()
    do throws(Errno) {
      try looks.unsafelyUnwrapped.pointee.addChild(knote, number)
      return true
    } catch {
      listenForChildrenNoMore()
      guard error.code == ECHILD else { throw error }
      return false
    }
  }

  private func refuseSuccessor(_ knote: LinuxKnoteRef, _ look: ProcessStat) throws(Errno) {
    guard knote.status.contains(.born), let birth = families?.pointee.lastBirth, birth != 0 else { return }
    if look.began(after: birth) { throw Errno(ESRCH) }
  }

  mutating func lookNoMore(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) {
    looks?.pointee.remove(knote, knotes)
    knote.platform.watch = -1
    listenForChildrenNoMore()
    closeUselessLooks()
  }

  private mutating func closeUselessLooks() {
    guard let looks, looks.pointee.isUseless else { return }
    looks.pointee.leave(main)
    closeLooks()
  }

  private mutating func openLooks() throws(Errno) {
    if looks == nil {
      looks = try Arena.map(ProcessLooks.self, count: 1)
      looks.unsafelyUnwrapped.initialize(to: ProcessLooks())
    }
    try looks.unsafelyUnwrapped.pointee.open(in: main)
  }

  // MARK: SIGCHLD

  private mutating func listenForChildren() throws(Errno) {
    guard let looks, !looks.pointee.isListening else { return }
    let notifier = try watchSignal(kq_child_signal())
    do throws(Errno) {
      try looks.pointee.listen(to: notifier, in: main)
    } catch {
      unwatchSignal(kq_child_signal())
      throw error
    }
  }

  private mutating func listenForChildrenNoMore() {
    guard let looks, looks.pointee.isListening && !looks.pointee.hasChildren else { return }
    looks.pointee.listenNoMore(main)
    unwatchSignal(kq_child_signal())
  }

  // MARK: What became of them

  /// What has ended is found out first and told last, behind what it did before (C-349).
  mutating func gatherProcesses(_ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>) -> Int {
    looks?.pointee.beginRound()
    let told = families?.pointee.gather(knotes, buffer, looks) ?? 0
    // Its end is told before it is over.
    if let families, families.pointee.takeToldEnd() { looks?.pointee.hurry(in: 1_000_000) }
    if told > 0 { return told }
    return looks?.pointee.gather(knotes, buffer) ?? 0
  }

  mutating func closeLooks() {
    guard let looks else { return }
    looks.pointee.close()
    Arena.unmap(looks, count: 1)
    self.looks = nil
  }
}
