import CKQueueShims.Linux
import KQueueCore

/// One watch of inotify, which all knotes on its file share: a file has but one in an instance.
struct FileWatch: BitwiseCopyable {
  /// Its number; 0 where it has ended.
  var number: CInt
  var events: FileEvents
  /// What the file was like when it was last looked at. Not known while no knote is on it.
  var status: FileStatus
  /// How many knotes there are on the file, and which one it is where there is but one.
  var sharers: UInt32
  var only: KnoteLink

  /// Where the directory that this one is in has its watch, and the other way round; places + 1, 0 is none.
  var parent: UInt32
  var firstChild: UInt32
  var nextChild: UInt32
  var previousChild: UInt32

  /// What was told since it was last looked at.
  var told: FileEvents
  /// The cookie of a subdirectory that was moved away, until it is known not to have come back.
  var movedDirectory: UInt32
  /// Something was told of it when the numbers of all that watch it named other files, so that its status is of before.
  var isStale: Bool
  /// Stands in the list of those that something was told of.
  var isTold: Bool
  /// The next one of that list, or the next free place.
  var next: UInt32
}

/// The watches of an instance of inotify, by place, by number, and in the order in which something was told of them.
struct WatchTable: ~Copyable {
  typealias Pointer = UnsafeMutablePointer<FileWatch>

  private var places = ChunkedArray<FileWatch>()
  private var byNumber = HashIndex()
  private var used: UInt32 = 0
  private var firstFree: UInt32 = 0
  private var firstTold: UInt32 = 0
  private var lastTold: UInt32 = 0

  @inline(__always)
  subscript(place: UInt32) -> Pointer {
    places[Int(place)]
  }

  func find(_ number: CInt) -> UInt32? {
    byNumber.find(Self.hash(number)) { self[$0].pointee.number == number }
  }

  /// Makes room for one more, so that `insert` cannot fail.
  /// - Throws: ENOMEM.
  mutating func reserve() throws(Errno) {
    try Self.reserve(&byNumber, places)
    if firstFree == 0 { _ = try places.grow(to: Int(used)) }
  }

  private static func reserve(
    _ index: inout HashIndex, _ places: borrowing ChunkedArray<FileWatch>
  ) throws(Errno) {
    try index.reserve { hash(places[Int($0)].pointee.number) }
  }

  mutating func insert(_ number: CInt, _ status: FileStatus) -> UInt32 {
    let place: UInt32
    if firstFree != 0 {
      place = firstFree - 1
      firstFree = self[place].pointee.next
    } else {
      place = used
      used += 1
    }
    self[place].initialize(to: FileWatch(number, status))
    byNumber.insert(Self.hash(number), place)
    return place
  }

  /// Forgets the number of a watch that has ended.
  mutating func end(_ place: UInt32) {
    let number = self[place].pointee.number
    if number != 0 { byNumber.remove(Self.hash(number), place) }
    self[place].pointee.number = 0
  }

  /// Gives a file whose watch has ended another; `reserve` made room.
  mutating func renew(_ place: UInt32, _ number: CInt) {
    self[place].pointee.number = number
    byNumber.insert(Self.hash(number), place)
  }

  /// Gives back the place of a watch that has ended and is of no use to anybody.
  mutating func free(_ place: UInt32) {
    guard !self[place].pointee.isTold else { return }  // then `popTold` does
    self[place].pointee.next = firstFree
    firstFree = place + 1
  }

  mutating func removeAll() {
    places.removeAll()
    byNumber.removeAll()
    (used, firstFree, firstTold, lastTold) = (0, 0, 0, 0)
  }

  // MARK: What was told

  /// The one that has waited longest to be looked at.
  var first: UInt32? {
    firstTold == 0 ? nil : firstTold - 1
  }

  mutating func tell(_ place: UInt32, _ events: FileEvents) {
    self[place].pointee.told.formUnion(events)
    guard !self[place].pointee.isTold else { return }
    self[place].pointee.isTold = true
    self[place].pointee.next = 0
    if lastTold == 0 { firstTold = place + 1 } else { self[lastTold - 1].pointee.next = place + 1 }
    lastTold = place + 1
  }

  mutating func tellAll(_ events: FileEvents) {
    for place in 0..<used where self[place].pointee.number != 0 { tell(place, events) }
  }

  /// Takes the first one out of the list.
  mutating func popTold() {
    guard let place = first else { return }
    firstTold = self[place].pointee.next
    if firstTold == 0 { lastTold = 0 }
    self[place].pointee.isTold = false
    if self[place].pointee.isUseless { free(place) }
  }

  @inline(__always)
  private static func hash(_ number: CInt) -> UInt {
    HashIndex.hash(UInt(bitPattern: Int(number)))
  }
}

extension FileWatch {
  fileprivate init(_ number: CInt, _ status: FileStatus) {
    self.init(
      number: number, events: FileEvents(), status: status, sharers: 0, only: .none, parent: 0, firstChild: 0,
      nextChild: 0, previousChild: 0, told: FileEvents(), movedDirectory: 0, isStale: false, isTold: false,
      next: 0)
  }

  /// Nobody asked for it, or not any more.
  var isUseless: Bool { sharers == 0 && firstChild == 0 }
}
