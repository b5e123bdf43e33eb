import CKQueueShims

/// The files of /proc that tell of the process's threads, where the system is Linux. No cancellation points;
/// async-signal-safe.
struct ThreadPath {
  private var bytes: InlineArray<64, CChar> = InlineArray(repeating: 0)
  private var length = 0

  /// - Parameter name: what follows the thread's folder.
  init(_ thread: CInt, _ name: StaticString) {
    append("/proc/self/task/")
    append(thread)
    append(name)
  }

  @inline(never)
  private mutating func append(_ text: StaticString) {
    var place = 0
    while place < text.utf8CodeUnitCount {
      bytes[length] = CChar(truncatingIfNeeded: text.utf8Start[place])
      length += 1
      place += 1
    }
  }

  @inline(never)
  private mutating func append(_ number: CInt) {
    var power: CInt = 1
    while number / power >= 10 { power *= 10 }
    while power > 0 {
      bytes[length] = CChar(truncatingIfNeeded: 0x30 + number / power % 10)
      length += 1
      power /= 10
    }
  }

  /// Opens it to be read, with these flags besides.
  /// - Returns: a descriptor, which is not noted as the library's, or a negative errno.
  mutating func open(_ flags: CInt = 0) -> CInt {
    var span = bytes.mutableSpan
    return span.withUnsafeMutableBufferPointer { openToRead($0.baseAddress, flags) }
  }

  /// Likewise the folder of all.
  static func openFolder() -> CInt {
    openToRead(UnsafeRawPointer(("/proc/self/task" as StaticString).utf8Start), O_DIRECTORY)
  }
}

/// Opens a file to be read, with these flags besides. Async-signal-safe.
/// - Returns: a descriptor, which is not noted as the library's, or a negative errno.
func openToRead(_ path: UnsafeRawPointer?, _ flags: CInt) -> CInt {
  CInt(
    truncatingIfNeeded: kq_system_call(
      KQ_SYS_OPENAT, Int(AT_FDCWD), Int(bitPattern: path), Int(O_RDONLY | O_CLOEXEC | flags), 0, 0, 0))
}

/// An entry of a folder, as getdents64(2) writes it: two words of 8 bytes, the entry's size, its kind, its name.
enum FolderEntry {
  /// - Returns: how many bytes were read, or a negative errno.
  static func read(_ folder: CInt, _ room: UnsafeMutableRawPointer, _ size: Int) -> Int {
    kq_system_call(KQ_SYS_GETDENTS64, Int(folder), Int(bitPattern: room), size, 0, 0, 0)
  }

  static func size(_ entry: UnsafeRawPointer) -> Int {
    Int(entry.loadUnaligned(fromByteOffset: 16, as: UInt16.self))
  }

  /// The number that it is named; nil of "." and "..".
  static func number(_ entry: UnsafeRawPointer) -> CInt? {
    var place = 19
    var number: CInt?
    while case let digit = entry.load(fromByteOffset: place, as: UInt8.self) &- UInt8(ascii: "0"), digit < 10 {
      number = (number ?? 0) &* 10 &+ CInt(digit)
      place += 1
    }
    return number
  }
}
