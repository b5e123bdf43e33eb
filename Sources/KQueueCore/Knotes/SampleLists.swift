/// Knotes that are sampled because nobody reports them, by when that is. A knote stands in one of these at most.
struct SampleLists: BitwiseCopyable {
  /// Knotes that are not ready, and whose readiness the system does not report: sampled at the next call.
  var unsettled = ReadyList(mark: .unsettled)
  /// Knotes whose readiness the system does not report: sampled within `lookInterval`.
  var polled = ReadyList(mark: .polled)
  /// Knotes that were delivered under EV_CLEAR and may hold more, which nobody reports: sampled at the next call, or at
  /// the next look of a thread that waits (C-346).
  var told = ReadyList(mark: .told)

  var isEmpty: Bool {
    @inline(__always) get { polled.isEmpty && unsettled.isEmpty && told.isEmpty }
  }

  /// Whether a thread that waits has to sample any.
  var needsLook: Bool {
    @inline(__always) get { !polled.isEmpty || !told.isEmpty }
  }

  /// Takes a knote out of whichever list it stands in.
  @inline(__always)
  mutating func remove<S>(_ knote: KnoteRef<S>, _ knotes: borrowing KnoteSlab<S>) {
    if knote.status.rawValue & KnoteStatus.lookedAt != 0 { takeOut(knote, knotes) }
  }

  @inline(never)
  private mutating func takeOut<S>(_ knote: KnoteRef<S>, _ knotes: borrowing KnoteSlab<S>) {
    unsettled.remove(knote, knotes)
    polled.remove(knote, knotes)
    told.remove(knote, knotes)
  }
}
