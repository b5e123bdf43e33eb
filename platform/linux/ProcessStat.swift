import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// What is known of a process from /proc/N/stat. All zeroes: nothing.
struct ProcessStat: BitwiseCopyable {
  /// In ticks since the system booted, by which it is told from another of its number; 0 where that is not told.
  private(set) var start: UInt64 = 0
  var hasEnded = false
  /// As wait(2) gives it; only of one that has ended, and that was not reaped.
  private(set) var status: CInt?

  init() {}

  init(_ process: CInt) {
    self = ProcPath("/proc/", process, "/stat").read { $0.flatMap { Self($0) } ?? ProcessStat() }
  }

  /// The second field, the name, may have blanks and parentheses in it, so the others are counted from its end. The
  /// third is the state, the 20th counts threads, the 22nd is the start, and the 52nd, on newer kernels, the status.
  private init?(_ text: ProcText) {
    var text = text
    guard text.skip(pastLast: UInt8(ascii: ")")), text.skip(blanks: 1), let state = text.first else { return nil }
    guard text.skip(blanks: 17), let threads = text.number(), text.skip(blanks: 2) else { return nil }
    start = text.number() ?? 0
    // A process whose first thread alone has ended is a zombie, too, with threads.
    hasEnded = state == UInt8(ascii: "X") || state == UInt8(ascii: "Z") && threads <= 1
    if hasEnded && text.skip(blanks: 30) { status = text.number().map { CInt(truncatingIfNeeded: $0) } }
  }

  /// Whether it began only after a time of CLOCK_MONOTONIC. Starts are told in ticks, so this sees only a number that
  /// was given away again some ticks later.
  func began(after time: UInt64) -> Bool {
    let slack: UInt64 = 30_000_000
    // Where nothing was slept, the clock that is read second may be ahead: so all of it wraps.
    let slept = kq_clock(CLOCK_BOOTTIME) &- kq_clock(CLOCK_MONOTONIC)
    return start != 0 && start &* ProcessNumber.nanosecondsOfTick > time &+ slept &+ slack
  }
}

// MARK: Processes that no descriptor tells of

extension ProcessStat {
  /// What is known of a process that has this number now.
  /// - Throws: ESRCH where there is none.
  init(now process: CInt) throws(Errno) {
    guard ProcessNumber.isUsed(process) else { throw Errno(ESRCH) }
    self = ProcessNumber.isOfProc ? ProcessStat(process) : ProcessStat()
  }

  /// What became of the process that began at this tick: if it was not reaped, it is known what it ended with.
  init(_ process: CInt, thatBegan start: UInt64) {
    let now = try? ProcessStat(now: process)
    let isOther = now.map { start != 0 && $0.start != 0 && $0.start != start } ?? true
    self = isOther ? ProcessStat() : now ?? ProcessStat()
    if isOther { hasEnded = true }
  }
}

/// Whether numbers of processes mean something.
enum ProcessNumber {
  /// Whether /proc is there, and of the namespace that this process is in.
  static var isOfProc: Bool {
    @inline(never) get {
      ProcPath("/proc/self").readLink { number in
        guard var number else { return false }
        return number.number() == UInt64(truncatingIfNeeded: kq_process())
      }
    }
  }

  /// Whether there is a process of this number; it may be a zombie. By tgkill(2), since kill(2) takes the number of any
  /// thread.
  @inline(never)
  static func isUsed(_ process: CInt) -> Bool {
    systemCall(KQ_SYS_TGKILL, Int(process), Int(process)) != -Int(ESRCH)
  }

  /// How long a tick is that /proc tells times in.
  static var nanosecondsOfTick: UInt64 {
    1_000_000_000 / UInt64(truncatingIfNeeded: sysconf(CInt(_SC_CLK_TCK)))
  }
}
