import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// Closes that nobody saw: by a raw system call, or where the program's close is not ours (contract 4).
///
/// epoll knows its entries by file and number together. To enter a number again is refused with EEXIST as long
/// as it names the file that was entered; so a knote is known to be gone, without a descriptor held for it.
extension LinuxBackend {
  /// Whether a knote's number names the file that it was registered for.
  func isSameFile(_ knote: LinuxKnotePointer) -> Bool {
    let descriptor = knote.pointee.descriptor
    switch knote.pointee.platform.place {
    case .main, .firstSide, .secondSide, .thirdSide: return set(of: knote).unsafelyUnwrapped.holds(descriptor)
    case .file: return files.isSame(knote)
    case .always: return kq_short_identity(descriptor) == knote.pointee.platform.watch
    case .facility: return kq_is_open(descriptor)
    case .none: return false
    }
  }

  /// Whether the kqueue's own number is its set still, which the wake descriptor stands in.
  public var isAlive: Bool {
    main.holds(wakeDescriptor.descriptor)
  }

  public var isReplaced: Bool {
    let kind = kq_kind(main.descriptor)
    return kind >= 0 && kind != CInt(KQ_KIND_OTHER.rawValue)
  }

  public var isIntact: Bool {
    isKept(wakeDescriptor.descriptor) && isKept(monotonicTimer.descriptor) && isKept(realtimeTimer.descriptor)
      && isKept(files.descriptor) && isKept(mounts.descriptor) && areSidesKept
      && areSignalsKept && (families?.pointee.isKept(in: main) ?? true)
  }

  private var areSidesKept: Bool {
    for place in 0..<SideSets.limit where !isKept(sides.number(place) - 1) { return false }
    return true
  }

  private var areSignalsKept: Bool {
    for number in 0..<SignalSource.limit where signals.watches(number) && !isKept(kq_signal_notifier(number)) {
      return false
    }
    return isKept(signals.descriptor)
  }

  /// Whether a descriptor of ours, where there is one, is what it was.
  private func isKept(_ descriptor: CInt) -> Bool {
    descriptor < 0 || main.holds(descriptor)
  }

  public mutating func rebuild(_ knotes: borrowing Knotes) {
    // Where its own number was closed unseen there is nothing to put right, and that may be another file's.
    guard wakeDescriptor.descriptor < 0 || isAlive, !isReplaced else { return }
    guard let fresh = try? EpollSet(high: ()) else { return }  // tried again when it is reported again
    var place: UInt32 = 0
    while let index = knotes.next(&place) { leaveIfGone(knotes[index]) }
    let (oldMain, oldSides) = (main, sides)
    (main, sides) = (fresh, SideSets())
    enterOwn()
    place = 0
    while let index = knotes.next(&place) { enterAgain(index, knotes) }
    oldSides.close()
    // Whoever waits on the old set must come back to wait on the new one.
    wakeDescriptor.signalAll(in: oldMain)
    if let renumbered = try? fresh.renumbered(oldMain.descriptor) { main = renumbered }
  }

  /// A number that names another file by now must not be taken for the one that was registered.
  private mutating func leaveIfGone(_ knote: LinuxKnotePointer) {
    guard knote.pointee.platform.place.isInSet && !isSameFile(knote) else { return }
    knote.pointee.platform.place = .none
    watched -= 1
  }

  private mutating func enterOwn() {
    wakeDescriptor.enter(main)
    monotonicTimer.enter(.monotonic, main)
    realtimeTimer.enter(.realtime, main)
    files.enter(main)
    mounts.enter(main)
    families?.pointee.enter(main)
    signals.enter(main)
  }

  private mutating func enterAgain(_ index: UInt32, _ knotes: borrowing Knotes) {
    let knote = knotes[index]
    let place = knote.pointee.platform.place
    if knote.pointee.kind == .proc { try? enterProcess(index, knotes) }
    if knote.pointee.kind == .signal { return enterSignalAgain(index, knote) }
    guard place.isInSet else { return }
    do throws(Errno) {
      try open(place).add(
        knote.pointee.descriptor, knote.pointee.epollEvents, EpollToken.knote(index, knote.pointee.generation))
    } catch {
      // Closed, too; its next sample or change finds that out.
    }
  }
}
