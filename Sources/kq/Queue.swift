import CKQueue
import CKqShims

/// One change or one event. C has a function of the same name, so the type goes by this one.
typealias Kevent = CKQueue.kevent

/// A kqueue, and the few ways in which this tool calls it.
struct Queue: ~Copyable {
  let descriptor: CInt

  init() throws(Failure) {
    descriptor = try check(kqueue(), "kqueue")
  }

  deinit {
    _ = close(descriptor)
  }

  /// Makes one change; where that fails, it is said of `name`.
  func change(_ change: Kevent, of name: String = "kevent") throws(Failure) {
    var change = change
    try check(kevent(descriptor, &change, 1, nil, 0, nil), name)
  }

  /// The next event, waited for as long as given, or for ever; nil where none came.
  func next(within milliseconds: Int? = nil) throws(Failure) -> Kevent? {
    var event = Kevent()
    let count: CInt
    if let milliseconds {
      var timeout = timespec(tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000)
      count = kevent(descriptor, nil, 0, &event, 1, &timeout)
    } else {
      count = kevent(descriptor, nil, 0, &event, 1, nil)
    }
    // Stopped and continued, from the terminal say: that is no event, and no error.
    if count < 0 && tool_errno() == EINTR { return nil }
    return try check(count, "kevent") == 0 ? nil : event
  }

  /// A question to the library itself; the answer is in the entry that comes back.
  func ask(_ question: CInt) throws(Failure) -> Kevent {
    var entry = Kevent(EVFILT_LIBKQUEUE, 0, EV_ADD, fflags: UInt32(question))
    var answer = Kevent()
    let count = try check(kevent(descriptor, &entry, 1, &answer, 1, nil), "kevent")
    guard count == 1 && !answer.has(EV_ERROR) else { throw Failure("kevent", CInt(truncatingIfNeeded: answer.data)) }
    return answer
  }
}

extension Kevent {
  /// What EV_SET does in C. `tag` goes into udata and comes back with every event.
  init(_ filter: CInt, _ ident: UInt, _ flags: CInt, fflags: UInt32 = 0, data: Int = 0, tag: Int = 0) {
    self.init(
      ident: ident, filter: Int16(filter), flags: UInt16(flags), fflags: fflags, data: data,
      udata: UnsafeMutableRawPointer(bitPattern: tag))
  }

  /// What was given as `tag`.
  var tag: Int {
    Int(bitPattern: udata)
  }

  func has(_ flag: CInt) -> Bool {
    flags & UInt16(flag) != 0
  }
}
