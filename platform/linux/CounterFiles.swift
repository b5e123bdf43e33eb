import CKQueueShims.Linux
import KQueueCore

/// What eventfds count, as /proc tells it.
///
/// To open such a file costs five times what it costs to read it, so those of eventfds that are asked for again stay
/// open. Each goes on to tell of the number, whatever file has that by now, and is read from its start.
struct CounterFiles: BitwiseCopyable {
  private struct Kept: BitwiseCopyable {
    var number: CInt = -1
    var file: CInt = -1
  }

  /// By number, modulo what there is room for: one that takes another's place is kept once it is asked for again.
  private var kept = InlineArray<4, Kept>(repeating: Kept())

  /// - Parameter staysOwn: whether a close of a kept file by the program would be seen.
  /// - Returns: nil where /proc does not tell.
  mutating func counter(of number: CInt, staysOwn: Bool) -> UInt64? {
    guard staysOwn else { return ProcPath.counterFile(number).read(Self.parse) }
    let place = Int(number) % kept.count
    if kept[place].number != number {
      close(place)
      kept[place].number = number
      return ProcPath.counterFile(number).read(Self.parse)
    }
    if !kq_owns(kept[place].file) { open(place) }
    return ProcText.readAgain(kept[place].file, Self.parse)
  }

  /// No handler jumps out between the opening and the note of it.
  private mutating func open(_ place: Int) {
    let signals = kq_block_signals()
    kept[place].file = kq_move_high(ProcPath.counterFile(kept[place].number).open())
    kq_unblock_signals(signals)
  }

  private mutating func close(_ place: Int) {
    if kept[place].file >= 0 { kq_close_own(kept[place].file) }
    kept[place] = Kept()
  }

  mutating func close() {
    for place in kept.indices { close(place) }
  }

  private static func parse(_ text: ProcText?) -> UInt64? {
    guard var text, text.skip(past: "eventfd-count:") else { return nil }
    return text.number(base: 16)
  }
}

extension ProcPath {
  fileprivate static func counterFile(_ number: CInt) -> ProcPath {
    ProcPath("/proc/self/fdinfo/", number)
  }
}
