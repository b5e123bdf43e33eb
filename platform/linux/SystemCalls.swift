import CKQueueShims.Linux

/// Makes a system call by its number. libc's functions for many of them are cancellation points, and a thread that is
/// cancelled must leave no lock behind.
/// - Returns: what the call gives, or a negative errno.
@inline(__always)
func systemCall(
  _ number: Int, _ first: Int, _ second: Int = 0, _ third: Int = 0, _ fourth: Int = 0, _ fifth: Int = 0,
  _ sixth: Int = 0
) -> Int {
  kq_system_call(number, first, second, third, fourth, fifth, sixth)
}

/// Notes the descriptor that a system call has made as the library's.
/// - Returns: the descriptor; a negative errno, where there is none: the call's, which errno has still, or ENOMEM.
func adopt(_ result: Int) -> CInt {
  kq_adopt(CInt(truncatingIfNeeded: result))
}

// MARK: poll(2)

/// Looks at once which of these bits a descriptor has; others come unasked. A handler that runs ends it as it does a
/// wait, though there is no waiting.
/// - Returns: the bits, or a negative errno.
@inline(never)
func pollNow(_ descriptor: CInt, _ asked: UInt32) -> CInt {
  var entry = pollfd(fd: descriptor, events: Int16(truncatingIfNeeded: asked), revents: 0)
  var got: Int
  repeat {
    var now = timespec()
    got = withUnsafeMutablePointer(to: &entry) { entry in
      withUnsafeMutablePointer(to: &now) { now in
        systemCall(KQ_SYS_PPOLL, Int(bitPattern: entry), 1, Int(bitPattern: now))
      }
    }
  } while got == -Int(EINTR)
  if got < 0 { return CInt(truncatingIfNeeded: got) }
  return CInt(entry.revents) & CInt(POLLNVAL) != 0 ? -EBADF : CInt(UInt16(bitPattern: entry.revents))
}

/// The same; no bits where it fails.
func polledBits(_ descriptor: CInt, _ asked: UInt32) -> UInt32 {
  UInt32(max(pollNow(descriptor, asked), 0))
}

// MARK: stat(2)

func nanoseconds(_ time: timespec) -> Int64 {
  Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
}

private var mixer: UInt64 { 0x9e37_79b9_7f4a_7c15 }

/// A number of 24 bits, not 0, that changes with a file's size and times.
@inline(never)
func fileMark(_ descriptor: CInt) -> UInt32 {
  var got = stat()
  if fstat(descriptor, &got) == -1 { return 1 }
  let times = UInt64(bitPattern: nanoseconds(got.st_mtim))
  let sum = (UInt64(bitPattern: Int64(got.st_size)) &* 31 &+ times) &* mixer
  return UInt32(truncatingIfNeeded: sum >> 40) | 1
}

/// A short form of the file that a number names.
/// - Returns: a negative errno where it cannot be told.
@inline(never)
func shortIdentity(_ descriptor: CInt) -> CInt {
  var got = stat()
  if fstat(descriptor, &got) == -1 { return -kq_errno() }
  let file = UInt64(truncatingIfNeeded: got.st_dev) &* 31 &+ UInt64(truncatingIfNeeded: got.st_ino)
  let kind = file &* 31 &+ UInt64(got.st_mode & mode_t(S_IFMT))
  let sum = (kind &* 31 &+ UInt64(truncatingIfNeeded: got.st_rdev)) &* mixer
  return CInt(truncatingIfNeeded: sum >> 33)
}

// MARK: Files

/// Opens a file to be read.
/// - Returns: a descriptor of the library's, or a negative errno.
@inline(never)
func openToRead(_ path: UnsafePointer<CChar>) -> CInt {
  adopt(openat(path))
}

private func openat(_ path: UnsafePointer<CChar>) -> Int {
  systemCall(KQ_SYS_OPENAT, Int(AT_FDCWD), Int(bitPattern: path), Int(O_RDONLY | O_CLOEXEC))
}

/// - Returns: how many bytes were read, or a negative errno.
@inline(never)
func readFile(_ descriptor: CInt, _ room: UnsafeMutableRawPointer?, _ size: Int) -> Int {
  var got: Int
  repeat {
    got = systemCall(KQ_SYS_READ, Int(descriptor), Int(bitPattern: room), size)
  } while got == -Int(EINTR)
  return got
}

/// Goes back to a file's beginning: 0, or a negative errno.
func rewind(_ descriptor: CInt) -> CInt {
  lseek(descriptor, 0, SEEK_SET) == -1 ? -kq_errno() : 0
}

/// Reads a small file, which is nobody's but this call's.
/// - Returns: how many bytes were read, or a negative errno.
@inline(never)
func readSmall(_ path: UnsafePointer<CChar>, _ room: UnsafeMutableBufferPointer<CChar>) -> Int {
  let descriptor = openat(path)
  if descriptor < 0 { return descriptor }
  defer { kq_close_descriptor(CInt(truncatingIfNeeded: descriptor)) }
  return systemCall(KQ_SYS_READ, descriptor, Int(bitPattern: room.baseAddress), room.count)
}
