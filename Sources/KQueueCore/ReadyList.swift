import CKQueue

/// The knotes that may have something to deliver, first activated first (contract 3.6).
struct ReadyList: BitwiseCopyable {
  /// Marks the knotes that stand in this list; none may stand in two.
  private let mark: KnoteStatus
  private var head: UInt32 = 0
  private var tail: UInt32 = 0
  private(set) var count = 0
  /// How many of them only the core knows to be ready.
  private(set) var recorded = 0
  /// How many of them the kernel will not report again.
  private(set) var held = 0

  init(mark: KnoteStatus = .queued) {
    self.mark = mark
  }

  var isEmpty: Bool {
    @inline(__always) get { count == 0 }
  }

  /// Puts a knote at the end; one that stands in the list already keeps its place.
  mutating func append<S>(_ index: UInt32, _ knotes: borrowing KnoteSlab<S>) {
    let knote = knotes[index]
    guard !knote.pointee.status.contains(mark) else { return }
    knote.pointee.status.insert(mark)
    knote.pointee.previous = tail
    knote.pointee.next = 0
    if tail == 0 { head = index + 1 } else { knotes[tail - 1].pointee.next = index + 1 }
    tail = index + 1
    count += 1
    let isRecorded = knote.pointee.status.contains(.recorded)
    if isRecorded { recorded += 1 }
    if isRecorded || knote.pointee.has(EV_CLEAR | EV_ONESHOT | EV_DISPATCH) {
      knote.pointee.status.insert(.held)
      held += 1
    }
  }

  mutating func remove<S>(_ index: UInt32, _ knotes: borrowing KnoteSlab<S>) {
    let knote = knotes[index]
    guard knote.pointee.status.contains(mark) else { return }
    let (previous, next) = (knote.pointee.previous, knote.pointee.next)
    if previous == 0 { head = next } else { knotes[previous - 1].pointee.next = next }
    if next == 0 { tail = previous } else { knotes[next - 1].pointee.previous = previous }
    knote.pointee.status.remove(mark)
    knote.pointee.next = 0
    knote.pointee.previous = 0
    count -= 1
    if knote.pointee.status.contains(.recorded) { recorded -= 1 }
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
}
