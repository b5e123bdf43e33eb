import CKQueueShims

/// Signals that were taken from those that are pending.
struct TakenSignals: BitwiseCopyable {
  /// How many more may come than are told of.
  private static var more: Int { 16 }

  let start: UnsafeMutablePointer<siginfo_t>
  private(set) var count = 0
  /// The size of memory of their own; 0 is none.
  private let bytes: Int

  /// Takes all of a number that are pending for the calling thread, as many as there is room for.
  /// - Parameter few: room for some; of more there is memory of their own, where it is to be had.
  init(_ number: CInt, _ state: ThreadSignals, _ few: UnsafeMutableBufferPointer<siginfo_t>) {
    let most = Self.mostPending(number, state)
    let wanted = most * MemoryLayout<siginfo_t>.stride
    let memory = most > few.count ? kq_map(wanted) : nil
    bytes = memory == nil ? 0 : wanted
    start = memory?.assumingMemoryBound(to: siginfo_t.self) ?? few.baseAddress.unsafelyUnwrapped
    let room = memory == nil ? min(most, few.count) : most
    while count < room && SentSignals.take(number, start + count) { count += 1 }
  }

  func free() {
    if bytes > 0 { kq_unmap(start, bytes) }
  }

  /// Of those that do not queue there is one at the most for the thread, and one for all: no try more, it takes time.
  /// Without /proc it is unknown where they are.
  private static func mostPending(_ number: CInt, _ state: ThreadSignals) -> Int {
    if number >= kq_first_queued_signal() || state.threads == 0 { return Int(state.queued) + more }
    return state.isOwn && state.isShared ? 2 : 1
  }
}

/// Who sends a signal, and to whom it may be left; found out before it is taken.
struct Places: BitwiseCopyable {
  private let number: CInt
  private let state: ThreadSignals
  private let process = kq_process()
  private let thread = SentSignals.thread
  private let first: CInt

  init(_ marking: Marking, _ state: ThreadSignals) {
    number = marking.number
    self.state = state
    let mayMove = marking.mayMove && state.threads != 1
    first = mayMove ? SignalThreads.first(of: process, otherwise: thread) : thread
  }

  /// - Parameter isFirst: the kernel handed it out first.
  /// - Parameter mayMove: it may be left to the first thread alone.
  /// - Returns: whether it is there for all threads.
  func sendAgain(_ info: UnsafeMutablePointer<siginfo_t>, isFirst: Bool, mayMove: Bool) -> Bool {
    let goesHere = state.threads == 1 || isOwn(info, isFirst)
    let receiver = goesHere ? thread : first
    let isShared = !goesHere && !mayMove
    if (isShared ? process : receiver) != thread { SignalMark.recode(info) }
    if isShared {
      SentSignals.send(number, toAll: process, info)
    } else {
      _ = SentSignals.send(number, toThread: receiver, process, info)
    }
    return isShared
  }

  /// Whether it was sent to the calling thread alone; of those the kernel hands out first.
  private func isOwn(_ info: UnsafeMutablePointer<siginfo_t>, _ isFirst: Bool) -> Bool {
    if !state.isOwn || !state.isShared { return state.isOwn }
    return number < kq_first_queued_signal() ? isFirst : info.pointee.si_code == CInt(KQ_SI_TKILL)
  }
}
