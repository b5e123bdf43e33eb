import CKQueueShims

/// Signals that come while a thread is in kevent() (contract 6.8, C-347).
///
/// A system call that waits tells of a handler by EINTR. One that runs between two waits of the same call would be told by
/// nothing, so signals are held from the end of the first wait, and come in only while the thread waits again.
extension kq_wait_signals {
  /// From here to `letGo` signals come in only during waits. Does nothing where they are held.
  @inline(never)
  mutating func hold() {
    if are_held { return }
    let thread: UnsafeMutablePointer<kq_thread_signals> = kq_signals_of_thread()
    before = SignalMask.holdBack()
    // A handler may call kevent() in the middle of another call's wait.
    were_held = thread.pointee.are_held
    outer = thread.pointee.mask
    // Of one inside another the outer one knows the mask.
    thread.pointee.mask = BlockedSignals.asked(before)
    thread.pointee.are_held = true
    are_held = true
  }

  @inline(never)
  mutating func letGo() {
    let thread: UnsafeMutablePointer<kq_thread_signals> = kq_signals_of_thread()
    thread.pointee.are_held = were_held
    thread.pointee.mask = outer
    are_held = false
    SignalMask.set(before)
  }
}

/// What threads block, other than for the time of a call.
public enum BlockedSignals {
  /// A mask as the program has it, of that which the kernel has. A handler that jumped away from a wait leaves the
  /// thread's mask behind, but not that of the kernel. Async-signal-safe.
  @inline(never)
  static func asked(_ found: kq_signal_numbers) -> kq_signal_numbers {
    let thread: UnsafeMutablePointer<kq_thread_signals> = kq_signals_of_thread()
    return thread.pointee.are_held && isFilled(found) ? thread.pointee.mask : found
  }

  /// Whether a mask blocks all that `hold` does.
  @inline(__always)
  static func isFilled(_ mask: kq_signal_numbers) -> Bool {
    let held = SignalMask.held
    return held.low & ~mask.low == 0 && held.high & ~mask.high == 0
  }

  /// Those of the calling thread.
  static var here: kq_signal_numbers { asked(SignalMask.now) }

  /// Whether the calling thread blocks a signal.
  public static func contain(_ number: CInt) -> Bool {
    here.contains(number)
  }
}

// MARK: For C, whose waits hold signals as well

@_cdecl("kq_signals_hold")
public func holdSignals(_ signals: UnsafeMutablePointer<kq_wait_signals>) {
  signals.pointee.hold()
}

@_cdecl("kq_signals_let_go")
public func letSignalsGo(_ signals: UnsafeMutablePointer<kq_wait_signals>) {
  signals.pointee.letGo()
}
