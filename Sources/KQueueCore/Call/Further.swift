import CKQueue

/// Room that reports took which delivered nothing: of a disabled knote whose descriptor hung up, of bytes below
/// NOTE_LOWAT. The call polls further, so that it returns what is ready up to the eventlist's size (contract 3.6).
extension KQueue where Backend: ~Copyable {
  /// Delivers what the system reports behind a full buffer, each knote at most once in the call.
  ///
  /// Other threads may produce reports without end, so the polls are no more than knotes could fill.
  /// - Parameters:
  ///   - buffer: the one that the last poll filled.
  ///   - start: how many entries the eventlist holds already.
  /// - Returns: how many it holds now.
  @inline(never)
  mutating func deliverFurther(_ buffer: Buffer, to events: Eventlist, after start: Int) -> Int {
    var (delivered, marked) = (start, 0)
    let first = pass
    for _ in 0...knotes.count {
      while marked < delivered { markDelivered(events, &marked) }
      guard delivered < events.count else { break }
      let asked = pass
      let room = min(events.count - delivered, buffer.count)
      let reports = Int(backend.poll(knotes, Buffer(rebasing: buffer[..<room])))
      beginPass()
      var isAnyNew = false
      for place in 0..<max(reports, 0)
      where takeNew(Backend.decode(buffer[place]), asked, since: first, events, &delivered) {
        isAnyNew = true
      }
      if reports < room || !isAnyNew { break }
    }
    return delivered
  }

  /// Marks the knote of an entry as delivered in this pass, if the system reports it; the others use the field.
  private mutating func markDelivered(_ events: Eventlist, _ place: inout Int) {
    let (filter, ident) = events.subject(at: place)
    place += 1
    guard let filter = Filter(rawValue: filter), let knote = table.find(filter, ident, knotes),
      !knote.status.contains(.recorded)
    else { return }
    knote.occurrence = UInt64(pass) << 32
  }

  /// Delivers what a report is of, unless this call did. The next call hears of that one again, or finds it queued.
  /// - Returns: whether it is new in this call.
  private mutating func takeNew(
    _ report: Report<Backend.Source>, _ asked: UInt32, since first: UInt32, _ events: Eventlist, _ delivered: inout Int
  ) -> Bool {
    // What is reported by level is reported to the next call, in turn.
    if case .more(let source) = report, Backend.reportsAgain(source) { return false }
    guard let (knote, reported) = take(report, asked) else { return true }
    if UInt32(truncatingIfNeeded: knote.occurrence >> 32) &- first >= pass &- first {
      deliverSingly(knote, reported, to: events, &delivered)
      return true
    }
    if knote.has(EV_CLEAR) { queue(knote, reported) }
    return false
  }
}
