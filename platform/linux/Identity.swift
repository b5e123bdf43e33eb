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
    case .main: return isEntered(descriptor, in: main)
    case .side: return isEntered(descriptor, in: side.unsafelyUnwrapped)
    case .file: return files.isSameFile(knote)
    case .always: return kq_is_open(descriptor)
    case .none: return false
    }
  }

  /// Whether the kqueue's own number is its set still, which the wake descriptor stands in.
  public var isAlive: Bool {
    isEntered(wakeDescriptor.descriptor, in: main)
  }

  public var isReplaced: Bool {
    let kind = kq_kind(main.descriptor)
    return kind >= 0 && kind != CInt(KQ_KIND_OTHER.rawValue)
  }

  public var isIntact: Bool {
    isKept(wakeDescriptor.descriptor) && isKept(monotonicTimer.descriptor) && isKept(realtimeTimer.descriptor)
      && isKept(files.descriptor) && isKept(side?.descriptor ?? -1)
  }

  /// Whether a descriptor of ours, where there is one, is what it was.
  private func isKept(_ descriptor: CInt) -> Bool {
    descriptor < 0 || isEntered(descriptor, in: main)
  }

  private func isEntered(_ descriptor: CInt, in set: EpollSet) -> Bool {
    let result = kq_epoll_control(set.descriptor, EPOLL_CTL_ADD, descriptor, EPOLLET.rawValue, 0)
    if result == 0 { _ = kq_epoll_control(set.descriptor, EPOLL_CTL_DEL, descriptor, 0, 0) }
    return result == -EEXIST
  }

  public mutating func rebuild(_ knotes: borrowing Knotes) {
    guard let fresh = try? EpollSet(high: ()) else { return }  // tried again when it is reported again
    for place in 0..<UInt32(knotes.capacity) { leaveIfGone(knotes[place]) }
    let (oldMain, oldSide) = (main, side)
    (main, side) = (fresh, nil)
    enterOwn()
    for place in 0..<UInt32(knotes.capacity) { enterAgain(place, knotes) }
    if let oldSide { kq_close_descriptor(oldSide.descriptor) }
    // Whoever waits on the old set must come back to wait on the new one.
    wakeDescriptor.signalAll(in: oldMain)
    if let renumbered = try? fresh.renumbered(oldMain.descriptor) { main = renumbered }
  }

  /// A number that names another file by now must not be taken for the one that was registered.
  private mutating func leaveIfGone(_ knote: LinuxKnotePointer) {
    let place = knote.pointee.platform.place
    guard (place == .main || place == .side) && !isSameFile(knote) else { return }
    knote.pointee.platform.place = .none
    watched -= 1
  }

  private mutating func enterOwn() {
    wakeDescriptor.enter(main)
    monotonicTimer.enter(.monotonic, main)
    realtimeTimer.enter(.realtime, main)
    files.enter(main)
  }

  private mutating func enterAgain(_ index: UInt32, _ knotes: borrowing Knotes) {
    let knote = knotes[index]
    let place = knote.pointee.platform.place
    guard place == .main || place == .side else { return }
    do throws(Errno) {
      let set = place == .main ? main : try openSide()
      try set.add(
        knote.pointee.descriptor, knote.pointee.epollEvents, EpollToken.knote(index, knote.pointee.generation))
    } catch {
      // Closed, too; its next sample or change finds that out.
    }
  }
}
