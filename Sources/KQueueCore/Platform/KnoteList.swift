/// What a list keeps of a knote.
public protocol Listed: BitwiseCopyable {
  var token: KnoteToken { get }
}

/// Knotes that the system does not report, each of which knows its place, so that it is removed at once.
public struct KnoteList<Element: Listed>: ~Copyable {
  private var elements: UnsafeMutablePointer<Element>?
  public private(set) var count = 0
  private var room = 0
  /// How many are still to be sampled in the round under way. It goes downwards: the last one, which takes the
  /// place of one that is removed meanwhile, was looked at.
  public private(set) var left = 0

  public init() {}

  public subscript(place: Int) -> Element {
    get { elements.unsafelyUnwrapped[place] }
    nonmutating set { elements.unsafelyUnwrapped[place] = newValue }
  }

  /// Makes room for one more, so that `append` cannot fail.
  /// - Throws: ENOMEM.
  public mutating func reserve() throws(Errno) {
    guard count == room else { return }
    let size = max(room * 2, 64)
    let fresh = try Arena.map(Element.self, count: size)
    if let elements {
      fresh.update(from: elements, count: count)
      Arena.unmap(elements, count: room)
    }
    (elements, room) = (fresh, size)
  }

  public mutating func append(_ element: Element) -> UInt32 {
    elements.unsafelyUnwrapped[count] = element
    count += 1
    return UInt32(count - 1)
  }

  /// - Returns: the knote that has moved to this place, where one has.
  public mutating func remove(_ position: UInt32) -> KnoteToken? {
    count -= 1
    left = min(left, count)
    let place = Int(position)
    guard place < count else { return nil }
    self[place] = self[count]
    return self[place].token
  }

  public mutating func beginRound() {
    left = count
  }

  /// The next place of the round.
  public mutating func next() -> Int? {
    guard left > 0 else { return nil }
    left -= 1
    return left
  }

  public mutating func free() {
    if let elements { Arena.unmap(elements, count: room) }
    elements = nil
    (count, room, left) = (0, 0, 0)
  }
}
