import CKQueueShims.Linux

/// A file system by its number, of <linux/magic.h> and the kernel's sources.
struct FileSystem: Equatable, BitwiseCopyable {
  let number: UInt32

  private init(_ number: UInt32) {
    self.number = number
  }

  /// The one that a descriptor's file is on; nil where that cannot be told.
  init?(of descriptor: CInt) {
    var system = statfs()
    guard fstatfs(descriptor, &system) == 0 else { return nil }
    number = UInt32(truncatingIfNeeded: system.f_type)
  }

  static var pipes: FileSystem { FileSystem(0x5049_5045) }
}
