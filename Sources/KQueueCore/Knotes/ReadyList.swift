/// Knotes in a list that each of them can leave at once. The ready list has those that may have something to deliver,
/// first activated first (contract 3.6).
struct ReadyList: BitwiseCopyable {
  /// Marks the knotes that stand in this list; none may stand in two.
  private let mark: KnoteStatus
  private var head = KnoteLink.none
  private var tail = KnoteLink.none
  /// The first that was appended in the round under way.
  private var newcomer = KnoteLink.none
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
  mutating func append<S>(_ knote: KnoteRef<S>, _ knotes: borrowing KnoteSlab<S>, isHeld: Bool = false) {
    if isHeld && !knote.status.contains(.held) {
      knote.status.insert(.held)
      held += 1
    }
    guard !knote.status.contains(mark) else { return }
    let link = KnoteLink(knote.index)
    knote.status.insert(mark)
    knote.previous = tail
    knote.next = .none
    if let last = knotes[tail] { last.next = link } else { head = link }
    tail = link
    if newcomer == .none { newcomer = link }
    count += 1
  }

  mutating func remove<S>(_ knote: KnoteRef<S>, _ knotes: borrowing KnoteSlab<S>) {
    guard knote.status.contains(mark) else { return }
    if let previous = knotes[knote.previous] { previous.next = knote.next } else { head = knote.next }
    if let next = knotes[knote.next] { next.previous = knote.previous } else { tail = knote.previous }
    if newcomer == KnoteLink(knote.index) { newcomer = knote.next }
    knote.status.remove(mark)
    knote.next = .none
    knote.previous = .none
    count -= 1
    if knote.status.contains(.held) { held -= 1 }
    knote.status.remove(.held)
  }

  /// Takes the first knote out.
  mutating func popFirst<S>(_ knotes: borrowing KnoteSlab<S>) -> KnoteRef<S>? {
    guard let first = knotes[head] else { return nil }
    remove(first, knotes)
    return first
  }

  // MARK: Rounds

  /// From now on `popOld` stops before what is appended.
  mutating func beginRound() {
    newcomer = .none
  }

  /// Takes the first knote out that stood in the list when the round began. Others may have left meanwhile, so these
  /// are not counted.
  mutating func popOld<S>(_ knotes: borrowing KnoteSlab<S>) -> KnoteRef<S>? {
    head == newcomer ? nil : popFirst(knotes)
  }

  /// Takes the first knote out that was appended since the round began.
  mutating func popNew<S>(_ knotes: borrowing KnoteSlab<S>) -> KnoteRef<S>? {
    guard let first = knotes[newcomer] else { return nil }
    remove(first, knotes)
    return first
  }

  /// Calls `body` with each knote, first to last.
  func forEach<S>(_ knotes: borrowing KnoteSlab<S>, _ body: (KnoteRef<S>) -> Void) {
    var link = head
    while let knote = knotes[link] {
      body(knote)
      link = knote.next
    }
  }
}
