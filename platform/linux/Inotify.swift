import CKQueueShims.Linux
import KQueueCore

/// The calls of inotify(7), made by number: a program may bring functions of these names, which watch by kqueue.
enum Inotify {
  /// A new instance, or a negative errno; -ENOTSUP where it is denied.
  static func open() -> CInt {
    kq_unless_denied(adopt(systemCall(KQ_SYS_INOTIFY_INIT1, Int(IN_CLOEXEC) | Int(IN_NONBLOCK))))
  }

  /// Watches the file behind a descriptor, not its name.
  /// - Returns: the watch, or a negative errno; -ENOTSUP where /proc is not to be had.
  @inline(never)
  static func watch(_ inotify: CInt, _ descriptor: CInt, _ mask: UInt32) -> CInt {
    let got = add(inotify, descriptor, "", mask)
    if isUnnamed(got) { return -ENOTSUP }
    return isOwnRefusal(got) ? got : kq_unless_denied(got)
  }

  /// Likewise; -EEXIST where the file is watched already.
  static func watchNew(_ inotify: CInt, _ descriptor: CInt) -> CInt {
    let mustBeNew: UInt32 = 0x1000_0000  // IN_MASK_CREATE, of Linux 4.18
    return add(inotify, descriptor, "", UInt32(IN_ATTRIB) | mustBeNew)
  }

  /// Watches the directory that a directory is in.
  static func watchParent(_ inotify: CInt, _ descriptor: CInt, _ mask: UInt32) -> CInt {
    add(inotify, descriptor, "/..", mask | UInt32(IN_ONLYDIR))
  }

  static func remove(_ inotify: CInt, _ watch: CInt) {
    _ = systemCall(KQ_SYS_INOTIFY_RM_WATCH, Int(inotify), Int(watch))
  }

  /// Reads the next batch of records: how many bytes; 0 where there is none.
  static func read(_ inotify: CInt, _ room: UnsafeMutableRawPointer?, _ size: Int) -> Int {
    let got = systemCall(KQ_SYS_READ, Int(inotify), Int(bitPattern: room), size)
    return got == -Int(EAGAIN) ? 0 : got
  }

  /// The thread's own table of descriptors, where it is told: the process's is gone with its first thread.
  @inline(never)
  private static func add(_ inotify: CInt, _ descriptor: CInt, _ suffix: StaticString, _ mask: UInt32) -> CInt {
    var table: StaticString = "/proc/thread-self/fd/"
    for _ in 0..<2 {
      let got = add(inotify, ProcPath(table, descriptor, suffix), mask)
      if !isUnnamed(got) { return got }
      table = "/proc/self/fd/"
    }
    return -ENOENT
  }

  private static func add(_ inotify: CInt, _ path: ProcPath, _ mask: UInt32) -> CInt {
    path.withCString {
      CInt(truncatingIfNeeded: systemCall(KQ_SYS_INOTIFY_ADD_WATCH, Int(inotify), Int(bitPattern: $0), Int(mask)))
    }
  }

  private static func isUnnamed(_ result: CInt) -> Bool {
    result == -ENOENT || result == -ENOTDIR
  }

  /// A file that may not be read is EACCES as well, but a descriptor that is none is EBADF, unless a filter answers for
  /// it.
  private static func isOwnRefusal(_ result: CInt) -> Bool {
    result == -EACCES && add(-1, ProcPath(""), UInt32(IN_ATTRIB)) != -EACCES
  }
}
