import CKQueueShims.Linux
import KQueueCore

enum Pipe {
  /// As many bytes are written as one.
  static var atomicSize: Int { 4096 }

  /// The capacity of a pipe less what is in it.
  static func room(_ descriptor: CInt) -> Int {
    let capacity = Int(kq_control(descriptor, CInt(KQ_F_GETPIPE_SZ), 0))
    let held = kq_readable_bytes(descriptor)
    return capacity < 0 || held < 0 ? 1 : max(capacity - held, 0)
  }

  /// Whether it is one of pipe(2), and no FIFO with a name.
  static func isNameless(_ descriptor: CInt) -> Bool {
    FileSystem(of: descriptor) == .pipes
  }
}

enum Terminal {
  /// Whether a character device is one; also one that was hung up, of which isatty(3) is not sure to say so.
  @inline(never)
  static func isOne(_ descriptor: CInt) -> Bool {
    var settings = termios()
    return tcgetattr(descriptor, &settings) == 0 || kq_errno() == EIO
  }

  /// Whether it is the master of a pair.
  static func isMaster(_ descriptor: CInt) -> Bool {
    number(of: descriptor, KQ_TIOCGPTN) != nil
  }

  /// Room in the output queue.
  static func room(_ descriptor: CInt) -> Int {
    let size = 4096
    guard let queued = number(of: descriptor, KQ_TIOCOUTQ), queued < size else { return 1 }
    return size - Int(queued)
  }
}
