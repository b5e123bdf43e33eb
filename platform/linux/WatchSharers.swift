import KQueueCore

/// The knotes of one file. Most files have but one, whose watch knows it.
extension InotifyWatches {
  /// Adds a knote for which `sharers.reserve` made room.
  mutating func share(_ place: UInt32, _ knote: LinuxKnoteRef) {
    let record = table[place]
    sharers.insert(Self.hash(place), knote.index)
    record.pointee.sharers += 1
    record.pointee.only = record.pointee.sharers == 1 ? KnoteLink(knote.index) : .none
  }

  /// Takes a knote away that does not say any more which file it is on.
  mutating func unshare(_ place: UInt32, _ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) {
    let record = table[place]
    sharers.remove(Self.hash(place), knote.index)
    record.pointee.sharers -= 1
    record.pointee.only = .none
    guard record.pointee.sharers == 1, let last = firstSharer(place, knotes, where: { _ in true }) else { return }
    record.pointee.only = KnoteLink(last.index)
  }

  /// The first knote of a file of which something holds.
  @inline(__always)
  func firstSharer(_ place: UInt32, _ knotes: borrowing Knotes, where holds: (LinuxKnoteRef) -> Bool) -> LinuxKnoteRef?
  {
    if let only = knotes[table[place].pointee.only] { return holds(only) ? only : nil }
    return sharers.find(Self.hash(place)) { knotes[$0].fileWatch == place && holds(knotes[$0]) }.map { knotes[$0] }
  }

  func forEachSharer(_ place: UInt32, _ knotes: borrowing Knotes, _ body: (LinuxKnoteRef) -> Void) {
    _ = firstSharer(place, knotes) {
      body($0)
      return false
    }
  }

  /// A knote whose number names the file still.
  func sharerInPlace(_ place: UInt32, _ knotes: borrowing Knotes) -> LinuxKnoteRef? {
    firstSharer(place, knotes) { isSame($0) }
  }

  @inline(__always)
  static func hash(_ place: UInt32) -> UInt {
    HashIndex.hash(UInt(place))
  }
}
