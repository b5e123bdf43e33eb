import CKQueueShims
import Synchronization

/// sigaction() and its relatives, as the program calls them: of a watched signal they speak of the program's own action,
/// which a handler of ours stands in front of. Of any other they are passed on, at the cost of one load.
public enum SignalCalls {
  private static func intervenes(_ number: CInt) -> Bool {
    Signals.isWatched(number) && kq_signals_are_seen()
  }

  private static func fail(_ code: CInt) -> CInt {
    kq_set_errno(code)
    return -1
  }

  // MARK: sigaction(2)

  /// In a child of vfork, or of a fork that ran no handler, the action is the child's own affair.
  public static func sigaction(
    _ number: CInt, _ action: UnsafeRawPointer?, _ old: UnsafeMutableRawPointer?
  ) -> CInt {
    guard intervenes(number) && Signals.areOwn else { return passOn(number, action, old) }
    var wanted = kq_action()
    if let action { wanted = kq_read_action(action) }
    let lock = SignalLock()
    let result =
      Signals.isWatched(number)
      ? change(number, action == nil ? nil : wanted, old) : kq_next_sigaction(number, action, old)
    lock.end()
    return result
  }

  /// The lock is held.
  private static func change(_ number: CInt, _ action: kq_action?, _ old: UnsafeMutableRawPointer?) -> CInt {
    let before = SignalFronts.program(number)
    if let action {
      let error = SignalFronts.setProgram(number, action)
      if error != 0 { return fail(-error) }
      PendingSignals.discardIgnored(number)
    }
    if let old { kq_write_action(before, old) }
    return 0
  }

  /// A signal that no knote watches, though a knote may begin to watch it during the call; or any, where this call is
  /// ours but other libraries call libc's.
  @inline(never)
  private static func passOn(
    _ number: CInt, _ action: UnsafeRawPointer?, _ old: UnsafeMutableRawPointer?
  ) -> CInt {
    var replaced = kq_libc_action()
    let result = kq_next_sigaction(number, action, &replaced)
    guard result == 0 else { return result }
    var found = kq_read_action(&replaced)
    if translate(number, &found, isReplaced: action != nil) { kq_write_action(found, &replaced) }
    if let old { old.assumingMemoryBound(to: kq_libc_action.self).pointee = replaced }
    return result
  }

  /// Puts the program's action in the place of a handler of ours that the next definition gave back: the program has none
  /// to call. Only a signal that exists has one of ours, so the number needs no check.
  /// - Returns: whether it was one.
  @inline(never)
  private static func translate(_ number: CInt, _ found: inout kq_action, isReplaced: Bool) -> Bool {
    let place = SignalFronts.translate(number, &found)
    if isReplaced && Signals.areOwn {
      if place >= 0 { SignalRecord.front(number, UInt32(place)).pointee.free() }
      if intervenes(number) { SignalFronts.look(number) }
    }
    return place >= 0
  }

  // MARK: Those that are made of it; handlers are passed as they come

  /// - Returns: what was there before; SIG_ERR.
  @inline(never)
  private static func set(_ number: CInt, _ handler: UInt, _ flags: Int, blocksItself: Bool) -> UInt {
    guard handler != kq_no_action() && Signals.exists(number) else {
      kq_set_errno(EINVAL)
      return kq_no_action()
    }
    var wanted = kq_action(handler: handler, flags: CInt(truncatingIfNeeded: flags), mask: kq_signal_numbers())
    if blocksItself { wanted.mask.insert(number) }
    return act(number, wanted)?.handler ?? kq_no_action()
  }

  /// - Returns: what was there before; nil where it failed, with errno.
  @inline(never)
  private static func act(_ number: CInt, _ action: kq_action?) -> kq_action? {
    var wanted = kq_libc_action()
    var old = kq_libc_action()
    if let action { kq_write_action(action, &wanted) }
    let result = withUnsafePointer(to: wanted) { sigaction(number, action == nil ? nil : $0, &old) }
    return result == 0 ? kq_read_action(&old) : nil
  }

  /// A handler as the next definition gave it back, in the program's terms.
  @inline(never)
  private static func translated(_ number: CInt, _ handler: UInt) -> UInt {
    var action = kq_action(handler: handler, flags: 0, mask: kq_signal_numbers())
    _ = translate(number, &action, isReplaced: true)
    return action.handler
  }

  public static func signal(_ number: CInt, _ handler: UInt) -> UInt {
    if !intervenes(number), let next = kq_next_signals().pointee.signal {
      return translated(number, next(number, handler))
    }
    let interrupts =
      number > 0 && number < CInt(KQ_SIGNALS)
      && SignalRecord.of(number).pointee.interrupts.load(ordering: .sequentiallyConsistent)
    return set(number, handler, interrupts ? 0 : KQ_SA_RESTART, blocksItself: true)
  }

  public static func sysvSignal(_ number: CInt, _ handler: UInt) -> UInt {
    if !intervenes(number), let next = kq_next_signals().pointee.sysv_signal {
      return translated(number, next(number, handler))
    }
    return set(number, handler, KQ_SA_RESETHAND | KQ_SA_NODEFER, blocksItself: false)
  }

  public static func sigignore(_ number: CInt) -> CInt {
    set(number, kq_ignoring_action(), 0, blocksItself: false) == kq_no_action() ? -1 : 0
  }

  public static func sigset(_ number: CInt, _ handler: UInt) -> UInt {
    guard let before = act(number, nil) else { return kq_no_action() }
    let holds = handler == kq_holding_action()
    if !holds && set(number, handler, 0, blocksItself: false) == kq_no_action() { return kq_no_action() }
    let blocked = SignalMask.now
    var mask = blocked
    if holds { mask.insert(number) } else { mask.remove(number) }
    SignalMask.set(mask)
    return blocked.contains(number) ? kq_holding_action() : before.handler
  }

  /// libc's signal() goes by what libc's siginterrupt() was told.
  public static func siginterrupt(_ number: CInt, _ interrupts: Bool) -> CInt {
    let next = kq_next_signals().pointee.siginterrupt
    if let next, next(number, interrupts ? 1 : 0) != 0 { return -1 }
    if number > 0 && number < CInt(KQ_SIGNALS) {
      SignalRecord.of(number).pointee.interrupts.store(interrupts, ordering: .sequentiallyConsistent)
    }
    if !intervenes(number) && next != nil { return 0 }
    guard var action = act(number, nil) else { return -1 }
    let restarts = CInt(truncatingIfNeeded: KQ_SA_RESTART)
    action.flags = interrupts ? action.flags & ~restarts : action.flags | restarts
    return act(number, action) == nil ? -1 : 0
  }
}
