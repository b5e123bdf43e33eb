import CKQueueShims.POSIX
import KQueueCore

/// The descriptors that a kqueue waits for. The first place is the kqueue's own.
///
/// poll(2) writes into the list that it is given, and a sleeper has to keep his while others change what is waited
/// for. So the table's list is lent to a sleeper; a change meanwhile is made in a copy, and a second sleeper gets one.
struct PollTable: ~Copyable {
  private(set) var list = PollList()
  private var isLent = false
  /// A list that nobody uses, as large as the table's while that is lent, so that a change needs no memory.
  private var spare = PollList()
  /// The place that the last sleeper to come back had reported last.
  private var turn = 0

  mutating func close() {
    list.free()
    spare.free()
  }

  var count: Int { list.count }

  /// Makes room for so many, so that `append` cannot fail.
  /// - Throws: ENOMEM.
  mutating func reserve(_ wanted: Int) throws(Errno) {
    guard wanted > list.room else { return }
    if isLent {
      try spare.reserve(wanted)
      withdraw()
    }
    try list.reserve(wanted)
  }

  mutating func append(_ descriptor: CInt, _ interest: Int16, _ token: KnoteToken) -> UInt32 {
    withdraw()
    list.append(descriptor, interest, token)
    return UInt32(list.count - 1)
  }

  /// Removes an entry; the last takes its place. If the turn has passed that place, the entry that was reported last
  /// takes it, and the last entry takes that one's: it may have its turn before it yet (contract 3.6).
  /// - Parameter moved: called with each knote that has moved, and where to.
  mutating func remove(_ position: UInt32, moved: (KnoteToken, UInt32) -> Void) {
    withdraw()
    var place = Int(position)
    if place <= turn && turn < list.count {
      list.swap(place, turn)
      if place < turn { moved(list.token(place), position) }
      place = turn
      turn -= 1
    }
    if let token = list.remove(place) { moved(token, UInt32(place)) }
  }

  /// Goes on with a copy of a list that is lent; its sleeper gives it back for good.
  private mutating func withdraw() {
    guard isLent else { return }
    spare.take(list, tokensFrom: 1)
    list = spare
    spare = PollList()
    isLent = false
  }

  /// A list for a thread that is about to wait.
  /// - Throws: ENOMEM.
  mutating func lend() throws(Errno) -> PollList {
    if isLent {
      var copy = PollList()
      try copy.reserve(list.count)
      copy.take(list, tokensFrom: 1)
      copy.begin(at: turn)
      return copy
    }
    try spare.reserve(list.room)
    list.begin(at: turn)
    isLent = true
    return list
  }

  mutating func takeBack(_ lent: PollList) {
    turn = lent.cursor
    if isLent && lent.entries == list.entries {
      isLent = false
    } else {
      var lent = lent
      if spare.room < lent.room { swap(&spare, &lent) }
      lent.free()
    }
  }
}
