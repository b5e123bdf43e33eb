/// The timers of one clock, earliest first: a heap of four children a node.
///
/// Each knote's `link` is its place in the heap.
struct TimerHeap: ~Copyable {
  struct Node: BitwiseCopyable {
    var deadline: UInt64
    var knote: UInt32
  }

  private var nodes = ChunkedArray<Node>()
  private(set) var count = 0
  /// Timers that may stand in the heap, whether they do or not: disabled ones and expired ones come back, and an
  /// insertion cannot fail.
  private(set) var members = 0

  /// The earliest deadline and its knote.
  var first: (deadline: UInt64, knote: UInt32)? {
    count == 0 ? nil : (nodes[0].pointee.deadline, nodes[0].pointee.knote)
  }

  func node(_ place: Int) -> Node {
    nodes[place].pointee
  }

  /// Makes room for one member more, so that `join` and each later `insert` cannot fail.
  /// - Throws: ENOMEM.
  mutating func reserve() throws(Errno) {
    _ = try nodes.grow(to: members)
  }

  /// Takes a timer in for which `reserve` made room. It stands nowhere in the heap yet.
  mutating func join() {
    members += 1
  }

  /// Lets a timer go, which is taken out of the heap where it stands there.
  mutating func leave<S>(_ knote: KnoteRef<S>, _ knotes: borrowing KnoteSlab<S>) {
    remove(knote, knotes)
    members -= 1
  }

  /// Inserts a member.
  mutating func insert<S>(_ knote: KnoteRef<S>, deadline: UInt64, _ knotes: borrowing KnoteSlab<S>) {
    count += 1
    siftUp(count - 1, Node(deadline: deadline, knote: knote.index), knotes)
  }

  mutating func remove<S>(_ knote: KnoteRef<S>, _ knotes: borrowing KnoteSlab<S>) {
    guard let place = knote.heapPlace else { return }
    knote.link = .none
    count -= 1
    guard place < count else { return }
    let last = nodes[count].pointee
    if place > 0 && last.deadline < nodes[(place - 1) / 4].pointee.deadline {
      siftUp(place, last, knotes)
    } else {
      siftDown(place, last, knotes)
    }
  }

  mutating func removeAll() {
    nodes.removeAll()
    count = 0
    members = 0
  }

  private func put<S>(_ node: Node, at place: Int, _ knotes: borrowing KnoteSlab<S>) {
    nodes[place].pointee = node
    knotes[node.knote].link = KnoteLink(UInt32(place))
  }

  private func siftUp<S>(_ start: Int, _ node: Node, _ knotes: borrowing KnoteSlab<S>) {
    var place = start
    while place > 0 {
      let parent = (place - 1) / 4
      guard node.deadline < nodes[parent].pointee.deadline else { break }
      put(nodes[parent].pointee, at: place, knotes)
      place = parent
    }
    put(node, at: place, knotes)
  }

  private func siftDown<S>(_ start: Int, _ node: Node, _ knotes: borrowing KnoteSlab<S>) {
    var place = start
    while let child = earliestChild(of: place), nodes[child].pointee.deadline < node.deadline {
      put(nodes[child].pointee, at: place, knotes)
      place = child
    }
    put(node, at: place, knotes)
  }

  private func earliestChild(of place: Int) -> Int? {
    let start = 4 * place + 1
    guard start < count else { return nil }
    var best = start
    for child in start..<min(start + 4, count)
    where nodes[child].pointee.deadline < nodes[best].pointee.deadline {
      best = child
    }
    return best
  }
}

extension KnoteRef {
  /// Where a timer stands in its heap.
  var heapPlace: Int? {
    link.index.map(Int.init)
  }
}
