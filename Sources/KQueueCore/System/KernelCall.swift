import CKQueueShims
import Synchronization

/// The system calls of Linux that may be missing, in one table; on other systems they all are.
///
/// An older kernel answers ENOSYS. A filter of seccomp(2) that is older than a call answers that, EPERM or EACCES, as its
/// author liked. So these errors mean that the call is missing, unless the call has them for a reason of its own: then it
/// is made once with arguments that it refuses otherwise, and whatever refuses these alike is a filter.
///
/// valgrind prints a complaint at each call that it does not know, so what it may not know counts as missing there from
/// the beginning.
///
/// What was found out is kept for the process. A filter that is installed later is met by the next call; a call that is
/// missing never comes back. Async-signal-safe; no cancellation points.
///
/// What stands in for each, and what is lost by it, is in platform/linux/README.md.
public enum KernelCall: CUnsignedInt {
  case statx, kcmp, pidfdSendSignal, pidfdOpen, closeRange, epollPwait2

  private var number: Int {
    switch self {
    case .statx: Int(KQ_SYS_STATX)
    case .kcmp: Int(KQ_SYS_KCMP)
    case .pidfdSendSignal: Int(KQ_SYS_PIDFD_SEND_SIGNAL)
    case .pidfdOpen: Int(KQ_SYS_PIDFD_OPEN)
    case .closeRange: Int(KQ_SYS_CLOSE_RANGE)
    case .epollPwait2: Int(KQ_SYS_EPOLL_PWAIT2)
    }
  }

  /// Whether both the call itself and a filter may answer with an error.
  private func hasForItself(_ error: CInt) -> Bool {
    (self == .kcmp || self == .pidfdSendSignal) && error == EPERM
  }

  /// Makes it with arguments that it answers otherwise than a filter.
  private func probe() -> Int {
    switch self {
    case .kcmp: call(-1, -1, -1)  // ESRCH
    case .pidfdSendSignal: call(-1)  // EBADF
    case .closeRange: call(1)  // EINVAL
    default: call(0)
    }
  }

  @inline(__always)
  private func call(_ first: Int, _ second: Int = 0, _ third: Int = 0, _ fourth: Int = 0, _ fifth: Int = 0) -> Int {
    kq_system_call(number, first, second, third, fourth, fifth, 0)
  }

  // MARK: What is known

  struct Known: ~Copyable {
    /// A bit for each that is missing, and for each that is there.
    let missing, there: Atomic<CUnsignedInt>
  }

  @inline(__always)
  private static var known: UnsafeMutablePointer<Known> {
    kq_known_calls().assumingMemoryBound(to: Known.self)
  }

  private var bit: CUnsignedInt { 1 << rawValue }

  /// Whether it is known to be missing.
  fileprivate var isMissing: Bool { Self.known.pointee.missing.load(ordering: .relaxed) & bit != 0 }

  /// Whether an errno of it says that it is missing; that is noted.
  fileprivate func wasMissing(_ error: CInt) -> Bool {
    let mayBeFilter = error == EPERM || error == EACCES
    let isDenied = mayBeFilter && (!hasForItself(error) || probe() == -Int(error))
    guard error == ENOSYS || isDenied else { return false }
    leaveOut()
    return true
  }

  fileprivate func leaveOut() {
    Self.known.pointee.missing.bitwiseOr(bit, ordering: .sequentiallyConsistent)
  }

  // MARK: Calls

  /// - Returns: what the call gives, or a negative errno, which is -ENOSYS alone where it is missing. It is not made again
  ///   then.
  @inline(never)
  public func make(_ first: Int, _ second: Int = 0, _ third: Int = 0, _ fourth: Int = 0, _ fifth: Int = 0) -> Int {
    if isMissing { return -Int(ENOSYS) }
    let result = call(first, second, third, fourth, fifth)
    return result < 0 && wasMissing(CInt(truncatingIfNeeded: -result)) ? -Int(ENOSYS) : result
  }

  /// Whether it can be made, found out by making it with arguments that do no harm.
  @inline(never)
  var isThere: Bool {
    if isMissing { return false }
    let there = Self.known.pointee.there.load(ordering: .relaxed) & bit != 0
    if there { return true }
    let error = kq_errno()
    let result = probe()
    let isMissing = result < 0 && wasMissing(CInt(truncatingIfNeeded: -result))
    if !isMissing { Self.known.pointee.there.bitwiseOr(bit, ordering: .sequentiallyConsistent) }
    kq_set_errno(error)
    return !isMissing
  }
}

/// For C's constructor, where the program runs on valgrind.
@_cdecl("kq_leave_out_new_calls")
public func leaveOutNewCalls() {
  KernelCall.pidfdSendSignal.leaveOut()
  KernelCall.pidfdOpen.leaveOut()
  KernelCall.epollPwait2.leaveOut()
}

/// For C, which makes this call in its own way.
@_cdecl("kq_epoll_pwait2_is_missing")
public func epollPwait2IsMissing() -> Bool {
  KernelCall.epollPwait2.isMissing
}

/// Whether an errno of it says that it is missing.
@_cdecl("kq_epoll_pwait2_was_missing")
public func epollPwait2WasMissing(_ error: CInt) -> Bool {
  KernelCall.epollPwait2.wasMissing(error)
}
