import CKQueueShims
import Synchronization

/// Whose descriptors a thread closes. What shares the memory need not share the descriptors: a child of vfork, a process
/// that was cloned with the memory alone, a thread that took a table of its own. Async-signal-safe.
public enum SeparateTables {
  /// The threads that took a table of their own, by their numbers; 0 is a free place.
  private static func separate(_ place: CInt) -> UnsafeMutablePointer<Atomic<CInt>> {
    kq_separate_threads().assumingMemoryBound(to: Atomic<CInt>.self) + Int(place)
  }

  private static var isAnySeparate: UnsafeMutablePointer<Atomic<CInt>> {
    kq_is_any_separate().assumingMemoryBound(to: Atomic<CInt>.self)
  }

  /// Beyond the places there are it is asked for, below.
  @inline(never)
  private static func noteSeparate() {
    let thread = SentSignals.thread
    isAnySeparate.pointee.store(1, ordering: .sequentiallyConsistent)
    var place: CInt = 0
    while place < CInt(KQ_SEPARATE_THREADS) {
      let swap = separate(place).pointee.compareExchange(
        expected: 0, desired: thread, ordering: .sequentiallyConsistent)
      if swap.exchanged || swap.original == thread { return }
      place += 1
    }
  }

  @inline(never)
  private static func isSeparate(_ thread: CInt) -> Bool {
    var place: CInt = 0
    while place < CInt(KQ_SEPARATE_THREADS) {
      if separate(place).pointee.load(ordering: .sequentiallyConsistent) == thread { return true }
      place += 1
    }
    return false
  }

  /// Whether a thread shares what `kind` names with the process's first: 0 is yes; negative where the kernel does not tell.
  private static func compare(_ process: CInt, _ thread: CInt, _ kind: Int) -> Int {
    KernelCall.kcmp.make(Int(process), Int(thread), kind)
  }

  /// Whether the calling thread, of this process, has the process's table.
  @inline(__always)
  static func areNone(of process: CInt) -> Bool {
    isAnySeparate.pointee.load(ordering: .relaxed) == 0 || isShared(with: process)
  }

  /// A thread's number may be another's by now, and threads that a separate one made share its table: so the kernel is
  /// asked where it tells. It does not of a first thread that has ended, nor of one that is separate itself.
  @inline(never)
  private static func isShared(with process: CInt) -> Bool {
    let (memory, files) = (1, 2)  // of <linux/kcmp.h>
    let thread = SentSignals.thread
    if !isSeparate(process) && compare(process, thread, memory) == 0 {
      let answer = compare(process, thread, files)
      if answer >= 0 { return answer == 0 }
    }
    return !isSeparate(thread)
  }

  /// Whether other threads have the caller's table. A first thread that cannot find out is taken for the only one.
  private static var hasOthers: Bool {
    @inline(never) get {
      var tasks = stat()
      if stat("/proc/self/task", &tasks) == 0 { return tasks.st_nlink > 3 }
      let single = kq_is_single_threaded()
      return single >= 0 ? single == 0 : SentSignals.thread != kq_process()
    }
  }

  // MARK: What makes a table of a thread's own

  /// unshare(2): 0, or -1 with errno.
  public static func unshare(_ flags: CInt) -> CInt {
    let separates = flags & CInt(KQ_CLONE_FILES) != 0 && hasOthers
    let result = kq_system_call(KQ_SYS_UNSHARE, Int(flags), 0, 0, 0, 0, 0)
    if result == 0 && separates { noteSeparate() }
    if result < 0 { kq_set_errno(CInt(truncatingIfNeeded: -result)) }
    return result < 0 ? -1 : 0
  }

  /// Whether close_range(2) with these flags leaves the process's table alone.
  @inline(never)
  public static func separates(_ flags: CInt) -> Bool {
    flags & CInt(KQ_CLOSE_RANGE_UNSHARE) != 0 && hasOthers
  }

  /// Such a call.
  @inline(never)
  public static func closeApart(_ first: CUnsignedInt, _ last: CUnsignedInt, _ flags: CInt) -> CInt {
    let result = NextClose.range(first, last, flags)
    if result == 0 { noteSeparate() }
    return result
  }
}
