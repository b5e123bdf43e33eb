import CKQueueShims
import Synchronization

/// Signals that a thread blocks never reach a handler of its own: they are pending, and are looked for by each call of
/// kevent().
///
/// They stay pending (C-350): sigpending() tells of them, sigwait() takes them, and the handler runs once they are
/// unblocked. Each is counted once. Those that have been are marked where the system lets that be done (SignalMarks).
/// Elsewhere a number that was found pending counts again only once it was found not to be.
///
/// What is pending for one thread alone (pthread_kill, raise, a fault of its own) is seen in that thread: when it calls
/// kevent(), or unblocks it and so has the handler count it. No other thread can be told of it.
public enum PendingSignals {
  /// How often what is pending is looked at until nothing comes meanwhile.
  private static var tries: Int { 8 }

  /// How many looks found nothing new.
  public static var looks: UInt32 {
    SignalState.shared.pointee.looks.load(ordering: .sequentiallyConsistent)
  }

  /// Whether the calling thread has pending neither this signal nor any that is watched; false where the system does not
  /// tell.
  public static func areNoneWatched(or number: CInt) -> Bool {
    let error = kq_errno()
    defer { kq_set_errno(error) }
    guard let pending = SentSignals.toldPending else { return false }
    SignalMarks.noteNonePending(but: pending)
    return !pending.contains(number) && !isAnyWatched(pending)
  }

  /// Counts what is pending for the calling thread, watched and not counted yet; it stays pending. All who watch it are
  /// told, but not the caller of what is in `own`.
  /// - Parameter seen: what `looks` was before the caller was told of a signal; nil where no signalfd does.
  /// - Returns: false where it is to be looked at again, since another thread may take it, or has not taken it.
  public static func collect(own: kq_signal_numbers, _ seen: UnsafeMutablePointer<UInt32>?) -> Bool {
    let error = kq_errno()
    defer { kq_set_errno(error) }
    guard isAnyPending() && !isEcho(seen) else { return true }
    var look = Look(own: own)
    var isSettled = false
    var left = tries
    while left > 0 && !isSettled {
      look.lookAtAll()
      isSettled = !look.found || SignalMarks.isSettled(since: look.queued)
      left -= 1
    }
    if isSettled && look.found && look.fresh == 0, let seen { note(look.queued, seen) }
    return isSettled && !look.leaves
  }

  /// Notes what was sent before the first knote, so that it is not counted; `Signals.watch` does so by itself but for
  /// KQ_LISTENERS, who may not be after the signal as such.
  public static func withhold(_ number: CInt) {
    let error = kq_errno()
    defer { kq_set_errno(error) }
    guard SentSignals.pending.contains(number) && BlockedSignals.contain(number) && isLeftToUs(number) else { return }
    var marking = Marking(number: number, mark: .earlier)
    SignalMarks.mark(&marking)
  }

  /// sigpending(2) for the program, which does not see that what is pending is taken and sent again, nor that the lock
  /// blocks signals.
  public static func ask(_ set: UnsafeMutablePointer<sigset_t>?) -> CInt {
    guard Signals.areOwn else { return SentSignals.look(set) }
    let lock = SignalLock()
    let result = SentSignals.look(set)
    if result == 0 { kq_set_of(kq_numbers_of(set).intersection(lock.before), set) }
    lock.end()
    return result
  }

  /// The program has set an action. Where that ignores the signal, drops what is pending for the process and for the
  /// calling thread, since the kernel drops what is ignored, and counts what was not counted. What is pending for another
  /// thread alone cannot be taken, and stays. Of a storm that has no end it drops a part. The lock is held.
  @inline(never)
  static func discardIgnored(_ number: CInt) {
    let error = kq_errno()
    defer { kq_set_errno(error) }
    guard kq_marks_signals() && Signals.isIgnored(number) && SentSignals.pending.contains(number) else { return }
    var info = siginfo_t()
    var fresh: UInt32 = 0
    var left = 1 << 20
    while left > 0 && SentSignals.take(number, &info) {
      if !SignalMark.of(&info).isThere { fresh += 1 }
      ChildTable.hear(number, &info)
      left -= 1
    }
    if fresh == 0 { return }
    let record = SignalRecord.of(number)
    record.pointee.count.wrappingAdd(fresh, ordering: .sequentiallyConsistent)
    SignalHandler.notify(number)
    record.pointee.told.wrappingAdd(fresh, ordering: .sequentiallyConsistent)
  }

