import CKQueueShims.POSIX
import KQueueCore

/// A signal that a knote of the kqueue counts, and its count when it was last asked.
struct SignalWatch: Listed {
  let token: KnoteToken
  let number: CInt
  var seen: CUnsignedInt
  /// Whether the handler makes the pipe readable: not for a disabled knote.
  var listens = true
}

/// SIGNAL (contract 6.8): a handler counts for the whole process and makes the pipe of each kqueue readable that
/// listens. What every thread blocks is looked for by sigpending(2) (contract 6.14).
extension POSIXBackend {
  /// - Throws: EINVAL (no such signal), ENOMEM.
  mutating func attachSignal(_ knote: POSIXKnoteRef) throws(Errno) {
    guard let number = CInt(exactly: knote.ident), Signals.exists(number) else { throw Errno(EINVAL) }
    guard Signals.canBeSeen(number) else { return }
    try signals.reserve()
    // What came before counts for those who watched then, and not for this one (C-283).
    collectPending()
    try listener.listen(to: number, pipe.writing)
    PendingSignals.withhold(number)
    knote.platform.place = .signal
    knote.platform.position = signals.append(
      SignalWatch(
        token: knote.token, number: number,
        seen: Signals.count(number)))
    mayBeToldAgain = true
    noteChange()
  }

  mutating func detachSignal(_ knote: POSIXKnoteRef, _ knotes: borrowing Knotes) {
    let position = knote.platform.position
    let number = signals[Int(position)].number
    if let moved = signals.remove(position) { knotes[moved.index].platform.position = position }
    noteStaleByte()
    listener.unlisten(to: number, isWanted: number == kq_child_signal() && childExits.count > 0)
  }

  /// Whether a handler has counted what was not gathered yet, and can be delivered.
  var hasUncounted: Bool {
    for place in 0..<signals.count where signals[place].listens {
      if Signals.count(signals[place].number) != signals[place].seen { return true }
    }
    return false
  }

  /// Until handlers have written of what was gathered.
  func awaitHandlers() {
    for place in 0..<signals.count { Signals.await(signals[place].number, signals[place].seen) }
    if childExits.count > 0 { Signals.await(kq_child_signal(), Signals.count(kq_child_signal())) }
  }

  /// Makes handlers write to the pipe for signals that can be delivered, and for no others (C-100).
  mutating func listenAsEnabled(_ knotes: borrowing Knotes) {
    for place in 0..<signals.count where signals[place].listens == knotes[signals[place].token.index].isDisabled {
      let number = signals[place].number
      signals[place].listens.toggle()
      let isForChildren = number == kq_child_signal() && childExits.count > 0
      listener.tune(to: number, signals[place].listens || isForChildren)
      if signals[place].listens && Signals.count(number) != signals[place].seen { _ = pipe.signal() }
    }
  }

  /// Counts what is pending, and tells other kqueues of it.
  func collectPending() {
    var own = kq_signal_numbers()
    for place in 0..<signals.count { own.insert(signals[place].number) }
    _ = PendingSignals.collect(own: own, nil)
  }

  func counts(_ number: CInt) -> Bool {
    for place in 0..<signals.count where signals[place].number == number { return true }
    return false
  }

  /// Whether a signal may come that runs no handler.
  var mayMissSignals: Bool {
    for place in 0..<signals.count where BlockedSignals.contain(signals[place].number) { return true }
    return false
  }

  mutating func gatherSignals(_ buffer: UnsafeMutableBufferPointer<Happening>, _ written: inout Int) {
    while written < buffer.count, let place = signals.next() {
      let watch = signals[place]
      if !kq_signals_are_seen() { Signals.look(watch.number) }
      let count = Signals.count(watch.number)
      guard count != watch.seen else { continue }
      signals[place].seen = count
      buffer[written] = Happening(watch.token, bits: 0, data: Int(count &- watch.seen))
      written += 1
    }
  }
}
