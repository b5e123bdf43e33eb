import CKQueueShims.Linux
import KQueueCore

/// The knotes of one file. Most files have but one, whose watch knows it.
extension InotifyWatches {
  /// Adds a knote for which `sharers.reserve` made room.
  mutating func share(_ place: UInt32, _ index: UInt32) {
    let record = table[place]
    sharers.insert(Self.hash(place), index)
    record.pointee.sharers += 1
    record.pointee.only = record.pointee.sharers == 1 ? index + 1 : 0
  }

  /// Takes a knote away that does not say any more which file it is on.
  mutating func unshare(_ place: UInt32, _ index: UInt32, _ knotes: borrowing Knotes) {
    let record = table[place]
    sharers.remove(Self.hash(place), index)
    record.pointee.sharers -= 1
    record.pointee.only = 0
    guard record.pointee.sharers == 1, let last = firstSharer(place, knotes, where: { _ in true }) else { return }
    record.pointee.only = last + 1
  }

  /// The first knote of a file of which something holds.
  @inline(__always)
  func firstSharer(_ place: UInt32, _ knotes: borrowing Knotes, where holds: (UInt32) -> Bool) -> UInt32? {
    let only = table[place].pointee.only
    if only != 0 { return holds(only - 1) ? only - 1 : nil }
    return sharers.find(Self.hash(place)) { knotes[$0].pointee.fileWatch == place && holds($0) }
  }

  func forEachSharer(_ place: UInt32, _ knotes: borrowing Knotes, _ body: (LinuxKnotePointer) -> Void) {
    _ = firstSharer(place, knotes) {
      body(knotes[$0])
      return false
    }
  }

  /// A knote whose number names the file still.
  func sharerInPlace(_ place: UInt32, _ knotes: borrowing Knotes) -> LinuxKnotePointer? {
    firstSharer(place, knotes) { isSame(knotes[$0]) }.map { knotes[$0] }
  }

  @inline(__always)
  static func hash(_ place: UInt32) -> UInt {
    HashIndex.hash(UInt(place))
  }
}
