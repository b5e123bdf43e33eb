import CKQueueShims

/// What is known of a signal in the calling thread.
struct ThreadSignals: BitwiseCopyable {
  /// Of the process; 0 where that is not told.
  var threads: UInt = 0
  /// Signals that are queued for its user.
  var queued: UInt = 0
  /// Pending for the thread.
  var isOwn = false
  /// Pending for all.
  var isShared = false
  /// All that are pending for all; none where that is not told.
  var allShared = kq_signal_numbers()
}

/// What the threads of the process block, as /proc tells it; elsewhere nothing is told.
enum SignalThreads {
  /// Where a signal is blocked, what excuses least first.
  enum Blocking: Int { case untold, somewhere, everywhere }

  /// Whether all threads block a signal, and none waits for it.
  static func blocking(_ number: CInt) -> Blocking {
    guard kq_marks_signals() else { return .untold }
    let folder = ThreadPath.openFolder()
    guard folder >= 0 else { return .untold }
    defer { kq_close_descriptor(folder) }
    var status = stat()
    if fstat(folder, &status) == 0 && status.st_nlink == 3 { return .everywhere }
    return all(in: folder, number)
  }

  /// - Returns: `.everywhere`, too, where the signal was sent to the caller alone: it is nobody else's.
  private static func all(in folder: CInt, _ number: CInt) -> Blocking {
    var room = InlineArray<2048, UInt8>(repeating: 0)
    var span = room.mutableSpan
    return span.withUnsafeMutableBytes { room in
      var result = Blocking.everywhere
      let start = room.baseAddress.unsafelyUnwrapped
      var got = FolderEntry.read(folder, start, room.count)
      while got > 0 {
        var place = 0
        while place < got {
          let entry = start + place
          place += FolderEntry.size(entry)
          guard let thread = FolderEntry.number(entry) else { continue }
          guard let status = ThreadStatus(of: thread) else {
            result = .untold
            continue
          }
          if thread == SentSignals.thread && status.pending.contains(number) { return .everywhere }
          if !status.isGone && !status.blocked.contains(number) { result = min(result, .somewhere) }
        }
        got = FolderEntry.read(folder, start, room.count)
      }
      return got < 0 ? .untold : result
    }
  }

  /// Without /proc: many threads, and a signal that is all theirs.
  static func lookHere(for number: CInt) -> ThreadSignals {
    guard let status = ThreadStatus(of: SentSignals.thread), !status.isGone else {
      return ThreadSignals(isShared: number > 0)
    }
    return ThreadSignals(
      threads: status.threads, queued: status.queued, isOwn: status.pending.contains(number),
      isShared: status.shared.contains(number), allShared: status.shared)
  }

  /// The process's first thread, or the calling one where that has ended.
  static func first(of process: CInt, otherwise thread: CInt) -> CInt {
    guard let status = ThreadStatus(of: process), !status.isGone else { return thread }
    return process
  }
}

extension SignalThreads.Blocking: Comparable {
  static func < (one: Self, other: Self) -> Bool { one.rawValue < other.rawValue }
}

/// What one thread's status says.
private struct ThreadStatus: BitwiseCopyable {
  /// The letters Z and X, of a state, as digits.
  private static var zombie: UInt64 { 35 }
  private static var dead: UInt64 { 33 }

  /// It has ended, or is about to.
  private(set) var isGone = false
  private(set) var pending = kq_signal_numbers()
  private(set) var shared = kq_signal_numbers()
  private(set) var blocked = kq_signal_numbers()
  /// Of the process.
  private(set) var threads: UInt = 0
  /// Of the process's user.
  private(set) var queued: UInt = 0

  /// nil where it is not told.
  @inline(never)
  init?(of thread: CInt) {
    guard kq_marks_signals() else { return nil }
    var path = ThreadPath(thread, "/status")
    let file = path.open()
    if file == -ENOENT { isGone = true }
    guard file >= 0 || isGone else { return nil }
    guard file >= 0 else { return }
    var lines = Lines(file)
    while lines.next() { read(&lines) }
    kq_close_descriptor(file)
  }

  private mutating func read(_ lines: inout Lines) {
    if let state = lines.value(of: "State:\t", base: 36) { isGone = state == Self.zombie || state == Self.dead }
    if let mask = lines.value(of: "SigPnd:\t", base: 16) { pending = kq_signal_numbers(kernel: mask) }
    if let mask = lines.value(of: "ShdPnd:\t", base: 16) { shared = kq_signal_numbers(kernel: mask) }
    if let mask = lines.value(of: "SigBlk:\t", base: 16) { blocked = kq_signal_numbers(kernel: mask) }
    if let count = lines.value(of: "Threads:\t", base: 10) { threads = UInt(truncatingIfNeeded: count) }
    if let count = lines.value(of: "SigQ:\t", base: 10) { queued = UInt(truncatingIfNeeded: count) }
  }
}

/// A file of /proc as a stream of lines; some are long, and of no interest.
private struct Lines: ~Copyable {
  private let file: CInt
  private var bytes = InlineArray<1024, UInt8>(repeating: 0)
  private var place = 0
  private var size = 0
  private var line = InlineArray<64, UInt8>(repeating: 0)
  private var length = 0

  init(_ file: CInt) {
    self.file = file
  }

  @inline(__always)
  private mutating func nextByte() -> UInt8? {
    if place == size {
      // Swift 6.2 has the closure take all of self, of which the span holds a part.
      let file = file
      var span = bytes.mutableSpan
      let got = span.withUnsafeMutableBytes { kq_read(file, $0.baseAddress, $0.count) }
      guard got > 0 else { return nil }
      place = 0
      size = got
    }
    place += 1
    return bytes[place - 1]
  }

  /// Goes on to the next line, of which the start is kept, as far as it fits.
  @inline(never)
  mutating func next() -> Bool {
    length = 0
    while let byte = nextByte() {
      if byte == UInt8(ascii: "\n") { return true }
      guard length < line.count else { continue }
      line[length] = byte
      length += 1
    }
    return false
  }

  /// The number behind a word that the line begins with, whose letters are digits too; nil where it begins otherwise.
  @inline(never)
  mutating func value(of word: StaticString, base: UInt64) -> UInt64? {
    guard length > word.utf8CodeUnitCount else { return nil }
    var place = 0
    while place < word.utf8CodeUnitCount {
      guard line[place] == word.utf8Start[place] else { return nil }
      place += 1
    }
    var value: UInt64 = 0
    while place < length, case let digit = Self.digit(line[place]), digit < base {
      value = value &* base &+ digit
      place += 1
    }
    return value
  }

  private static func digit(_ byte: UInt8) -> UInt64 {
    let decimal = byte &- UInt8(ascii: "0")
    let letter = (byte | 0x20) &- UInt8(ascii: "a")
    return UInt64(decimal < 10 ? decimal : letter < 26 ? letter &+ 10 : .max)
  }
}
