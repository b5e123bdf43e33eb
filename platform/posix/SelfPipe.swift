import CKQueueShims.POSIX
import KQueueCore

/// The pipe whose reading end is the kqueue's descriptor: readable while there is something to deliver that poll(2)
/// does not tell, and where those who sleep must look anew.
struct SelfPipe: BitwiseCopyable {
  private(set) var reading: CInt
  /// The reading end under a number that the program does not know: those who sleep wait for this one, since the
  /// kqueue's own may be closed, and be another file's, before they look up. So the pipe is never without a reader.
  let inside: CInt
  let writing: CInt
  private var identity = kq_identity()

  /// - Throws: EMFILE, ENFILE.
  init() throws(Errno) {
    var ends: (CInt, CInt) = (-1, -1)
    try Errno.check(withUnsafeMutableBytes(of: &ends) { kq_pipe($0.bindMemory(to: CInt.self).baseAddress) })
    (reading, writing) = (ends.0, kq_move_high(ends.1))
    inside = kq_duplicate_inside(reading)
    _ = kq_identity(reading, &identity)
    kq_own_pipe(writing)
    guard inside >= 0 else {
      kq_close_descriptor(reading)
      kq_close_descriptor(writing)
      throw Errno(-inside)
    }
  }

  mutating func renumber(_ number: CInt) throws(Errno) {
    guard number != reading else { return }
    try Errno.check(kq_renumber(reading, number))
    kq_close_descriptor(reading)
    _ = kq_own(number)
    reading = number
  }

  /// Where pipes live.
  var device: UInt64 { identity.device }

  /// Whether the kqueue's number is this pipe still.
  var isAlive: Bool {
    var now = kq_identity()
    return kq_identity(reading, &now) == 0 && now.device == identity.device && now.number == identity.number
  }

  /// Whether the end inside is open still.
  var isIntact: Bool {
    kq_is_open(writing) && kq_is_open(inside)
  }

  func signal() -> Bool {
    kq_pipe_signal(writing) == 0
  }

  func drain() {
    kq_pipe_drain(inside)
  }

  /// Closes all but the kqueue's own number.
  func close() {
    kq_close_own(inside)
    kq_close_own(writing)
  }
}
