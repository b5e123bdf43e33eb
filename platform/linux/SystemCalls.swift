import CKQueueShims.Linux
import KQueueCore

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
/// - Returns: the descriptor; a negative errno, where there is none: the call's, or ENOMEM.
func adopt(_ result: Int) -> CInt {
  OwnDescriptors.adopt(CInt(truncatingIfNeeded: result))
}

// MARK: ioctl(2)

/// Asks a descriptor for a number, by ioctl(2).
/// - Returns: nil where it has none.
@inline(never)
func number(of descriptor: CInt, _ request: Int) -> CInt? {
  var answer: CInt = 0
  return kq_device_control(descriptor, request, &answer) == 0 ? answer : nil
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
        kq_system_call(KQ_SYS_PPOLL, Int(bitPattern: entry), 1, Int(bitPattern: now), 0, 0, 0)
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
