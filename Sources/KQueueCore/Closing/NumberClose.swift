import CKQueueShims
import Synchronization

/// What the exported closing functions call: before a number is closed, and after.
extension KQueueRegistry where Backend: ~Copyable {
  /// Begins the close of a number: takes it out of every kqueue that watches it, and closes the kqueue that it names.
  /// Where it is inside of one, which the close is to take all the same (see `keeps`), that is noted. Async-signal-safe.
  /// - Returns: whether anything referred to it; then `endClose` is to be called once it is closed.
  @inline(never)
  @discardableResult
  public func beginClose(_ number: CInt) -> Bool {
    guard closesProcessDescriptors else { return false }
    if OwnDescriptors.isInside(number) && !namesKqueue(number) { OwnDescriptors.lose(number) }
    guard refersTo(number) else { return false }
    beginClose(number, descriptors.find(number).unsafelyUnwrapped)
    return true
  }

  /// After the close of a number that something referred to. Until then calls on a kqueue find it closed, though the
  /// system has it open. Async-signal-safe.
  public func endClose(_ number: CInt) {
    guard let record = descriptors.find(number) else { return }
    Backend.reach(.endingClose)
    _ = record.pointee.kqueue.compareExchange(
      expected: DescriptorRecord.closing, desired: 0, ordering: .acquiringAndReleasing)
    Backend.reach(.endedClose)
    doubt(number)
  }

  /// After the close of any number, also of one that nothing referred to before: whoever watches it now did so while it
  /// was being closed, and may have got the file that is gone. Async-signal-safe.
  @inline(__always)
  public func doubt(_ number: CInt) {
    guard number >= 0, let record = descriptors.find(number) else { return }
    if record.pointee.watchers.load(ordering: .relaxed) != 0 { doubtWatchers(number) }
  }

  @inline(never)
  private func doubtWatchers(_ number: CInt) {
    guard closesProcessDescriptors else { return }
    if visitWatchersIfFree(number, { tell($0, .doubtful(number)) }) { return }
    // Which kqueues they are is changed in this moment, and a closer does not wait.
    forEachSlot { tell($0.slot, .doubtful(number)) }
  }

  /// Whether a number is a kqueue's that is being closed.
  public func isClosing(_ number: CInt) -> Bool {
    guard number >= 0, let record = descriptors.find(number) else { return false }
    return record.pointee.kqueue.load(ordering: .acquiring) == DescriptorRecord.closing
  }

  /// Whether the number is open and is no kqueue of this library. A kqueue that is being closed does not count as
  /// another's, nor does one that another thread is making, or one of a parent's in a child whose fork ran no handler.
  ///
  /// The order decides: a close ends once the number is not open, and a kqueue is the library's once it is made.
  public func isForeign(_ number: CInt) -> Bool {
    if isClosing(number) { return false }
    guard kq_is_open(number) else { return false }
    kq_order_with_system()
    return state.pointee.making.load(ordering: .acquiring) == 0 && !OwnDescriptors.contains(number)
  }

  /// Whether the caller closes the process's descriptors: a child of vfork has the parent's memory and descriptors of
  /// its own, and so has a thread with a table of its own.
  private var closesProcessDescriptors: Bool {
    ProcessMark.isHere(state.pointee.process) && SeparateTables.areNone(of: state.pointee.process)
  }

  /// Whether the library uses a number. Async-signal-safe.
  @inline(__always)
  public func knows(_ number: CInt) -> Bool {
    refersTo(number) || OwnDescriptors.isInside(number)
  }

  @inline(__always)
  private func refersTo(_ number: CInt) -> Bool {
    guard number >= 0, let record = descriptors.find(number) else { return false }
    return record.pointee.watchers.load(ordering: .relaxed) | record.pointee.kqueue.load(ordering: .relaxed) != 0
  }

  /// Likewise for each number of a range.
  /// - Returns: whether the caller closes the process's descriptors: then the close is to leave out those inside.
  @discardableResult
  public func beginClose(from first: CInt, through last: CInt) -> Bool {
    guard closesProcessDescriptors else { return false }
    descriptors.forEach(from: first, through: last) { if refersTo($0) { beginClose($0) } }
    var number = OwnDescriptors.next(from: first, through: last)
    while number >= 0 {
      if !keeps(number) { OwnDescriptors.lose(number) }
      number = number < last ? OwnDescriptors.next(from: number + 1, through: last) : -1
    }
    return true
  }

  // MARK: What no close takes

  /// Whether a number is a descriptor inside. The program was never given it, so a program that closes all numbers does
  /// not mean it. A waiter of a kqueue that is closed among them sleeps until the wake descriptor reports that, and a
  /// kqueue of a lower number goes on. A number that was closed unseen may be another file's by now, which is looked at.
  /// Async-signal-safe.
  @inline(never)
  public func keeps(_ number: CInt) -> Bool {
    OwnDescriptors.isInside(number) && closesProcessDescriptors && !namesKqueue(number) && OwnFiles.contain(number)
  }

  /// Whether a number is a kqueue's, which stands in the same list and may be as high as those inside.
  private func namesKqueue(_ number: CInt) -> Bool {
    guard let record = descriptors.find(number) else { return false }
    return record.pointee.kqueue.load(ordering: .acquiring) != 0
  }

  /// After the close of a range of numbers.
  public func endClose(from first: CInt, through last: CInt) {
    guard closesProcessDescriptors else { return }
    descriptors.forEach(from: first, through: last) { endClose($0) }
  }

  private func beginClose(_ number: CInt, _ record: UnsafeMutablePointer<DescriptorRecord>) {
    Backend.reach(.beginningClose)
    takeWatchers(record) { slot in
      Backend.reach(.tookWatchers)
      let had = Backend.forget(number, slot.pointee.watchSets)
      if !had { slot.pointee.mayReportStale.store(true, ordering: .releasing) }
      Backend.reach(.forgot)
      tell(slot, .closed(number))
    }
    let word = restingKqueue(record)
    // Of two that close it at once, one does.
    guard let handle = kqueue(of: word),
      record.pointee.kqueue.compareExchange(
        expected: word, desired: DescriptorRecord.closing, ordering: .acquiringAndReleasing
      ).exchanged
    else { return }
    Backend.reach(.tookKqueue)
    OwnDescriptors.forget(number)
    handle.close()
  }

  /// The record's word, after waiting for a move to end. A move is one system call with signals blocked.
  /// Async-signal-safe.
  private func restingKqueue(_ record: UnsafeMutablePointer<DescriptorRecord>) -> UInt {
    var word = record.pointee.kqueue.load(ordering: .acquiring)
    while word & DescriptorRecord.moving != 0 {
      Backend.reach(.idle)
      pauseBriefly()
      word = record.pointee.kqueue.load(ordering: .acquiring)
    }
    return word
  }

  /// Tells a kqueue of a number. Async-signal-safe.
  @inline(never)
  func tell(_ slot: UnsafeMutablePointer<Slot>, _ hint: Hint) {
    slot.pointee.closeHints.post(hint) { Backend.reach($0) }
    Backend.reach(.told)
    interrupt(slot)
    Backend.reach(.interrupted)
  }

  /// Wakes a waiter so that it processes the close. Either it finds the close noted before it waits, or it is found to
  /// wait.
  @inline(__always)
  private func interrupt(_ slot: UnsafeMutablePointer<Slot>) {
    guard Backend.waitsKeepFiles else { return }
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    Backend.interrupt(slot.pointee.watchSets)
  }
}
