/// Where another thread can come between, one after the other. A test's platform has one come there (see
/// `PlatformBackend.reach`); elsewhere nothing is left of it.
public enum Step: Sendable {
  // A call on a kqueue.
  case locked
  case unlocked
  case reclaimed
  case changed
  case listed
  case watched
  case attached
  case announced
  case waking
  case woke
  case left
  case retiring
  // A close, of a descriptor or of a kqueue.
  case beginningClose
  case tookWatchers
  case forgot
  case reservedPlace
  case leftHint
  case told
  case interrupted
  case tookKqueue
  case askedToClose
  case endingClose
  case endedClose
  // kqueue().
  case named
  case tookNumber
  /// Polls for another thread to finish: a further poll has the same result until that one goes on.
  case idle
}
