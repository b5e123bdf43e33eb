import KQueueCore

/// What happened to what knotes watch: signals, children and files, one after the other.
extension POSIXBackend {
  /// One source for everything that is not a descriptor's readiness: it has to be looked at before each delivery.
  public static var processSource: PollSource? { .happenings }

  public var hasUntold: Bool { signals.count > 0 || childExits.count > 0 || files.count > 0 }

  @inline(__always)
  public var hasDeferredLooks: Bool { childExits.hasDeferredLooks }
  public mutating func gatherDeferredNext() { childExits.gatherDeferredNext() }

  /// Whether a handler has noted what was not gathered yet.
  var hasUnseen: Bool { hasUncounted || childExits.hasNews }

  public mutating func gather(
    _ source: PollSource, _ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>
  ) -> Int {
    // Quiet knotes are sampled by the thread that waits or polls next.
    guard source == .happenings else { return 0 }
    if !isGathering { beginRound() }
    var written = 0
    gatherSignals(buffer, &written)
    childExits.gather(knotes, buffer, &written)
    if written > 0 { mayBeToldAgain = true }
    gatherFiles(knotes, buffer, &written)
    isGathering = written == buffer.count
    return written
  }

  private mutating func beginRound() {
    signals.beginRound()
    if signals.count > 0 { collectPending() }
    // Another thread sleeps without that time, and this one may not come back.
    if childExits.beginRound() { noteChange() }
    beginFiles()
  }
}