  /// Whether no thread will handle it: none has it unblocked, or waits for it.
  fileprivate static func isLeftToUs(_ number: CInt) -> Bool {
    switch SignalThreads.blocking(number) {
    case .everywhere: true
    case .somewhere: false
    // The system does not tell. Without a handler it comes to the same whichever thread takes it.
    case .untold: !SignalFronts.program(number).isHandler
    }
  }

  /// Whether a look is worth its cost.
  private static func isAnyPending() -> Bool {
    guard let pending = SentSignals.toldPending else { return false }
    SignalMarks.noteNonePending(but: pending)
    return isAnyWatched(pending)
  }

  private static func isAnyWatched(_ numbers: kq_signal_numbers) -> Bool {
    var isAny = false
    numbers.visit { isAny = isAny || Signals.isWatched($0) }
    return isAny
  }

  // MARK: Looks of several kqueues

  /// To look makes the system tell all kqueues of what is sent again; one whose thread sleeps may be told before that is
  /// dropped. Of two that look after one another there would be no end, so one that is told so, and finds the same queued
  /// as then, leaves it at that.
  private static func isEcho(_ seen: UnsafeMutablePointer<UInt32>?) -> Bool {
    let now = looks
    guard let seen, seen.pointee != now else { return false }
    seen.pointee = now
    return Queued.now.isSame(as: SignalState.shared.pointee.queuedAtLooks)
  }

  private static func note(_ queued: Queued, _ seen: UnsafeMutablePointer<UInt32>) {
    SignalState.shared.pointee.noteAtLooks(queued)
    seen.pointee = SignalState.shared.pointee.looks.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue
  }
}

/// A look at all that is watched, by whomever: what others are told of it is dropped.
private struct Look: BitwiseCopyable {
  /// The caller's.
  let own: kq_signal_numbers
  /// How many were counted.
  var fresh: UInt32 = 0
  /// Something was marked, or sent again with its mark.
  var found = false
  /// Something is to be looked at again.
  var leaves = false
  /// Before; but of `shared`, what still is when it is done.
  var queued = Queued()

  init(own: kq_signal_numbers) {
    self.own = own
  }

  /// One that is not blocked here comes to a handler by itself.
  mutating func lookAtAll() {
    leaves = false
    found = false
    queued = Queued.now
    let pending = SentSignals.pending.intersection(BlockedSignals.here)
    for number in 1..<CInt(KQ_SIGNALS) where pending.contains(number) && Signals.isWatched(number) {
      if PendingSignals.isLeftToUs(number) { count(number) } else { leaves = true }
    }
  }

  private mutating func count(_ number: CInt) {
    let handles = SignalFronts.program(number).isHandler
    var marking = Marking(number: number, mark: .counted, mayMove: !handles)
    SignalMarks.mark(&marking)
    found = true
    leaves = leaves || (marking.isShared && !handles)
    fresh &+= marking.fresh
    if marking.isShared { queued.shared.insert(number) } else { queued.shared.remove(number) }
    guard marking.fresh > 0 else { return }
    let record = SignalRecord.of(number)
    record.pointee.count.wrappingAdd(marking.fresh, ordering: .sequentiallyConsistent)
    tellOthers(number)
    record.pointee.told.wrappingAdd(marking.fresh, ordering: .sequentiallyConsistent)
  }

  /// A caller that watches it knows by itself; to be told again would make its kqueue readable for nothing.
  private func tellOthers(_ number: CInt) {
    let lock = SignalLock()
    let users = SignalRecord.of(number).pointee.users.load(ordering: .sequentiallyConsistent)
    if users > (own.contains(number) ? 1 : 0) { SignalHandler.notify(number) }
    lock.end()
  }
}
