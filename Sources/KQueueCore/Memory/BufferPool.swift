/// Buffers for the platform's reports: each waiting thread needs one of its own.
///
/// They are as large as the caller's eventlist can be of use, so that one system call harvests it all, and
/// never the caller's memory itself, which may be shorter than nevents says (contract 1.2).
struct BufferPool<RawEvent: BitwiseCopyable>: ~Copyable {
  typealias Buffer = UnsafeMutableBufferPointer<RawEvent>

  /// Buffers that a kqueue keeps when no thread waits; more are given back to the system.
  private static var kept: Int { 4 }

  private var idle = InlineArray<4, Buffer>(repeating: Buffer(start: nil, count: 0))
  private var idleCount = 0

  private static var smallest: Int { 1024 / MemoryLayout<RawEvent>.stride }

  /// A buffer for at least `count` reports.
  /// - Throws: ENOMEM.
  mutating func take(_ count: Int) throws(Errno) -> Buffer {
    if idleCount > 0 {
      idleCount -= 1
      let buffer = idle[idleCount]
      if buffer.count >= count { return buffer }
      Arena.unmap(buffer.baseAddress.unsafelyUnwrapped, count: buffer.count)
    }
    var size = Self.smallest
    while size < count { size *= 2 }
    return Buffer(start: try Arena.map(RawEvent.self, count: size), count: size)
  }

  mutating func give(back buffer: Buffer) {
    guard idleCount < Self.kept else {
      Arena.unmap(buffer.baseAddress.unsafelyUnwrapped, count: buffer.count)
      return
    }
    idle[idleCount] = buffer
    idleCount += 1
  }

  mutating func removeAll() {
    for place in 0..<idleCount {
      Arena.unmap(idle[place].baseAddress.unsafelyUnwrapped, count: idle[place].count)
    }
    idleCount = 0
  }
}
