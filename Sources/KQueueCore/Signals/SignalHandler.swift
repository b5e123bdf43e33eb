import CKQueueShims
import Synchronization

/// The handler in front of the program's. It runs on a thread that may be anywhere, in the allocator too, so nothing here
/// takes memory, waits, or meets what the runtime of the ordinary build makes when it is first used: no ranges, no generic
/// functions that are not inlined, no closures. Tests/Scripts/handler.sh goes through the calls.
enum SignalHandler {
  fileprivate static func handle(
    _ place: UInt32, _ number: CInt, _ info: UnsafeMutablePointer<siginfo_t>, _ context: UnsafeMutableRawPointer?
  ) {
    let error = kq_errno()
    let front = SignalRecord.front(number, place)
    let wasCounted = SignalMarks.unmark(number, info)
    var program = front.pointee.load()
    if place != SignalRecord.of(number).pointee.front.load(ordering: .sequentiallyConsistent) {
      // One that the program called from a handler of its own that it put in front of us.
      front.pointee.noteCall()
      if program.isHandler { program.run(number, info, context) }
      return
    }
    // The rest must not be left half done by a handler that jumps away.
    let before = SignalMask.holdBack()
    if !Signals.areOwn {
      // A child that runs on a copy of its parent's memory, or in it.
      letItHappen(number, info, &program)
      restore(before)
      kq_set_errno(error)
      return
    }
    if isFatal(number, info, program) {
      program.handler = kq_default_action()
      letItHappen(number, info, &program)
      return
    }
    if Signals.isWatched(number) { note(number, info, wasCounted) }
    program = front.pointee.take()
    noteInterruption(by: program)
    if program.isHandler { maskAsAsked(number, program, before) } else { restore(before) }
    kq_set_errno(error)
    if program.isHandler { program.run(number, info, context) }
  }

  /// The system does it where it called ours. A handler of the program's that called ours goes on.
  private static func restore(_ before: kq_signal_numbers) {
    if !BlockedSignals.isFilled(before) { SignalMask.set(before) }
  }

  /// Whether the program broke something and does not handle it: it is to die of it (C-288). Not of what was sent by
  /// somebody.
  private static func isFatal(_ number: CInt, _ info: UnsafeMutablePointer<siginfo_t>, _ program: kq_action) -> Bool {
    info.pointee.si_code > 0 && !program.isHandler && SignalMask.isOfFault(number)
  }

  /// Sends the signal anew to this thread, where it is blocked until the handler returns.
  private static func letItHappen(
    _ number: CInt, _ info: UnsafeMutablePointer<siginfo_t>, _ action: inout kq_action
  ) {
    _ = kq_next_action(number, &action, nil)
    if !SentSignals.send(number, toThread: SentSignals.thread, kq_process(), info) { _ = raise(number) }
  }

  /// Once, though it may have been pending when it was counted. Counts first: a thread that finds the child's end then
  /// knows that it has a notification to await.
  private static func note(_ number: CInt, _ info: UnsafeMutablePointer<siginfo_t>, _ wasCounted: Bool) {
    let record = SignalRecord.of(number)
    if !wasCounted { record.pointee.count.wrappingAdd(1, ordering: .sequentiallyConsistent) }
    ChildTable.hear(number, info)
    if wasCounted { return }
    notify(number)
    record.pointee.told.wrappingAdd(1, ordering: .sequentiallyConsistent)
  }

  /// Tells who waits that the count has grown. All signals are blocked.
  static func notify(_ number: CInt) {
    let record = SignalRecord.of(number)
    record.pointee.busy.wrappingAdd(1, ordering: .sequentiallyConsistent)
    let notifier = record.pointee.notifier.load(ordering: .sequentiallyConsistent) - 1
    if notifier == CInt(KQ_LISTENERS) {
      Listeners.tell(number)
    } else if notifier >= 0 {
      Notification.count(notifier)
    }
    record.pointee.busy.wrappingSubtract(1, ordering: .sequentiallyConsistent)
  }

  /// The calling thread was interrupted: in kevent() that ends a wait where the program has a function run.
  private static func noteInterruption(by program: kq_action) {
    let thread: UnsafeMutablePointer<kq_thread_signals> = kq_signals_of_thread()
    if program.isHandler { thread.pointee.handled &+= 1 } else { thread.pointee.quiet &+= 1 }
  }

  /// Blocks what the program's action would have the kernel block: that is blocked already, but where signals are held.
  private static func maskAsAsked(_ number: CInt, _ program: kq_action, _ found: kq_signal_numbers) {
    let before = BlockedSignals.asked(found)
    var mask = kq_signal_numbers(low: program.mask.low | before.low, high: program.mask.high | before.high)
    if !program.has(KQ_SA_NODEFER) { mask.insert(number) }
    SignalMask.set(mask)
  }
}

/// What C's handlers call, of which there is one for each place.
@_cdecl("kq_handle_signal")
public func handleSignal(
  _ place: UInt32, _ number: CInt, _ info: UnsafeMutablePointer<siginfo_t>, _ context: UnsafeMutableRawPointer?
) {
  SignalHandler.handle(place, number, info, context)
}
