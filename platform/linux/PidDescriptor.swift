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
    let answer = kq_pidfd_ask(number)
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
  private var seemsRight: Bool { kq_pidfd_can_be_waited_for(number) || process != .none }

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
    switch kq_pidfd_ask(number) {
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
    var status: CInt = 0
    // The second time, since somebody may have reaped it meanwhile.
    if kq_pidfd_child_status(number, &status) || kq_pidfd_reaped_status(number, &status) { return status }
    if let status = zombieStatus(known) { return status }
    return kq_pidfd_reaped_status(number, &status) ? status : nil
  }

  /// Of a process that is nobody's here and was not reaped yet.
  private func zombieStatus(_ known: CInt) -> CInt? {
    var number = known
    if known <= 0, case .number(let told) = process { number = told }
    guard number > 0, let status = ProcessStat(number).status else { return nil }
    return isThere ? status : nil  // or the number may be another's
  }

  /// Whether a process of this number, which the descriptor is of, began only after a time of CLOCK_MONOTONIC.
  func began(_ process: CInt, after time: UInt64) -> Bool {
    let stat = ProcessStat(process)
    return isThere && stat.began(after: time)
  }
}
