import CKQueueShims
import Synchronization

/// The handlers of ours that stand in front of the program's actions: putting one in place, finding it replaced, giving
/// the program's action back. The lock of signals is held where something is changed.
///
/// Where the program's sigaction() is not ours it may replace a handler of ours, remember it, and call it from its own; so
/// may another copy of this library. So there are several, and one that may be remembered goes on to stand for the action
/// that it stood in front of: in front of another it would call what calls it, without end.
enum SignalFronts {
  // MARK: The program's action

  /// Where an action is a handler of ours, puts the program's in its place.
  /// - Returns: the place of the handler, or -1.
  @inline(never) @discardableResult
  static func translate(_ number: CInt, _ action: inout kq_action) -> CInt {
    let place = kq_place_of_front(action.handler)
    if place >= 0 { action = SignalRecord.front(number, UInt32(place)).pointee.load() }
    return place
  }

  /// The program's action of a watched signal.
  @inline(never)
  static func program(_ number: CInt) -> kq_action {
    let place = SignalRecord.of(number).pointee.front.load(ordering: .sequentiallyConsistent)
    return SignalRecord.front(number, place).pointee.load()
  }

  /// - Returns: 0, or a negative errno.
  @inline(never)
  static func setProgram(_ number: CInt, _ action: kq_action) -> CInt {
    let place = SignalRecord.of(number).pointee.front.load(ordering: .sequentiallyConsistent)
    var program = action
    translate(number, &program)
    var ours = kq_action()
    let error = install(number, place, program, &ours, nil)
    if error == 0 { SignalRecord.front(number, place).pointee.store(program) }
    return error
  }

  // MARK: In front of it

  /// Puts a handler of ours in front of the program's action.
  /// - Returns: 0, or a negative errno.
  static func begin(_ number: CInt) -> CInt {
    var program = kq_action()
    let error = kq_next_action(number, nil, &program)
    if error != 0 { return error }
    return stand(number, &program)
  }

  /// Puts a handler of ours in front of what was found; or where that is one of ours, lets it be what it was.
  ///
  /// Where all that there are may be remembered, what was found is trusted to call the last.
  @inline(never)
  private static func stand(_ number: CInt, _ found: inout kq_action) -> CInt {
    let place = place(number, for: found.handler)
    if place < 0 { return 0 }
    let front = SignalRecord.of(number).pointee.front.load(ordering: .sequentiallyConsistent)
    if front != UInt32(place) { SignalRecord.front(number, front).pointee.leave(at: Signals.count(number)) }
    SignalRecord.front(number, UInt32(place)).pointee.keep()
    translate(number, &found)
    return stand(in: UInt32(place), number, &found)
  }

  /// The place of the handler of ours that is the one found, or stands for it, or can; or -1.
  @inline(never)
  private static func place(_ number: CInt, for handler: UInt) -> CInt {
    var available = kq_place_of_front(handler)
    if available >= 0 { return available }
    let count = Signals.count(number)
    var place = CInt(KQ_FRONTS) - 1
    while place >= 0 {
      let front = SignalRecord.front(number, UInt32(place))
      if front.pointee.isInUse && front.pointee.load().handler == handler { return place }
      if front.pointee.isAvailable(at: count) { available = place }
      place -= 1
    }
    return available
  }

  /// Puts ours in front of what was found. As in `giveBack`, what comes in between is the program's action from then on,
  /// to be stood in front of.
  @inline(__always)
  private static func stand(in place: UInt32, _ number: CInt, _ program: inout kq_action) -> CInt {
    var found = kq_action()
    var ours = kq_action()
    var expected = program
    while true {
      SignalRecord.front(number, place).pointee.store(program)
      SignalRecord.of(number).pointee.front.store(place, ordering: .sequentiallyConsistent)
      let error = install(number, place, program, &ours, &found)
      if error != 0 || kq_place_of_front(found.handler) >= 0 || isSame(found, expected) { return error }
      expected = ours
      program = found
    }
  }

  /// Puts the program's action back where ours is in force. The program may change the action meanwhile, by a call that
  /// does not wait for the lock; then the newer action stays.
  @inline(never)
  static func giveBack(_ number: CInt) {
    var replaced = kq_action()
    guard kq_next_action(number, nil, &replaced) == 0 else { return }
    var action = replaced
    let place = translate(number, &action)
    if place < 0 { return }
    var found = kq_action()
    while kq_next_action(number, &action, &found) == 0 && !isSame(found, replaced) {
      replaced = action
      action = found
    }
    if kq_signals_are_seen() { SignalRecord.front(number, UInt32(place)).pointee.free() }
  }

  /// Whether one was put in and the other read back, by the flags that programs set: systems add some of their own; and
  /// by the signals that can be blocked.
  @inline(never)
  private static func isSame(_ one: kq_action, _ other: kq_action) -> Bool {
    let flags =
      KQ_SA_RESETHAND | KQ_SA_NOCLDSTOP | KQ_SA_NOCLDWAIT | KQ_SA_NODEFER | KQ_SA_ONSTACK | KQ_SA_RESTART
      | KQ_SA_SIGINFO
    var masks = kq_signal_numbers(
      low: one.mask.low ^ other.mask.low, high: one.mask.high ^ other.mask.high)
    masks.remove(SIGKILL)
    masks.remove(SIGSTOP)
    return one.handler == other.handler && (one.flags ^ other.flags) & CInt(truncatingIfNeeded: flags) == 0
      && masks.isEmpty
  }

