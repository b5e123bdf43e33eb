import CKQueueShims.Linux
import KQueueCore

/// What eventfds count, as /proc tells it.
///
/// To open such a file costs five times what it costs to read it, so those of eventfds that are asked for again stay
/// open. Each goes on to tell of the number, whatever file has that by now, and is read from its start.
struct CounterFiles: ~Copyable {
  private struct Kept: BitwiseCopyable {
    var number: CInt = -1
    var file: CInt = -1
    /// The file's own, by which it is known again.
    var identity: CInt = 0
  }

  /// How many descriptors of ours the program had closed when the files were last looked at: a number that it closed
  /// may be another file of ours by now.
  private var seenLost = OwnDescriptors.lost

  /// By number, modulo what there is room for: one that takes another's place is kept once it is asked for again.
  private var kept = InlineArray<4, Kept>(repeating: Kept())

  /// - Parameter staysOwn: whether a close of a kept file by the program would be seen.
  /// - Returns: nil where /proc does not tell.
  mutating func counter(of number: CInt, staysOwn: Bool) -> UInt64? {
    if seenLost != OwnDescriptors.lost { forgetLost() }
    if staysOwn && isAskedAgain(for: number) { return Self.parse(fileOfKept(number)) }
    let file = Self.open(number)
    defer { if file >= 0 { kq_close_descriptor(file) } }
    return Self.parse(file)
  }

  /// Whether the last number of its place was this one; from now on it is.
  private mutating func isAskedAgain(for number: CInt) -> Bool {
    let place = Int(number) % kept.count
    if kept[place].number == number { return true }
    close(place)
    kept[place].number = number
    return false
  }

  /// No handler jumps out between the opening and the note of it.
  @inline(never)
  private mutating func keepFile(_ place: Int) {
    let signals = kq_block_signals()
    kept[place].file = OwnDescriptors.move(Self.open(kept[place].number))
    kept[place].identity = shortIdentity(kept[place].file)
    kq_unblock_signals(signals)
  }

  private mutating func fileOfKept(_ number: CInt) -> CInt {
    let place = Int(number) % kept.count
    if kept[place].file < 0 { keepFile(place) }
    return kept[place].file
  }

  @inline(never)
  private mutating func forgetLost() {
    seenLost = OwnDescriptors.lost
    for place in kept.indices where !isOwn(kept[place]) { kept[place] = Kept() }
  }

  private func isOwn(_ kept: Kept) -> Bool {
    OwnDescriptors.contains(kept.file) && shortIdentity(kept.file) == kept.identity
  }

  @inline(never)
  private mutating func close(_ place: Int) {
    if kept[place].file >= 0 { OwnDescriptors.close(kept[place].file) }
    kept[place] = Kept()
  }

  mutating func close() {
    for place in kept.indices { close(place) }
  }

  private static func open(_ number: CInt) -> CInt {
    ProcPath("/proc/self/fdinfo/", number).open()
  }

  @inline(never)
  private static func parse(_ file: CInt) -> UInt64? {
    ProcText.readAgain(file) { text in
      guard var text, text.skip(past: "eventfd-count:") else { return nil }
      return text.number(base: 16)
    }
  }
}
