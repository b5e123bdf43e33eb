import CKQueueShims.Linux
import KQueueCore

/// The threads of a process, as /proc lists them.
enum Threads {
  /// Writes their numbers.
  /// - Returns: how many there are, of which as many as there is room for are written; 0 where the process is gone.
  /// - Throws: ENOTSUP where /proc does not tell, or tells of another namespace.
  static func list(_ process: CInt, _ threads: UnsafeMutableBufferPointer<CInt>) throws(Errno) -> Int {
    guard kq_proc_is_ours() else { throw Errno(ENOTSUP) }
    let folder = ProcPath("/proc/", process, "/task").open()
    if folder == -ENOENT && kq_is_number_used(process) { throw Errno(ENOTSUP) }
    guard folder >= 0 else { return 0 }
    defer { kq_close_descriptor(folder) }
    var room = InlineArray<2048, UInt8>(repeating: 0)
    var span = room.mutableSpan
    return span.withUnsafeMutableBytes { list(folder, $0, threads) }
  }

  private static func list(
    _ folder: CInt, _ room: UnsafeMutableRawBufferPointer, _ threads: UnsafeMutableBufferPointer<CInt>
  ) -> Int {
    var count = 0
    while true {
      let got = Int(kq_read_folder(folder, room.baseAddress, room.count))
      if got <= 0 { return count }
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
