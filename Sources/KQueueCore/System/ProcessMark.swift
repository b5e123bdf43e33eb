import CKQueueShims
import Synchronization

/// Which process this is. Async-signal-safe, but for `mark`.
///
/// The first process of a pid namespace and the first of the next have the same number. A timer of the kernel's tells them
/// apart, since it belongs to one process and no child inherits it. Small numbers alone are in doubt.
enum ProcessMark {
  private static var numbersInDoubt: CInt { 300 }

  /// The timer's number and 1, since static memory begins as 0, which then says none.
  private static var timer: UnsafeMutablePointer<Atomic<CInt>> {
    kq_process_timer().assumingMemoryBound(to: Atomic<CInt>.self)
  }

  /// Marks this process, so that `isHere` tells it from one of the same number.
  static func mark(_ process: CInt) {
    timer.pointee.store(process < numbersInDoubt ? makeTimer() + 1 : 0, ordering: .sequentiallyConsistent)
  }

  /// - Returns: -1 where there is none to be had.
  private static func makeTimer() -> CInt {
    var none = sigevent()
    var timer: CInt = -1
    none.sigev_notify = CInt(KQ_SIGEV_NONE)
    return makeTimer(&none, &timer) == 0 ? timer : -1
  }

  private static func makeTimer(_ event: UnsafeMutableRawPointer, _ timer: UnsafeMutableRawPointer) -> Int {
    kq_system_call(
      KQ_SYS_TIMER_CREATE, Int(CLOCK_MONOTONIC), Int(bitPattern: event), Int(bitPattern: timer), 0, 0, 0)
  }

  /// Whether the caller runs in a process: not in one that has its memory, or a copy of it.
  @inline(never)
  static func isHere(_ process: CInt) -> Bool {
    guard kq_process() == process else { return false }
    let timer = timer.pointee.load(ordering: .relaxed) - 1
    var setting: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    return timer < 0 || read(timer, &setting) == 0
  }

  private static func read(_ timer: CInt, _ setting: UnsafeMutableRawPointer) -> Int {
    kq_system_call(KQ_SYS_TIMER_GETTIME, Int(timer), Int(bitPattern: setting), 0, 0, 0, 0)
  }
}
