import CKQueueShims
import Synchronization

/// Counts signals for EVFILT_SIGNAL (contract 6.8): a handler of ours stands in front of the program's action, counts,
/// wakes the waiters, and then does what the program wants done; see SignalHandler.
///
/// Two things that cannot be seen: what libc changes by itself (system(3) ignores SIGINT and SIGQUIT for its time, and
/// they are not counted then), and exec. A signal that is ignored and watched is ignored also in what a forked child
/// executes, but is at its default in what vfork or posix_spawn start: those have the handler of ours, which exec resets.
///
/// A process that came by a fork has a copy of what is kept, and a child of vfork the very memory: both are told from the
/// process that registered by its number.
public enum Signals {
  /// How often what a handler is about to do is waited for: it never takes so long.
  private static var tries: Int { 20_000 }

  public static func exists(_ number: CInt) -> Bool {
    number > 0 && number < CInt(KQ_SIGNALS) && number <= kq_last_signal()
  }

  /// Not SIGKILL and SIGSTOP.
  public static func canBeSeen(_ number: CInt) -> Bool {
    number != SIGKILL && number != SIGSTOP
  }

  /// Whether a knote counts a signal; one load.
  @inline(__always)
  static func isWatched(_ number: CInt) -> Bool {
    number > 0 && number < CInt(KQ_SIGNALS) && SignalRecord.of(number).pointee.users.load(ordering: .acquiring) != 0
  }

  /// Whether the counting is this process's, and not a parent's that is seen through shared or copied memory.
  static var areOwn: Bool {
    @inline(never) get { areOf(kq_process()) }
  }

  private static func areOf(_ process: CInt) -> Bool {
    SignalState.shared.pointee.owner.load(ordering: .sequentiallyConsistent) == process
  }

  // MARK: What is counted

  /// Occurrences ever; it wraps.
  public static func count(_ number: CInt) -> UInt32 {
    SignalRecord.of(number).pointee.count.load(ordering: .sequentiallyConsistent)
  }

  /// Returns when the notification of the occurrences up to a count is written, which a handler does after it counts:
  /// who takes the count and drops the notification before that is told of nothing later.
  ///
  /// A handler that never goes on, as its thread was cancelled in it, is given up once for all. Where another handler
  /// has told meanwhile, its step forward stays.
  public static func await(_ number: CInt, _ count: UInt32) {
    let record = SignalRecord.of(number)
    var told = record.pointee.told.load(ordering: .sequentiallyConsistent)
    var left = tries
    while left > 0 && Int32(bitPattern: count &- told) > 0 {
      pauseBriefly()
      told = record.pointee.told.load(ordering: .sequentiallyConsistent)
      left -= 1
    }
    guard Int32(bitPattern: count &- told) > 0 else { return }
    _ = record.pointee.told.compareExchange(expected: told, desired: count, ordering: .sequentiallyConsistent)
  }

  /// The descriptor that is written to at each occurrence, or -1 where a new one must be made.
  public static func notifier(_ number: CInt) -> CInt {
    isWatched(number) && areOwn ? ownNotifier(number) : -1
  }

  private static func ownNotifier(_ number: CInt) -> CInt {
    let notifier = SignalRecord.of(number).pointee.notifier.load(ordering: .sequentiallyConsistent) - 1
    if notifier == CInt(KQ_LISTENERS) { return notifier }
    // A bare system call may have closed it. Where closes are seen, a number that is in use again is not told apart.
    return notifier >= 0 && OwnDescriptors.isStillOwn(notifier) && kq_is_open(notifier) ? notifier : -1
  }

  // MARK: Who counts

  /// Counts for one knote more, writing to this descriptor unless there is one. Signals are held back.
  /// - Returns: the one in use, or a negative errno; -EAGAIN where there is neither.
  public static func watch(_ number: CInt, _ notifier: CInt) -> CInt {
    let record = SignalRecord.of(number)
    // Found out here, since handlers cannot.
    _ = kq_signals_are_seen()
    _ = kq_is_interposed()
    let lock = SignalLock(isShielded: true)
    becomeOwner(lock.process)
    SignalState.shared.pointee.noteWatched(number)
    // From here on the program's calls wait for the lock.
    let isFirst = record.pointee.users.add(1, ordering: .sequentiallyConsistent).oldValue == 0
    let used = begin(number, notifier, isFirst)
    if used < 0 && isFirst {
      record.pointee.forget()
    } else if used < 0 {
      record.pointee.users.subtract(1, ordering: .sequentiallyConsistent)
    }
    lock.end()
    if used >= 0 && isFirst && used != CInt(KQ_LISTENERS) { PendingSignals.withhold(number) }
    return used
  }

