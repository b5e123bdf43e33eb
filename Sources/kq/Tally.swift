import CKQueue

/// Counts the demo's events, and what was wrong with them.
struct Tally {
  private let sources: [Source]
  /// As `sources` are.
  private var counts: [Int]
  private var missing: [Source] = []
  private var surprises = 0

  init(_ sources: [Source]) {
    self.sources = sources
    counts = Array(repeating: 0, count: sources.count)
  }

  var isComplete: Bool {
    missing.isEmpty && surprises == 0
  }

  mutating func count(_ event: Kevent, _ source: Source, expected: Bool) {
    for (place, other) in sources.enumerated() where other.tag == source.tag { counts[place] += 1 }
    if !expected || event.has(EV_ERROR) { surprises += 1 }
  }

  mutating func miss(_ source: Source) {
    missing.append(source)
  }

  func report(_ milliseconds: Int) {
    say("")
    say("Summary: \(counted(counts.reduce(0, +), "event")) in \(seconds(milliseconds)) s")
    for (source, count) in zip(sources, counts) {
      say("\(padded("\(count)", 4)) from \(source.name)")
    }
    for source in missing { say("An event did not come: \(source.name).") }
    if surprises > 0 { say("\(counted(surprises, "event")) came that should not have come.") }
    if isComplete { say("Everything came that was expected.") }
  }
}
