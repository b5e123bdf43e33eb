import CKQueueShims

/// Signals that are pending, which are looked at, taken and sent again.
///
/// By system calls: libc's calls what was sent to a thread sent to the process, and its idea of which thread this is may be
/// a parent's.
enum SentSignals {
  /// What is pending for the calling thread; none where that is not told.
  static var pending: kq_signal_numbers { toldPending ?? kq_signal_numbers() }

  /// nil where it is not told.
  static var toldPending: kq_signal_numbers? {
    var set = sigset_t()
    return look(&set) == 0 ? kq_numbers_of(&set) : nil
  }

  /// sigpending(2), which never waits for the lock as the one that is exported does.
  /// - Returns: 0, or -1 with errno.
  static func look(_ set: UnsafeMutablePointer<sigset_t>?) -> CInt {
    guard kq_marks_signals() else { return kq_next_signals().pointee.sigpending?(set) ?? -1 }
    return kq_system_call(KQ_SYS_RT_SIGPENDING, Int(bitPattern: set), KQ_SIGNAL_SET_BYTES, 0, 0, 0, 0) == 0 ? 0 : -1
  }

  /// The calling thread's, as the system has it; 0 where signals cannot be sent to one.
  static var thread: CInt {
    @inline(never) get {
      kq_marks_signals() ? CInt(truncatingIfNeeded: kq_system_call(KQ_SYS_GETTID, 0, 0, 0, 0, 0, 0)) : 0
    }
  }

  /// Takes one that is pending for the calling thread.
  /// - Returns: false where there is none.
  @inline(never)
  static func take(_ number: CInt, _ info: UnsafeMutablePointer<siginfo_t>) -> Bool {
    var set = sigset_t()
    var now: (UInt64, UInt64) = (0, 0)
    var only = kq_signal_numbers()
    only.insert(number)
    kq_set_of(only, &set)
    return take(&set, info, &now) == Int(number)
  }

  private static func take(
    _ set: UnsafeMutablePointer<sigset_t>, _ info: UnsafeMutablePointer<siginfo_t>, _ now: UnsafeMutableRawPointer
  ) -> Int {
    kq_system_call(
      KQ_SYS_RT_SIGTIMEDWAIT, Int(bitPattern: set), Int(bitPattern: info), Int(bitPattern: now), KQ_SIGNAL_SET_BYTES, 0,
      0)
  }

  /// Async-signal-safe.
  /// - Returns: false where the system has no such call.
  @inline(never)
  static func send(_ number: CInt, toThread thread: CInt, _ process: CInt, _ info: UnsafeMutablePointer<siginfo_t>)
    -> Bool
  {
    kq_system_call(
      KQ_SYS_RT_TGSIGQUEUEINFO, Int(process), Int(thread), Int(number), Int(bitPattern: info), 0, 0) == 0
  }

  @inline(never)
  static func send(_ number: CInt, toAll process: CInt, _ info: UnsafeMutablePointer<siginfo_t>) {
    _ = kq_system_call(KQ_SYS_RT_SIGQUEUEINFO, Int(process), Int(number), Int(bitPattern: info), 0, 0, 0)
  }
}