  private static func begin(_ number: CInt, _ fresh: CInt, _ isFirst: Bool) -> CInt {
    let known = ownNotifier(number)
    let used = known < 0 ? fresh : known
    guard used >= 0 else { return -EAGAIN }
    SignalRecord.of(number).pointee.notifier.store(used + 1, ordering: .sequentiallyConsistent)
    let error = isFirst ? SignalFronts.begin(number) : 0
    return error == 0 ? used : error
  }

  /// Counts for one knote fewer. The last one gone, all is as it was.
  /// - Returns: the descriptor to close, or -1.
  public static func unwatch(_ number: CInt) -> CInt {
    let record = SignalRecord.of(number)
    let lock = SignalLock()
    let users = areOwn ? record.pointee.users.load(ordering: .sequentiallyConsistent) : 0
    let notifier = users == 1 ? end(number, lock.before) : -1
    if users > 0 { record.pointee.users.subtract(1, ordering: .sequentiallyConsistent) }
    lock.end()
    return notifier >= 0 && OwnDescriptors.isInside(notifier) ? notifier : -1
  }

  private static func end(_ number: CInt, _ mask: kq_signal_numbers) -> CInt {
    let record = SignalRecord.of(number)
    // A pending signal that the kernel ignores by default is dropped when the default action is set. The program did not
    // ask for that, so ours stays in front, which does what the default does. Of other signals, a pending one that this
    // thread blocks would take the default action once unblocked. Those that were counted were sent while that action was
    // held back, so they are taken away.
    let isAtDefault = SignalFronts.program(number).handler == kq_default_action()
    let isPending = isAtDefault && SentSignals.pending.contains(number)
    let isIgnored = isIgnoredByDefault(number)
    if isPending && !isIgnored && BlockedSignals.asked(mask).contains(number) { SignalMarks.dropCounted(number) }
    if !(isPending && isIgnored) { SignalFronts.giveBack(number) }
    let notifier = record.pointee.notifier.exchange(0, ordering: .sequentiallyConsistent) - 1
    return awaitHandlers(record) ? notifier : -1
  }

  /// Waits until no handler is about to write to what is going to be closed.
  /// - Returns: whether there is none; one that never comes on is left behind.
  private static func awaitHandlers(_ record: UnsafeMutablePointer<SignalRecord>) -> Bool {
    for _ in 0..<tries {
      if record.pointee.busy.load(ordering: .sequentiallyConsistent) == 0 { return true }
      pauseBriefly()
    }
    return false
  }

  /// What the kernel does nothing for, unless it is asked for it.
  private static func isIgnoredByDefault(_ number: CInt) -> Bool {
    number == SIGCHLD || number == SIGURG || number == SIGCONT || number == SIGWINCH
  }

  /// Whether the program has the kernel do nothing for a signal.
  static func isIgnored(_ number: CInt) -> Bool {
    let handler = SignalFronts.program(number).handler
    return handler == kq_ignoring_action() || (handler == kq_default_action() && isIgnoredByDefault(number))
  }

  /// Where the program's sigaction() is not ours: looks whether it has put a handler in place of ours, and stands in
  /// front of that.
  public static func look(_ number: CInt) {
    SignalFronts.look(number)
  }

  // MARK: Processes

  /// In a forked child: all is as it was before anything was watched. Async-signal-safe.
  public static func forgetInChild() {
    forgetAll()
    SignalState.shared.pointee.owner.store(0, ordering: .sequentiallyConsistent)
    SignalState.shared.pointee.lockHolder.store(0, ordering: .sequentiallyConsistent)
  }

  /// The first to come after a fork that ran no handler does here what that would have done.
  private static func becomeOwner(_ process: CInt) {
    if areOf(process) { return }
    forgetAll()
    SignalState.shared.pointee.owner.store(process, ordering: .sequentiallyConsistent)
  }

  private static func forgetAll() {
    Listeners.forgetAll()
    ChildTable.forgetAll()
    SignalState.shared.pointee.everWatched.visit { number in
      let record = SignalRecord.of(number)
      record.pointee.told.store(
        record.pointee.count.load(ordering: .sequentiallyConsistent), ordering: .sequentiallyConsistent)
      guard isWatched(number) else { return }
      SignalFronts.giveBack(number)
      record.pointee.forget()
    }
  }

  /// A descriptor is gone: it notifies of nothing any more. Async-signal-safe.
  static func lose(_ descriptor: CInt) {
    SignalState.shared.pointee.everWatched.visit { number in
      _ = SignalRecord.of(number).pointee.notifier.compareExchange(
        expected: descriptor + 1, desired: 0, ordering: .sequentiallyConsistent)
    }
  }
}
