import CKQueueShims.Linux
import KQueueCore

/// What an epoll set watches, as /proc tells it: a line for each entry,
/// "tfd: 5 events: 19 data: 100000002 ...", with two numbers of base 16.
enum ProcEpollEntries {
  /// The number of the entry that has a token.
  static func origin(of token: UInt64, in set: CInt) -> StaleOrigin {
    let file = ProcPath("/proc/thread-self/fdinfo/", set).open()
    guard file >= 0 else { return .unknown }
    defer { kq_close_descriptor(file) }
    var room = InlineArray<4096, UInt8>(repeating: 0)
    var span = room.mutableSpan
    return span.withUnsafeMutableBytes { search(file, $0, token) }
  }

  private static func search(_ file: CInt, _ room: UnsafeMutableRawBufferPointer, _ token: UInt64) -> StaleOrigin {
    var size = 0
    while true {
      let got = readFile(file, room.baseAddress.unsafelyUnwrapped + size, room.count - size)
      if got <= 0 { return .nowhere }
      size += got
      if let number = takeLines(room, &size, token) { return .number(number) }
    }
  }

  /// Looks through whole lines, and moves what is left of one to the front.
  private static func takeLines(_ room: UnsafeMutableRawBufferPointer, _ size: inout Int, _ token: UInt64) -> CInt? {
    var start = 0
    for end in 0..<size where room[end] == UInt8(ascii: "\n") {
      if let number = number(UnsafeRawBufferPointer(rebasing: room[start..<end]), token) { return number }
      start = end + 1
    }
    size -= start
    for place in 0..<size { room[place] = room[start + place] }
    return nil
  }

  /// The number of a line's entry where it has the token.
  private static func number(_ line: UnsafeRawBufferPointer, _ token: UInt64) -> CInt? {
    var text = ProcText(line)
    guard text.skip(past: "tfd:"), let number = text.number(), text.skip(past: "data:"),
      text.number(base: 16) == token
    else { return nil }
    return CInt(truncatingIfNeeded: number)
  }
}
