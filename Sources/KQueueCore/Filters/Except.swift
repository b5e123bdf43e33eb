import CKQueue
import CKQueueShims

/// EXCEPT: urgent data and nothing else (contract 6.3). READ reports it with EV_OOBAND.
extension KQueue where Backend: ~Copyable {
  /// - Throws: EINVAL for a change that watches for something else.
  func requireUrgency(_ change: Kevent) throws(Errno) {
    guard change.has(EV_ADD) || change.redefines && !change.has(EV_DELETE) else { return }
    if change.watchedFor != UInt32(NOTE_OOB) { throw Errno(EINVAL) }
  }
}

extension KnoteRef {
  /// Whether it is about urgent data: EXCEPT, or READ with EV_OOBAND.
  public var wantsUrgent: Bool {
    @inline(__always) get { fflags & UInt32(NOTE_OOB) != 0 }
  }
}

extension Readiness {
  /// EXCEPT: NOTE_OOB in fflags, and EV_EOF where the descriptor has ended.
  public static func urgent(_ isUrgent: Bool, hasEnded: Bool) -> Readiness {
    guard isUrgent || hasEnded else { return .inactive }
    return Readiness(data: 0, fflags: isUrgent ? UInt32(NOTE_OOB) : 0, flags: hasEnded ? endOfFile : 0)
  }

  /// What READ says, and EV_OOBAND, as there is urgent data.
  /// - Parameter bytes: that can be read, where READ has nothing to say.
  public func withUrgent(_ bytes: @autoclosure () -> Int) -> Readiness {
    var readiness = isActive ? self : Readiness(data: bytes())
    readiness.flags |= UInt16(EV_OOBAND)
    return readiness
  }
}

extension Kevent {
  /// What to watch for: EV_OOBAND is NOTE_OOB said as a flag (contract 6.3).
  var watchedFor: UInt32 {
    has(EV_OOBAND) && (filter == Filter.read.rawValue || filter == Filter.except.rawValue)
      ? fflags | UInt32(NOTE_OOB) : fflags
  }
}
