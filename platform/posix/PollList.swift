import CKQueueShims.POSIX
import KQueueCore

/// A list as poll(2) takes it, and beside each descriptor the knote that it is about.
struct PollList: BitwiseCopyable {
  private(set) var entries: UnsafeMutablePointer<pollfd>?
  private var tokens: UnsafeMutablePointer<KnoteToken>?
  private(set) var count = 0
  private(set) var room = 0
  /// How many entries are always ready, and of no descriptor: poll(2) passes over them.
  private(set) var alwaysReady = 0

  static var always: CInt { -1 }

  /// Makes room for so many.
  /// - Throws: ENOMEM.
  mutating func reserve(_ wanted: Int) throws(Errno) {
    guard wanted > room else { return }
    var size = max(room, 512)
    while size < wanted { size *= 2 }
    var fresh = PollList()
    fresh.entries = try Arena.map(pollfd.self, count: size)
    do throws(Errno) {
      fresh.tokens = try Arena.map(KnoteToken.self, count: size)
    } catch {
      Arena.unmap(fresh.entries.unsafelyUnwrapped, count: size)
      throw error
    }
    fresh.room = size
    fresh.take(self)
    free()
    self = fresh
  }

  /// Becomes what another list is; there is room for it. What a sleeper writes into the other meanwhile is not read.
  /// - Parameter first: the first place whose token is.
  mutating func take(_ other: PollList, tokensFrom first: Int = 0) {
    (count, alwaysReady) = (other.count, other.alwaysReady)
    for place in 0..<count {
      let entry = other.entries.unsafelyUnwrapped + place
      entries.unsafelyUnwrapped[place] = pollfd(fd: entry.pointee.fd, events: entry.pointee.events, revents: 0)
    }
    for place in first..<max(count, first) { tokens.unsafelyUnwrapped[place] = other.token(place) }
  }

  mutating func free() {
    if let entries { Arena.unmap(entries, count: room) }
    if let tokens { Arena.unmap(tokens, count: room) }
    self = PollList()
  }

  /// Starts from a place, with nothing told.
  func begin(at cursor: Int) {
    tokens.unsafelyUnwrapped[0] = KnoteToken(index: UInt32(cursor), generation: 0)
  }

  /// The place that was reported last, so that all have their turn where there is no room for all. It lies with the
  /// first token, which says nothing.
  var cursor: Int {
    get { Int(tokens.unsafelyUnwrapped[0].index) }
    nonmutating set {
      tokens.unsafelyUnwrapped[0] = KnoteToken(index: UInt32(newValue), generation: told.rawValue)
    }
  }

  /// What of the kqueue's own was reported last. It lies beside the cursor.
  var told: Told {
    get { Told(rawValue: tokens.unsafelyUnwrapped[0].generation) }
    nonmutating set {
      tokens.unsafelyUnwrapped[0] = KnoteToken(index: UInt32(cursor), generation: newValue.rawValue)
    }
  }

  @inline(__always)
  func token(_ position: Int) -> KnoteToken {
    tokens.unsafelyUnwrapped[position]
  }

  @inline(__always)
  func isAlwaysReady(_ position: Int) -> Bool {
    entries.unsafelyUnwrapped[position].fd == Self.always
  }

  /// Appends an entry, for which there is room.
  mutating func append(_ descriptor: CInt, _ interest: Int16, _ token: KnoteToken) {
    entries.unsafelyUnwrapped[count] = pollfd(fd: descriptor, events: interest, revents: 0)
    tokens.unsafelyUnwrapped[count] = token
    if descriptor == Self.always { alwaysReady += 1 }
    count += 1
  }

  func swap(_ first: Int, _ second: Int) {
    UnsafeMutableBufferPointer(start: entries, count: count).swapAt(first, second)
    UnsafeMutableBufferPointer(start: tokens, count: count).swapAt(first, second)
  }

  /// Removes an entry; the last takes its place.
  /// - Returns: the knote that has moved, where one has.
  mutating func remove(_ position: Int) -> KnoteToken? {
    if isAlwaysReady(position) { alwaysReady -= 1 }
    count -= 1
    guard position < count else { return nil }
    entries.unsafelyUnwrapped[position] = entries.unsafelyUnwrapped[count]
    tokens.unsafelyUnwrapped[position] = tokens.unsafelyUnwrapped[count]
    return token(position)
  }
}

/// What was reported, and not only found: there may have been no room for it.
struct Told: OptionSet {
  let rawValue: UInt32

  static var wake: Told { Told(rawValue: 1 << 0) }
  static var monotonic: Told { Told(rawValue: 1 << 1) }
  static var realtime: Told { Told(rawValue: 1 << 2) }
}
