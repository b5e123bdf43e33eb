import CKQueueShims.Linux
import KQueueCore

/// The threads of a process, as /proc lists them.
enum Threads {
  /// Writes their numbers.
  /// - Returns: how many there are, of which as many as there is room for are written; 0 where the process is gone.
  /// - Throws: ENOTSUP where /proc does not tell, or tells of another namespace; EMFILE and the like.
  static func list(_ process: CInt, _ threads: UnsafeMutableBufferPointer<CInt>) throws(Errno) -> Int {
    guard ProcessNumber.isOfProc else { throw Errno(ENOTSUP) }
    let folder = ProcPath("/proc/", process, "/task").open()
    if try isGone(process, Int(folder)) { return 0 }
    defer { kq_close_descriptor(folder) }
    var room = InlineArray<2048, UInt8>(repeating: 0)
    var span = room.mutableSpan
    return try span.withUnsafeMutableBytes { (room) throws(Errno) in try list(process, folder, room, threads) }
  }

  /// Whether an answer says that the process is gone. One whose threads cannot be listed must not count as watched.
  private static func isGone(_ process: CInt, _ answer: Int) throws(Errno) -> Bool {
    if answer >= 0 { return false }
    guard answer == -Int(ENOENT) else { throw Errno(CInt(-answer)) }
    if ProcessNumber.isUsed(process) { throw Errno(ENOTSUP) }
    return true
  }

  private static func list(
    _ process: CInt, _ folder: CInt, _ room: UnsafeMutableRawBufferPointer, _ threads: UnsafeMutableBufferPointer<CInt>
  ) throws(Errno) -> Int {
    var count = 0
    while true {
      let got = systemCall(KQ_SYS_GETDENTS64, Int(folder), Int(bitPattern: room.baseAddress), room.count)
      if try isGone(process, got) { return count }
      if got == 0 { return count }
      var place = 0
      while place < got {
        let entry = FolderEntry(UnsafeRawBufferPointer(rebasing: room[place..<got]))
        if let thread = entry.thread {
          if count < threads.count { threads[count] = thread }
          count += 1
        }
        place += entry.size
      }
    }
  }
}

/// linux_dirent64: two words of 8 bytes, the entry's size, its kind, its name.
private struct FolderEntry {
  let size: Int
  /// nil of "." and "..".
  let thread: CInt?

  init(_ bytes: UnsafeRawBufferPointer) {
    size = Int(bytes.loadUnaligned(fromByteOffset: 16, as: UInt16.self))
    var name = ProcText(UnsafeRawBufferPointer(rebasing: bytes[19..<size]))
    thread = name.number().map { CInt(truncatingIfNeeded: $0) }
  }
}
