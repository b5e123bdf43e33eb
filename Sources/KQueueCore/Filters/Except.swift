import CKQueue
import CKQueueShims

/// EXCEPT: urgent data and nothing else (contract 6.3). READ can be told of it too.
extension KQueue where Backend: ~Copyable {
  /// - Throws: EINVAL for a change that watches for something else.
  func requireUrgency(_ change: Kevent) throws(Errno) {
    guard change.has(EV_ADD) || change.redefines && !change.has(EV_DELETE) else { return }
    if change.watchedFor != UInt32(NOTE_OOB) { throw Errno(EINVAL) }
  }
}

extension Kevent {
  /// What to watch for: EV_OOBAND is NOTE_OOB said as a flag (contract 6.3).
  var watchedFor: UInt32 {
    has(EV_OOBAND) && (filter == Filter.read.rawValue || filter == Filter.except.rawValue)
      ? fflags | UInt32(NOTE_OOB) : fflags
  }
}
