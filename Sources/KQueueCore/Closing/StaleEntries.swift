/// Entries of the system's that cannot be removed: their number is closed, or another file's, and a duplicate keeps
/// them alive (contract 4). The set that has them is made anew, on that proof alone.
extension KQueue where Backend: ~Copyable {
  /// Polls once more where a stale report was seen for the first time, so that an entry that cannot be removed does not
  /// leave the kqueue readable with nothing to get (C-351).
  @inline(__always)
  mutating func confirmStale(_ buffer: Buffer) {
    if stale.isFresh { askAnew(buffer) }
  }

  @inline(never)
  private mutating func askAnew(_ buffer: Buffer) {
    for _ in 0..<4 where stale.isFresh {
      stale.settle()
      let asked = pass
      let reports = Int(backend.poll(knotes, buffer))
      queueReports(max(reports, 0), of: buffer, asked: asked)
      if let token = stale.takeRepeated() { removeStale(token) }
      if reports < buffer.count && !stale.isFresh { stale.age(pass) }
    }
    stale.settle()
  }

  /// Removes the entry that a stale report is of, which has come again.
  @inline(never)
  mutating func removeStale(_ token: KnoteToken) {
    switch backend.origin(of: token) {
    case .nowhere: return
    case .number(let number):
      // The entry may belong to the number's present file; it can be deleted if no knote is on it.
      if table.first(on: number, knotes) == nil && backend.dismiss(number) { return }
    case .unknown: break
    }
    rebuild()
  }

  private mutating func rebuild() {
    let shield = Shield()
    defer { shield.end() }
    rebuildIsPending = true
    guard let news = try? makeAnew() else { return }
    rebuildIsPending = false
    publishWatchSets()
    stale = StaleReports()
    mayReportStale = false
    if backend.needsNumber, let tracking {
      tracking.registry.move(tracking.slot) { backend.takeNumber($0) }
      numberHasNewSet = true
    }
    queueReports(news.count, of: news.buffer, asked: pass &- 1)
    buffers.give(back: news.buffer)
  }

  /// Makes the set anew.
  /// - Returns: what is news up to now.
  /// - Throws: ENOMEM, EMFILE, ENFILE; tried again when it is reported again.
  private mutating func makeAnew() throws(Errno) -> (buffer: Buffer, count: Int) {
    let buffer = try buffers.take(knotes.count + Backend.againSlack)
    let count = backend.rebuild(knotes, buffer, hasWaiters: waiters > 0)
    guard count >= 0 else {
      buffers.give(back: buffer)
      throw Errno(-count)
    }
    return (buffer, Int(count))
  }

  /// Watches a kqueue again that got another set under its number.
  mutating func reenterNested(_ number: CInt) {
    if let knote = table.first(on: number, knotes) { backend.reenterNested(knote) }
  }
}