  /// - Parameter ours: what was put in.
  @inline(never)
  private static func install(
    _ number: CInt, _ place: UInt32, _ program: kq_action, _ ours: inout kq_action,
    _ old: UnsafeMutablePointer<kq_action>?
  ) -> CInt {
    let yields = mustBeIgnored(number, program)
    ours = yields ? program : made(number, place, program)
    SignalRecord.of(number).pointee.yields.store(yields, ordering: .sequentiallyConsistent)
    return kq_next_action(number, &ours, old)
  }

  /// In front of a function it has the kernel block what the program asks for: what it blocked before is not told, and
  /// need not be what the signal's context says, as in sigsuspend(2). Ours blocks the rest at once.
  private static func made(_ number: CInt, _ place: UInt32, _ program: kq_action) -> kq_action {
    let flags = program.isHandler ? Int(program.flags) & ~KQ_SA_RESETHAND : quietFlags(number, program)
    return kq_action(
      handler: kq_front_in(place), flags: CInt(truncatingIfNeeded: flags | KQ_SA_SIGINFO),
      mask: program.isHandler ? program.mask : kq_all_signals())
  }

  private static func isOfBackground(_ number: CInt) -> Bool {
    number == SIGTTIN || number == SIGTTOU
  }

  /// What an action that handles nothing lets the kernel do.
  private static func quietFlags(_ number: CInt, _ program: kq_action) -> Int {
    // A handler of ours must not overrun a small stack, nor end a call that the signal did not end before; but a read
    // from the background would be tried again and again.
    var flags = isOfBackground(number) ? KQ_SA_ONSTACK : KQ_SA_ONSTACK | KQ_SA_RESTART
    guard number == SIGCHLD else { return flags }
    flags |= Int(program.flags) & (KQ_SA_NOCLDSTOP | KQ_SA_NOCLDWAIT)
    // Children of a program that ignores them leave nothing to wait for.
    return program.handler == kq_ignoring_action() ? flags | KQ_SA_NOCLDWAIT : flags
  }

  /// Whether the process may have a terminal; where that cannot be told it may. No cancellation point.
  private static var mayHaveTerminal: Bool {
    let error = kq_errno()
    defer { kq_set_errno(error) }
    let terminal = openToRead(UnsafeRawPointer(("/dev/tty" as StaticString).utf8Start), O_NOCTTY | O_NONBLOCK)
    if terminal >= 0 { kq_close_descriptor(terminal) }
    return terminal != -ENXIO
  }

  /// Whether a signal must be ignored indeed and goes uncounted. The terminal asks what the kernel's action is before it
  /// sends a background process these two: a process that ignores them has its call done or refused; one that does not is
  /// sent the signal, begins the call again, and is sent it again (C-368).
  private static func mustBeIgnored(_ number: CInt, _ program: kq_action) -> Bool {
    isOfBackground(number) && program.handler == kq_ignoring_action() && mayHaveTerminal
  }

  /// Whether some handler asks for a stack of its own; that of a fault is not what ends a wait.
  fileprivate static var haveStacks: Bool {
    for number in 1..<CInt(KQ_SIGNALS) {
      let isOfFault = number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE
      var action = kq_action()
      if !isOfFault && kq_next_action(number, nil, &action) == 0 && action.has(KQ_SA_ONSTACK) && action.isHandler
        && kq_place_of_front(action.handler) < 0
      {
        return true
      }
    }
    return false
  }

  // MARK: Where it was replaced

  /// Where the program's sigaction() is not ours: takes a handler that it has put in place of ours for the program's
  /// action, and stands in front of that. Whatever it replaced stays what it was, since the program may call it from its
  /// own.
  @inline(never)
  static func look(_ number: CInt) {
    var found = kq_action()
    guard kq_next_action(number, nil, &found) == 0 && !isInForce(number, found) else { return }
    let lock = SignalLock()
    if Signals.areOwn && Signals.isWatched(number) && kq_next_action(number, nil, &found) == 0
      && !isInForce(number, found)
    {
      _ = stand(number, &found)
    }
    lock.end()
  }

  /// Whether an action is the handler that is in force, as we installed it.
  private static func isInForce(_ number: CInt, _ action: kq_action) -> Bool {
    let record = SignalRecord.of(number)
    if record.pointee.yields.load(ordering: .sequentiallyConsistent) { return action.handler == kq_ignoring_action() }
    let front = record.pointee.front.load(ordering: .sequentiallyConsistent)
    return action.handler == kq_front_in(front) && action.has(KQ_SA_SIGINFO)
  }
}

/// For C, which waits.
@_cdecl("kq_has_handlers_elsewhere")
public func hasHandlersElsewhere() -> Bool {
  SignalFronts.haveStacks
}
