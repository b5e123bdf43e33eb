import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// SIGNAL knotes and the kernel.
extension LinuxBackend {
  /// - Throws: EINVAL (no such signal), EMFILE, ENFILE, ENOMEM, ENOTSUP (signalfd4(2) is denied).
  mutating func attachSignal(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) -> Backing {
    guard let number = CInt(exactly: knote.ident), Signals.exists(number) else { throw Errno(EINVAL) }
    guard Signals.canBeSeen(number) else { return .recorded }
    try signals.prepare(knotes, in: main)
    // What came before counts for those who watched then, and not for this one (C-283).
    let isQuiet = PendingSignals.areNoneWatched(or: number)
    if !isQuiet { _ = PendingSignals.collect(own: kq_signal_numbers(), nil) }
    let notifier = try watchSignal(number)
    let count = Signals.count(number)
    Signals.await(number, count)
    knote.platform.watch = CInt(bitPattern: count)
    do throws(Errno) {
      try signals.listen()
      try signals.add(knote, number, notifier, isWanted: !knote.isDisabled)
    } catch {
      unwatchSignal(number)
      throw error
    }
    knote.platform.place = .facility
    signals.begin(knotes, isQuiet: isQuiet)
    watched += 1
    return .recorded
  }

  /// Follows EV_ENABLE and EV_DISABLE. What came meanwhile is found by the count, and reported again.
  mutating func updateSignal(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) {
    guard knote.platform.place == .facility else { return }
    try signals.want(knote.signalNumber, !knote.isDisabled)
    signals.settle(knotes)
  }

  mutating func detachSignal(_ knote: LinuxKnoteRef) {
    guard knote.platform.place == .facility else { return }
    let number = knote.signalNumber
    knote.platform.place = .none
    signals.remove(knote, number)
    watched -= 1
    unwatchSignal(number)
  }

  /// - Returns: the eventfd that is written to.
  func watchSignal(_ number: CInt) throws(Errno) -> CInt {
    while true {
      let made = Signals.notifier(number) >= 0 ? -1 : try Errno.check(OwnDescriptors.move(WakeDescriptor.make()))
      let used = Signals.watch(number, made)
      if made >= 0 && used != made { kq_close_descriptor(made) }  // another thread was first, or it failed
      // The one that was there went with its last user in this moment.
      if used != -EAGAIN { return try Errno.check(used) }
    }
  }

  func unwatchSignal(_ number: CInt) {
    let spare = Signals.unwatch(number)
    if spare >= 0 { OwnDescriptors.close(spare) }
  }
}

extension KnoteRef<LinuxKnote> {
  var signalNumber: CInt { CInt(truncatingIfNeeded: ident) }

  /// Whether the signal came since this was last asked.
  var hasOccurred: Bool {
    Signals.count(signalNumber) != CUnsignedInt(bitPattern: platform.watch)
  }

  /// How often the signal came since this was last asked; returns when no notification of it is still to be written.
  func takeOccurrences() -> Happening {
    let count = Signals.count(signalNumber)
    let fresh = count &- CUnsignedInt(bitPattern: platform.watch)
    Signals.await(signalNumber, count)
    platform.watch = CInt(bitPattern: count)
    return Happening(token, bits: 0, data: Int(fresh))
  }
}
