import CKQueueShims
import Synchronization

/// Children, asked for without reaping them, and what SIGCHLD says of one.
extension ChildTable {
  /// Asks for a process without reaping it: what became of it, and the status as wait(2) gives it. waitid(2) is a
  /// cancellation point, and a lock is held.
  static func ask(_ process: CInt, _ status: inout CInt) -> kq_child {
    var info = siginfo_t()  // its process stays 0 where there is nothing
    let state = kq_hold_cancellation()
    let result = waitid(P_PID, id_t(process), &info, WEXITED | WNOHANG | WNOWAIT)
    kq_release_cancellation(state)
    if result != 0 { return KQ_CHILD_UNKNOWN }
    if kq_child_in(&info) == 0 { return KQ_CHILD_RUNS }
    status = waitStatus(&info)
    return KQ_CHILD_ENDED
  }

  /// As wait(2) gives it.
  private static func waitStatus(_ info: UnsafeMutablePointer<siginfo_t>) -> CInt {
    let core: CInt = 0x80  // where every system has it
    let status = kq_child_status_in(info)
    if info.pointee.si_code == CInt(KQ_CLD_EXITED) { return (status & 0xff) << 8 }
    return info.pointee.si_code == CInt(KQ_CLD_DUMPED) ? status | core : status
  }

  // MARK: SIGCHLD

  @inline(__always)
  private static func word(_ number: CUnsignedInt) -> UnsafeMutablePointer<Atomic<UInt64>> {
    kq_child_words().assumingMemoryBound(to: Atomic<UInt64>.self) + Int(number % CUnsignedInt(KQ_CHILD_WORDS))
  }

  /// In a word: no process of the number ran when its end was told, so one that runs is the next of the number.
  static var gone: UInt64 { 1 << 16 }

  /// In a word: which use of its place it is, so that one which was stored too late to be taken is not the next one.
  private static func turn(_ number: CUnsignedInt) -> UInt64 {
    UInt64(truncatingIfNeeded: number / CUnsignedInt(KQ_CHILD_WORDS)) << 17 & turnBits
  }
  private static var turnBits: UInt64 { 0x7fff << 17 }

  /// Notes what a signal says of a child, if it is the one: a process above, its status below. Async-signal-safe.
  static func hear(_ number: CInt, _ info: UnsafeMutablePointer<siginfo_t>) {
    guard number == SIGCHLD && running != 0 else { return }
    let code = info.pointee.si_code
    guard code == CInt(KQ_CLD_EXITED) || code == CInt(KQ_CLD_KILLED) || code == CInt(KQ_CLD_DUMPED) else { return }
    let process = UInt64(truncatingIfNeeded: kq_child_in(info)) << 32
    let status = UInt64(truncatingIfNeeded: waitStatus(info) & 0xffff)
    var now: CInt = -1
    let runs = ask(kq_child_in(info), &now).rawValue == KQ_CHILD_RUNS.rawValue
    let place = countTold()
    word(place).pointee.store(
      process | turn(place) | (runs ? 0 : gone) | status, ordering: .sequentiallyConsistent)
  }

  /// Takes what was told by its number, under the lock of signals; 0 where it was taken, or its place is a later one's
  /// already, which a handler stores meanwhile and which is left for its own turn.
  static func takeWord(_ number: CUnsignedInt) -> UInt64 {
    let place = word(number)
    let told = place.pointee.load(ordering: .sequentiallyConsistent)
    guard told & turnBits == turn(number) else { return 0 }
    let swap = place.pointee.compareExchange(expected: told, desired: 0, ordering: .sequentiallyConsistent)
    return swap.exchanged ? told : 0
  }
}
