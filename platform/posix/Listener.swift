import CKQueueShims.POSIX
import KQueueCore

/// The kqueue's place among those whose pipe a handler makes readable, so that its descriptor is readable too
/// (contract 6.14). A signal may be listened to for its own sake and for that of children.
struct Listener: BitwiseCopyable {
  /// + 1; 0 is none.
  private var place: CInt = 0

  /// Begins to count a signal, whose handler writes to this pipe.
  /// - Throws: EINVAL, ENOMEM.
  mutating func listen(to number: CInt, _ writing: CInt) throws(Errno) {
    // The first to count in a process forgets its parent's listeners.
    try Errno.check(Signals.watch(number, CInt(KQ_LISTENERS)))
    if place == 0 {
      let taken = Listeners.add(writing)
      guard taken >= 0 else {
        _ = Signals.unwatch(number)
        throw Errno(-taken)
      }
      place = taken + 1
    }
    Listeners.listen(place - 1, to: number, true)
  }

  /// Whether this pipe is told of a signal that is listened to.
  func tune(to number: CInt, _ isTold: Bool) {
    Listeners.listen(place - 1, to: number, isTold)
  }

  /// - Parameter isWanted: whether this kqueue listens to it for another reason still.
  func unlisten(to number: CInt, isWanted: Bool) {
    if !isWanted { Listeners.listen(place - 1, to: number, false) }
    _ = Signals.unwatch(number)
  }

  /// Before the pipe is closed.
  mutating func close() {
    if place > 0 { Listeners.remove(place - 1) }
    place = 0
  }
}
