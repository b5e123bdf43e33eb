/// Knotes in a list that each of them can leave at once. The ready list has those that may have something to deliver,
/// first activated first (contract 3.6).
struct ReadyList: BitwiseCopyable {
  /// Marks the knotes that stand in this list; none may stand in two.
  private let mark: KnoteStatus
  private var head: UInt32 = 0
  private var tail: UInt32 = 0
  /// The first that was appended in the round under way; 0 is none.
  private var newcomer: UInt32 = 0
  private(set) var count = 0
  /// How many of them the system will not report again.
  private(set) var held = 0

  init(mark: KnoteStatus = .queued) {
    self.mark = mark
  }

  var isEmpty: Bool {
    @inline(__always) get { count == 0 }
  }

  /// Puts a knote at the end; one that stands in the list already keeps its place, and may be held from now on, as
  /// EV_FORCEONESHOT has the system not report it again.
  /// - Parameter isHeld: whether the system will not report it again.
  mutating func append<S>(_ index: UInt32, _ knotes: borrowing KnoteSlab<S>, isHeld: Bool = false) {
    let knote = knotes[index]
    if isHeld && !knote.pointee.status.contains(.held) {
      knote.pointee.status.insert(.held)
      held += 1
    }
    guard !knote.pointee.status.contains(mark) else { return }
    knote.pointee.status.insert(mark)
    knote.pointee.previous = tail
    knote.pointee.next = 0
    if tail == 0 { head = index + 1 } else { knotes[tail - 1].pointee.next = index + 1 }
    tail = index + 1
    if newcomer == 0 { newcomer = index + 1 }
    count += 1
  }

  mutating func remove<S>(_ index: UInt32, _ knotes: borrowing KnoteSlab<S>) {
    let knote = knotes[index]
    guard knote.pointee.status.contains(mark) else { return }
    let (previous, next) = (knote.pointee.previous, knote.pointee.next)
    if previous == 0 { head = next } else { knotes[previous - 1].pointee.next = next }
    if next == 0 { tail = previous } else { knotes[next - 1].pointee.previous = previous }
    if newcomer == index + 1 { newcomer = next }
    knote.pointee.status.remove(mark)
    knote.pointee.next = 0
    knote.pointee.previous = 0
    count -= 1
    if knote.pointee.status.contains(.held) { held -= 1 }
    knote.pointee.status.remove(.held)
  }

  /// Takes the first knote out.
  mutating func popFirst<S>(_ knotes: borrowing KnoteSlab<S>) -> UInt32? {
    guard head != 0 else { return nil }
    let index = head - 1
    remove(index, knotes)
    return index
  }

  // MARK: Rounds

  /// From now on `popOld` stops before what is appended.
  mutating func beginRound() {
    newcomer = 0
  }

  /// Takes the first knote out that stood in the list when the round began. Others may have left meanwhile, so these are
  /// not counted.
  mutating func popOld<S>(_ knotes: borrowing KnoteSlab<S>) -> UInt32? {
    head == newcomer ? nil : popFirst(knotes)
  }

  /// Calls `body` with each knote, first to last.
  func forEach<S>(_ knotes: borrowing KnoteSlab<S>, _ body: (UInt32) -> Void) {
    var place = head
    while place != 0 {
      body(place - 1)
      place = knotes[place - 1].pointee.next
    }
  }
}
