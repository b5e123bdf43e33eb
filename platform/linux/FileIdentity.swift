import CKQueueShims.Linux

/// A time in nanoseconds.
func nanoseconds(_ time: timespec) -> Int64 {
  Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
}

/// Hands what fstat(2) says to the body, or nil where it fails. It is not zeroed before, which would be of no use.
@inline(__always)
func withStatus<Result>(of descriptor: CInt, _ body: (UnsafePointer<stat>?) -> Result) -> Result {
  withUnsafeTemporaryAllocation(of: stat.self, capacity: 1) { room in
    let status = room.baseAddress.unsafelyUnwrapped
    return body(fstat(descriptor, status) == 0 ? UnsafePointer(status) : nil)
  }
}

private var mixer: UInt64 { 0x9e37_79b9_7f4a_7c15 }

/// A number of 24 bits, not 0, that changes with a file's size and times.
@inline(never)
func fileMark(_ descriptor: CInt) -> UInt32 {
  withStatus(of: descriptor) { status in
    guard let status else { return 1 }
    let times = UInt64(bitPattern: nanoseconds(status.pointee.st_mtim))
    let sum = (UInt64(bitPattern: Int64(status.pointee.st_size)) &* 31 &+ times) &* mixer
    return UInt32(truncatingIfNeeded: sum >> 40) | 1
  }
}

/// A short form of the file that a number names.
/// - Returns: a negative errno where it cannot be told.
@inline(never)
func shortIdentity(_ descriptor: CInt) -> CInt {
  withStatus(of: descriptor) { status in
    guard let status else { return -kq_errno() }
    let device = UInt64(truncatingIfNeeded: status.pointee.st_dev)
    let file = device &* 31 &+ UInt64(truncatingIfNeeded: status.pointee.st_ino)
    let kind = file &* 31 &+ UInt64(status.pointee.st_mode & mode_t(S_IFMT))
    let sum = (kind &* 31 &+ UInt64(truncatingIfNeeded: status.pointee.st_rdev)) &* mixer
    return CInt(truncatingIfNeeded: sum >> 33)
  }
}
