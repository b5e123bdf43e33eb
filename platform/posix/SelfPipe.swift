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
    let ends = try Self.make()
    (reading, writing) = (ends.reading, OwnDescriptors.move(ends.writing))
    inside = OwnDescriptors.duplicate(reading)
    _ = kq_identity(reading, &identity)
    OwnFiles.note(writing)
    guard inside >= 0 else {
      kq_close_descriptor(reading)
      kq_close_descriptor(writing)
      throw Errno(-inside)
    }
  }

  /// Makes a pipe of which neither end blocks or outlives exec.
  private static func make() throws(Errno) -> (reading: CInt, writing: CInt) {
    var ends: (CInt, CInt) = (-1, -1)
    let made = withUnsafeMutableBytes(of: &ends) { pipe($0.bindMemory(to: CInt.self).baseAddress) }
    if made == -1 { throw Errno(kq_errno()) }
    do throws(Errno) {
      try prepare(ends.0)
      try prepare(ends.1)
    } catch {
      kq_close_descriptor(ends.0)
      kq_close_descriptor(ends.1)
      throw error
    }
    return ends
  }

  private static func prepare(_ end: CInt) throws(Errno) {
    let flags = try Errno.check(kq_control(end, F_GETFL, 0))
    try Errno.check(kq_control(end, F_SETFL, Int(flags | O_NONBLOCK)))
    try Errno.check(kq_control(end, F_SETFD, Int(FD_CLOEXEC)))
    if !OwnDescriptors.note(end) { throw Errno(ENOMEM) }
  }

  mutating func renumber(_ number: CInt) throws(Errno) {
    guard number != reading else { return }
    try Errno.check(OwnDescriptors.renumber(reading, number))
    kq_close_descriptor(reading)
    OwnDescriptors.note(number)
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
    var byte: UInt8 = 0
    let written = kq_write(writing, &byte, 1)
    return written == 1 || written == -Int(EAGAIN)  // full is readable as well
  }

  func drain() {
    var room: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)
    while kq_read(inside, &room, 64) == 64 {}
  }

  /// Closes all but the kqueue's own number.
  func close() {
    OwnDescriptors.close(inside)
    OwnDescriptors.close(writing)
  }
}
