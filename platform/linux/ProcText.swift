import CKQueueShims.Linux
import KQueueCore

/// A path below /proc that has a number in it.
struct ProcPath: BitwiseCopyable {
  private var bytes = InlineArray<64, UInt8>(repeating: 0)
  private var count = 0

  @inline(never)
  init(_ folder: StaticString, _ number: CInt, _ name: StaticString = "") {
    append(folder)
    append(UInt32(bitPattern: number))
    append(name)
  }

  /// A path without a number.
  @inline(never)
  init(_ path: StaticString) {
    append(path)
  }

  init(_ folder: StaticString, name: UnsafeRawBufferPointer, _ file: StaticString) {
    append(folder)
    for byte in name {
      if byte == 0 { break }
      append(byte)
    }
    append(file)
  }

  @inline(never)
  private mutating func append(_ text: StaticString) {
    for place in 0..<text.utf8CodeUnitCount { append(text.utf8Start[place]) }
  }

  private mutating func append(_ number: UInt32) {
    var divisor: UInt32 = 1
    while number / divisor > 9 { divisor *= 10 }
    while divisor > 0 {
      append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / divisor % 10))
      divisor /= 10
    }
  }

  private mutating func append(_ byte: UInt8) {
    bytes[count] = byte
    count += 1
  }

  /// The path as C has it, with its NUL.
  func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    withUnsafeBytes(of: bytes) {
      body($0.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self))
    }
  }

  /// A descriptor of the file, or a negative errno.
  func open() -> CInt {
    withCString { openToRead($0) }
  }

  /// Hands the first thousand bytes of the file to the body, or nil where it cannot be read.
  func read<Result>(_ body: (ProcText?) -> Result) -> Result {
    var room = InlineArray<1024, CChar>(repeating: 0)
    var span = room.mutableSpan
    return span.withUnsafeMutableBufferPointer { text in
      body(ProcText(text, withCString { readSmall($0, text) }))
    }
  }

  /// The same of four thousand bytes.
  func readLong<Result>(_ body: (ProcText?) -> Result) -> Result {
    var room = InlineArray<4096, CChar>(repeating: 0)
    var span = room.mutableSpan
    return span.withUnsafeMutableBufferPointer { text in
      body(ProcText(text, withCString { readSmall($0, text) }))
    }
  }

  /// Hands the beginning of what a symbolic link says to the body, or nil where it cannot be read.
  func readLink<Result>(_ body: (ProcText?) -> Result) -> Result {
    var room = InlineArray<32, CChar>(repeating: 0)
    var span = room.mutableSpan
    return span.withUnsafeMutableBufferPointer { text in
      body(ProcText(text, withCString { readlink($0, text.baseAddress.unsafelyUnwrapped, text.count) }))
    }
  }
}

/// What is left to read of a text of /proc.
struct ProcText: BitwiseCopyable {
  private let bytes: UnsafeRawBufferPointer
  private var place = 0

  init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  /// What a call read; nil where it read nothing.
  fileprivate init?(_ room: UnsafeMutableBufferPointer<CChar>, _ count: Int) {
    guard count > 0 else { return nil }
    self.init(UnsafeRawBufferPointer(start: room.baseAddress, count: count))
  }

  /// Hands the first thousand bytes of an open file to the body, or nil where it cannot be read.
  static func readAgain<Result>(_ file: CInt, _ body: (ProcText?) -> Result) -> Result {
    guard rewind(file) == 0 else { return body(nil) }
    var room = InlineArray<1024, CChar>(repeating: 0)
    var span = room.mutableSpan
    return span.withUnsafeMutableBufferPointer { text in
      body(ProcText(text, readFile(file, text.baseAddress, text.count)))
    }
  }

  /// The next byte; nil at the end.
  var first: UInt8? { place < bytes.count ? bytes[place] : nil }

  /// Goes on behind a word, wherever it stands next.
  /// - Returns: whether there is such a word.
  @inline(never)
  mutating func skip(past word: StaticString) -> Bool {
    var start = place
    while start + word.utf8CodeUnitCount <= bytes.count {
      if stands(word, at: start) {
        place = start + word.utf8CodeUnitCount
        return true
      }
      start += 1
    }
    return false
  }

  /// Whether a word is all of it.
  func `is`(_ word: StaticString) -> Bool {
    bytes.count == word.utf8CodeUnitCount && stands(word, at: 0)
  }

  @inline(never)
  private func stands(_ word: StaticString, at start: Int) -> Bool {
    for index in 0..<word.utf8CodeUnitCount where bytes[start + index] != word.utf8Start[index] { return false }
    return true
  }

  /// Goes on behind the last of these bytes among the first hundred or so.
  @inline(never)
  mutating func skip(pastLast byte: UInt8) -> Bool {
    var end = min(bytes.count, 128)
    while end > place && bytes[end - 1] != byte { end -= 1 }
    guard end > place else { return false }
    place = end
    return true
  }

  /// Goes on behind so many blanks.
  /// - Returns: whether there are so many.
  @inline(never)
  mutating func skip(blanks: Int) -> Bool {
    var left = blanks
    while left > 0 {
      guard place < bytes.count else { return false }
      if bytes[place] == UInt8(ascii: " ") { left &-= 1 }
      place &+= 1
    }
    return true
  }

  /// Reads a number, after blanks; nil where there is none. One that is too large wraps.
  @inline(never)
  mutating func number(base: UInt64 = 10) -> UInt64? {
    while first == UInt8(ascii: " ") || first == UInt8(ascii: "\t") { place += 1 }
    let start = place
    var value: UInt64 = 0
    while place < bytes.count {
      let digit = Self.digit(bytes[place])
      guard digit < base else { break }
      value = value &* base &+ digit
      place &+= 1
    }
    return place > start ? value : nil
  }

  /// What is no digit is more than any base.
  private static func digit(_ byte: UInt8) -> UInt64 {
    let decimal = byte &- UInt8(ascii: "0")
    let letter = byte &- UInt8(ascii: "a")
    return UInt64(decimal < 10 ? decimal : letter < 6 ? letter &+ 10 : .max)
  }
}
