import CKQueueShims.Linux
import KQueueCore

/// A descriptor of a process, pidfd_open(2): what it says of its process.
struct PidDescriptor: BitwiseCopyable {
  let number: CInt

  init(_ number: CInt) {
    self.number = number
  }

  /// Signal 0 asks whether the process could be sent one; of another kind of descriptor, that is no question.
  /// - Throws: EINVAL where it is another kind's, EBADF where it is closed.
  func check() throws(Errno) {
    let answer = ask()
    switch answer {
    case 0, -EPERM, -ESRCH: return
    case -EINVAL: return  // a process out of the namespace's sight
    case -EBADF: throw Errno(kq_is_open(number) ? EINVAL : EBADF)
    case -ENOSYS:
      if !kq_is_open(number) { throw Errno(EBADF) }
      if !seemsRight { throw Errno(EINVAL) }
    default: throw Errno(-answer)
    }
  }

  /// Where no signal can be asked with: waitid(2) refuses what is no pidfd with another error, and /proc tells.
  private var seemsRight: Bool { canBeWaitedFor || process != .none }

  private enum Process: Equatable {
    case none
    /// Nobody sees it any more.
    case unseen
    case number(CInt)
  }

  /// The process as /proc tells it.
  private var process: Process {
    ProcPath("/proc/self/fdinfo/", number).read { text in
      guard var text, text.skip(past: "\nPid:") else { return .none }
      guard let number = text.number() else { return .unseen }  // -1
      return number == 0 ? .none : .number(CInt(truncatingIfNeeded: number))
    }
  }

  /// Whether nobody has reaped its process yet.
  private var isThere: Bool {
    switch ask() {
    case -ESRCH: return false
    case -ENOSYS:
      if case .number = process { return true }
      return false
    default: return true
    }
  }

  /// What its process ended with, as waitpid(2) says it; nil where nobody tells any more. Nothing is reaped.
  /// - Parameter known: the process's number, or 0.
  func status(of known: CInt) -> CInt? {
    // The second time, since somebody may have reaped it meanwhile.
    childStatus ?? reapedStatus ?? zombieStatus(known) ?? reapedStatus
  }

  // MARK: Calls

  /// A descriptor of a process of ours to watch: -ESRCH where there is none of this number, -ENOSYS where none can be
  /// had.
  @inline(never)
  static func open(_ process: CInt) -> CInt {
    adopt(KernelCall.pidfdOpen.make(Int(process)))
  }

  /// Asks whether its process could be sent a signal, by sending none: 0, or a negative errno.
  @inline(never)
  private func ask() -> CInt {
    CInt(truncatingIfNeeded: KernelCall.pidfdSendSignal.make(Int(number)))
  }

  /// waitid(2), which leaves the process there to be waited for.
  @inline(never)
  private func look(_ info: inout kq_child_info, options: Int) -> Int {
    let byDescriptor = 3  // P_PIDFD
    return withUnsafeMutablePointer(to: &info) {
      systemCall(KQ_SYS_WAITID, byDescriptor, Int(number), Int(bitPattern: $0), KQ_WAIT_LOOK | options)
    }
  }

  /// Whether waitid(2) takes it for one of a process.
  private var canBeWaitedFor: Bool {
    var info = kq_child_info()
    let result = look(&info, options: 0)
    return result == 0 || result == -Int(ECHILD)
  }

  /// What a child ended with.
  private var childStatus: CInt? {
    var info = kq_child_info()
    guard look(&info, options: KQ_WAIT_ALL) == 0 && info.process != 0 else { return nil }
    switch Int(info.code) {
    case KQ_CHILD_EXITED: return (info.status & 0xff) << 8
    case KQ_CHILD_DUMPED: return info.status | 0x80
    default: return info.status
    }
  }

  /// The same of a process that was reaped, as the kernel keeps it while a descriptor of it is open.
  private var reapedStatus: CInt? {
    @inline(never) get {
      let exit: UInt64 = 1 << 3
      var information = kq_pidfd_information()
      information.mask = exit
      let result = kq_device_control(number, KQ_PIDFD_GET_INFO, &information)
      return result == 0 && information.mask & exit != 0 ? information.exit_code : nil
    }
  }

  // MARK: What /proc tells

  /// Of a process that is nobody's here and was not reaped yet.
  private func zombieStatus(_ known: CInt) -> CInt? {
    var number = known
    if known <= 0, case .number(let told) = process { number = told }
    guard number > 0, let status = ProcessStat(number).status else { return nil }
    return isThere ? status : nil  // or the number may be another's
  }

  /// Whether the descriptor may be of a later process than the one that was given this number at a time of CLOCK_MONOTONIC:
  /// of one that began after it, or that was reaped before it could be asked.
  func mayBeSuccessor(_ process: CInt, bornAt time: UInt64) -> Bool {
    let stat = ProcessStat(process)
    // Asked second: while its process is there, nobody else has the number, and the stat was of that process.
    return !isThere || stat.began(after: time)
  }
}
