import CKQueueShims
import Synchronization

// Marks on signals that are pending, where the system is Linux, whatever the platform (C-350).
//
// Nothing tells how many of a number are pending, nor whether one is the same that was counted before. So they are taken,
// marked where no program looks, and sent to the process itself again with all that they say.
//
// Where to matters. The kernel merges a signal with one that is pending in the same place: for a thread, or for all. In a
// process of one thread what was counted is made the thread's, and what is sent later is seen. Among several it is left to
// all as it was, since any of them may be the one that wants it, and what is sent later is merged with it. A program
// without a handler that waits in kevent() again, and still has not taken it, may never do so: then it is made the first
// thread's.
//
// From the taking to the sending it is not there. So what there is to find out is found out before; and sigpending(),
// where it is ours, waits that long.

/// What is to be said of a signal that is pending, and what was found.
struct Marking: BitwiseCopyable {
  /// Counted, or sent before anybody watched. Neither is counted any more.
  enum Mark: UInt32 {
    case counted = 1
    case earlier = 2
  }

  let number: CInt
  let mark: Mark
  /// What is found again may be left to the first thread alone.
  var mayMove = false
  /// How many had no mark.
  var fresh: UInt32 = 0
  /// Some of it is there for all threads.
  var isShared = false

  init(number: CInt, mark: Mark, mayMove: Bool = false) {
    self.number = number
    self.mark = mark
    self.mayMove = mayMove
  }
}

/// What is queued, as far as that is told.
struct Queued: BitwiseCopyable {
  /// Signals of all kinds, for the process's user.
  var count: UInt = 0
  /// Those that are pending for all threads.
  var shared = kq_signal_numbers()

  static var now: Queued {
    guard kq_marks_signals() else { return Queued() }
    let state = SignalThreads.lookHere(for: 0)
    return Queued(count: state.queued, shared: state.allShared)
  }

  /// Whether nothing came: there are as many, and no number is pending for all that was not. The second tells of one that
  /// came when another was taken, or was left to a thread: the count is the same then.
  func isSame(as before: Queued) -> Bool {
    count == before.count && shared.low & ~before.shared.low == 0 && shared.high & ~before.shared.high == 0
  }
}

enum SignalMarks {
  /// Marks what is pending for the calling thread, which blocks it; it stays pending.
  static func mark(_ marking: inout Marking) {
    guard kq_marks_signals() else {
      // It cannot be sent again as it was.
      let wasKnown = SignalRecord.of(marking.number).pointee.isKnown.exchange(true, ordering: .sequentiallyConsistent)
      marking.fresh = wasKnown ? 0 : 1
      return
    }
    let lock = SignalLock()
    sendAgain(&marking, dropsCounted: false)
    lock.end()
  }

  /// Takes away what was counted. The lock is held.
  static func dropCounted(_ number: CInt) {
    guard kq_marks_signals() else { return }
    var marking = Marking(number: number, mark: .counted)
    sendAgain(&marking, dropsCounted: true)
  }

  /// Takes what is pending of a number and sends it again: marked, or without what was counted.
  @inline(never)
  private static func sendAgain(_ marking: inout Marking, dropsCounted: Bool) {
    let state = SignalThreads.lookHere(for: marking.number)
    let places = Places(marking, state)
    var room = InlineArray<16, siginfo_t>(repeating: siginfo_t())
    var span = room.mutableSpan
    span.withUnsafeMutableBufferPointer { few in
      let taken = TakenSignals(marking.number, state, few)
      for place in 0..<taken.count {
        let info = taken.start + place
        let mark = SignalMark.of(info)
        if dropsCounted && mark.isCounted { continue }
        if !dropsCounted && !mark.isThere { putMark(on: info, &marking) }
        let mayMove = mark.isThere && marking.mayMove
        if places.sendAgain(info, isFirst: place == 0, mayMove: mayMove) { marking.isShared = true }
      }
      taken.free()
    }
  }

  private static func putMark(on info: UnsafeMutablePointer<siginfo_t>, _ marking: inout Marking) {
    marking.fresh += 1
    SignalMark(marking.mark).put(on: info)
  }

  /// A handler has it: takes the mark off. Async-signal-safe.
  /// - Returns: whether it was marked.
  static func unmark(_ number: CInt, _ info: UnsafeMutablePointer<siginfo_t>) -> Bool {
    guard kq_marks_signals() else {
      return SignalRecord.of(number).pointee.isKnown.exchange(false, ordering: .sequentiallyConsistent)
    }
    let mark = SignalMark.of(info)
    guard mark.isThere else { return false }
    mark.takeOff(info)
    return true
  }

  /// Notes that all others were found not to be pending.
  static func noteNonePending(but pending: kq_signal_numbers) {
    if kq_marks_signals() { return }
    for number in 1..<CInt(KQ_SIGNALS) where !pending.contains(number) {
      SignalRecord.of(number).pointee.isKnown.store(false, ordering: .sequentiallyConsistent)
    }
  }

  /// Whether nothing came till now, when what all kqueues were told of marking is dropped.
  static func isSettled(since before: Queued) -> Bool {
    guard kq_marks_signals() else { return true }
    Listeners.dropReports()
    return Queued.now.isSame(as: before)
  }
}

/// A magic number, the si_code that had to be replaced, and flags. It lies where siginfo_t has a gap; on machines of 32
/// bits there is none, but a field without use.
struct SignalMark: BitwiseCopyable {
  private static var magic: UInt32 { 0x6b71 << 16 }
  private static var kinds: UInt32 { 3 }
  private static var recoded: UInt32 { 4 }

  private var bits: UInt32

  init(_ mark: Marking.Mark) {
    bits = Self.magic | mark.rawValue
  }

  private init(bits: UInt32) {
    self.bits = bits
  }

  @inline(__always)
  static func of(_ info: UnsafeMutablePointer<siginfo_t>) -> SignalMark {
    SignalMark(bits: kq_mark_place(info).pointee)
  }

  @inline(__always)
  var isThere: Bool { bits & 0xffff_0000 == Self.magic }

  var isCounted: Bool { isThere && bits & Self.kinds == Marking.Mark.counted.rawValue }

  func put(on info: UnsafeMutablePointer<siginfo_t>) {
    kq_mark_place(info).pointee = bits
  }

  /// Notes the code of a signal that a thread may not send to others with it: of these nothing may be said that only the
  /// kernel says, though a thread may say anything of a signal to itself.
  static func recode(_ info: UnsafeMutablePointer<siginfo_t>) {
    let found = of(info)
    let code = info.pointee.si_code
    let known = found.isThere ? found.bits : 0
    if known & recoded != 0 || (code < 0 && code != CInt(KQ_SI_TKILL)) { return }
    SignalMark(bits: known | recoded | UInt32(bitPattern: code & 0xff) << 8).put(on: info)
    info.pointee.si_code = CInt(KQ_SI_QUEUE)
  }

  /// Async-signal-safe.
  @inline(__always)
  func takeOff(_ info: UnsafeMutablePointer<siginfo_t>) {
    if bits & Self.recoded != 0 {
      let code = bits >> 8 & 0xff
      info.pointee.si_code = code > 0x80 ? CInt(bitPattern: code) - 0x100 : CInt(bitPattern: code)  // SI_KERNEL is 0x80
    }
    kq_mark_place(info).pointee = 0
  }
}
