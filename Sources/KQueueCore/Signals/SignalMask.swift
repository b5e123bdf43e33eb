import CKQueueShims

/// The mask of the calling thread. Async-signal-safe.
///
/// The mask that the program's handler runs with is made elsewhere: `SignalFronts.made` has the kernel block what the
/// program asks for, and ours, which blocks the rest, sets the mask by `SignalHandler.maskAsAsked` before it calls it.
enum SignalMask {
  /// All signals but those of faults, which the thread that is at fault must have at once.
  private static var all: kq_signal_numbers {
    var mask = kq_all_signals()
    mask.remove(SIGSEGV)
    mask.remove(SIGBUS)
    mask.remove(SIGFPE)
    mask.remove(SIGILL)
    mask.remove(SIGTRAP)
    mask.remove(SIGSYS)  // a filter of system calls may answer by it
    return mask
  }

  /// Whether a signal is what a thread is sent that does something wrong.
  static func isOfFault(_ number: CInt) -> Bool {
    number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL || number == SIGTRAP
      || number == SIGSYS
  }

  /// What is held back.
  static var held: kq_signal_numbers {
    var mask = all
    mask.remove(SIGKILL)
    mask.remove(SIGSTOP)
    return mask
  }

  /// Holds it back besides what is blocked: one of a fault that the program blocks stays so.
  /// - Returns: what was blocked.
  @inline(never)
  static func holdBack() -> kq_signal_numbers { kq_change_mask(SIG_BLOCK, all) }

  @inline(never)
  static func set(_ mask: kq_signal_numbers) {
    _ = kq_change_mask(SIG_SETMASK, mask)
  }

  /// What is blocked, as the system has it.
  static var now: kq_signal_numbers {
    @inline(never) get { kq_change_mask(SIG_BLOCK, kq_signal_numbers()) }
  }
}
