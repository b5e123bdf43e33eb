import CKQueueShims.Linux

/// A file system by its number, of <linux/magic.h> and the kernel's sources.
struct FileSystem: Equatable, BitwiseCopyable {
  private let number: UInt32

  private init(_ number: UInt32) {
    self.number = number
  }

  /// The one that a descriptor's file is on; nil where that cannot be told.
  @inline(never)
  init?(of descriptor: CInt) {
    var system = statfs()
    guard fstatfs(descriptor, &system) == 0 else { return nil }
    number = UInt32(truncatingIfNeeded: system.f_type)
  }

  static var pipes: FileSystem { FileSystem(0x5049_5045) }
  /// tmpfs, which programs and the kernel mount.
  static var temporary: FileSystem { FileSystem(0x0102_1994) }

  /// Of pipes, sockets, what is anonymous, processes, buffers, secrets: nobody can mount them.
  var isUnmountable: Bool {
    switch number {
    case 0x5049_5045, 0x534f_434b, 0x0904_1934, 0x5049_4446, 0x444d_4142, 0x5345_434d: true
    default: false
    }
  }
}
