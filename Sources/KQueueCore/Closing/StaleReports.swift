/// Reports whose knotes are gone. The first of an entry may have been queued before the removal, or another thread is
/// about to close its number. A second one, from a poll after the first, proves an entry that stays.
struct StaleReports: BitwiseCopyable {
  private struct Sighting: BitwiseCopyable {
    var token: KnoteToken
    var pass: UInt32
  }

  private static var room: Int { 4 }
  /// A sighting of so many passes ago gives way to another; with a younger one there is enough to ask for.
  private static var memory: UInt32 { 32 }

  /// Those that have not come again yet; a token that no knote has is none.
  private var sightings = InlineArray<4, Sighting>(
    repeating: Sighting(token: KnoteToken(index: .max, generation: .max), pass: 0))
  /// One was seen for the first time, and not asked for again yet.
  private(set) var isFresh = false
  /// The one that came again.
  private(set) var repeated: KnoteToken?

  /// Notes a stale report.
  /// - Parameters:
  ///   - pass: the pass that it was found in.
  ///   - asked: the last pass before the report was asked for; nil: of the same time as one that is known.
  @inline(never)
  mutating func note(_ token: KnoteToken, in pass: UInt32, asked: UInt32? = nil) {
    for place in 0..<Self.room where sightings[place].token == token {
      guard let asked else { return }
      // Passes wrap.
      if Int32(bitPattern: asked &- sightings[place].pass) >= 0 { repeated = token }
      return
    }
    for place in 0..<Self.room
    where sightings[place].token.index == .max || pass &- sightings[place].pass > Self.memory {
      sightings[place] = Sighting(token: token, pass: pass)
      isFresh = true
      return
    }
  }

  /// The system was polled again.
  mutating func settle() {
    isFresh = false
  }

  /// All there is was reported in a pass: what is known did not come again for now, and gives way to others. By edges
  /// it may come later.
  mutating func age(_ pass: UInt32) {
    for place in 0..<Self.room where sightings[place].token.index != .max {
      sightings[place].pass = pass &- Self.memory &- 1
    }
  }

  /// Takes the one that came again.
  mutating func takeRepeated() -> KnoteToken? {
    defer { repeated = nil }
    return repeated
  }
}
