import CKQueueShims
import Synchronization

/// Whether a number can be the library's still where closes go unseen. Async-signal-safe.
///
/// Most of its descriptors are of no type that a file has. Those that are of one (pipes, sockets, files of the system) are
/// known by their inodes, since a number may be a file of the program's by now. What cannot be told is taken for the
/// program's.
public enum OwnFiles {
  /// By the number of one of its descriptors, modulo what there is room for; 0 is none. Of one whose place another has,
  /// what was closed unseen is left open in the child.
  @inline(__always)
  private static func place(_ number: CInt) -> UnsafeMutablePointer<Atomic<UInt64>> {
    kq_own_files().assumingMemoryBound(to: Atomic<UInt64>.self) + Int(number)
  }

  private static func name(_ status: borrowing stat) -> UInt64 {
    UInt64(truncatingIfNeeded: status.st_ino) &* 0x9e37_79b9_7f4a_7c15 ^ UInt64(truncatingIfNeeded: status.st_dev)
  }

  /// Notes which file a descriptor of the library's names.
  @inline(never)
  public static func note(_ descriptor: CInt) {
    var status = stat()
    guard descriptor >= 0 && fstat(descriptor, &status) == 0 else { return }
    place(descriptor % CInt(KQ_OWN_FILES)).pointee.store(name(status), ordering: .sequentiallyConsistent)
  }

  @inline(never)
  static func contain(_ descriptor: CInt) -> Bool {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return false }
    return status.st_mode & mode_t(S_IFMT) == 0 || isNoted(name(status))
  }

  private static func isNoted(_ name: UInt64) -> Bool {
    var number: CInt = 0
    while number < CInt(KQ_OWN_FILES) {
      if place(number).pointee.load(ordering: .sequentiallyConsistent) == name { return true }
      number += 1
    }
    return false
  }
}
