import CKQueue

/// Room that reports took which delivered nothing: of a disabled knote whose descriptor hung up, of bytes below
/// NOTE_LOWAT. The call polls further, so that it returns what is ready up to the eventlist's size (contract 3.6).
extension KQueue where Backend: ~Copyable {
  /// Delivers what the system reports behind a full buffer, each knote at most once in the call.
  ///
  /// The system reports in turn, so it has come round when it reported more again than were delivered. Other threads may
  /// produce reports without end; the polls are no more than knotes could fill.
  /// - Parameters:
  ///   - buffer: the one that the last poll filled.
  ///   - start: how many entries the eventlist holds already.
  /// - Returns: how many it holds now.
  @inline(never)
  mutating func deliverFurther(_ buffer: Buffer, to events: Eventlist, after start: Int) -> Int {
    var (delivered, repeats) = (start, 0)
    let first = pass
    for place in 0..<start { markDelivered(events, place) }
    for _ in 0...knotes.count where delivered < events.count {
      let asked = pass
      let room = min(events.count - delivered, buffer.count)
      let reports = Int(backend.poll(knotes, Buffer(rebasing: buffer[..<room])))
      beginPass()
      ready.beginRound()
      let queued = ready.count
      for place in 0..<max(reports, 0)
      where !takeNew(Backend.decode(buffer[place]), asked, since: first, events, &delivered) {
        repeats += 1
      }
      deliverRecorded(ready.count - queued, to: events, &delivered)
      if reports < room || repeats > delivered { break }
    }
    return delivered
  }

  /// Delivers those of the last knotes in the ready list of which these reports had something recorded. The others were
  /// delivered before, and stay; so do those to which more happened since. These are found among the entries, so a long
  /// eventlist leaves them all to the next call.
  @inline(never)
  private mutating func deliverRecorded(_ count: Int, to events: Eventlist, _ delivered: inout Int) {
    for _ in 0..<max(count, 0) where delivered < min(events.count, Self.mostEntries) {
      guard let knote = ready.popNew(knotes) else { return }
      if knote.status.contains(.recorded) && !events.has(knote.filter, knote.ident, before: delivered) {
        deliverSingly(knote, nil, to: events, &delivered)
      } else {
        activate(knote)
      }
    }
  }

  private static var mostEntries: Int { 64 }

  /// Marks the knote of an entry as delivered in this pass, if the system reports it; the others use the field.
  @inline(never)
  private mutating func markDelivered(_ events: Eventlist, _ place: Int) {
    let (filter, ident) = events.subject(at: place)
    guard let filter = Filter(rawValue: filter), let knote = table.find(filter, ident, knotes),
      !knote.status.contains(.recorded)
    else { return }
    knote.occurrence = UInt64(pass) << 32
  }

  /// Handles a report: delivers what it is of, unless this call did.
  /// - Returns: whether it is new in this call.
  private mutating func takeNew(
    _ report: Report<Backend.Source>, _ asked: UInt32, since first: UInt32, _ events: Eventlist, _ delivered: inout Int
  ) -> Bool {
    if case .more(let source) = report, Backend.reportsAgain(source) {
      return gatherNew(source, since: first, events, &delivered)
    }
    guard let (knote, reported) = takeSingly(report, asked) else { return true }
    return deliverNew(knote, reported, since: first, events, &delivered)
  }

  /// Handles what a source tells again as long as it holds, also of knotes that this call delivered.
  @inline(never)
  private mutating func gatherNew(
    _ source: Backend.Source, since first: UInt32, _ events: Eventlist, _ delivered: inout Int
  ) -> Bool {
    guard let buffer = try? happenings.take(knotes.count + Backend.againSlack) else { return false }
    var isAnyNew = false
    for place in 0..<backend.gather(source, knotes, buffer) {
      let happening = buffer[place]
      guard let knote = knotes.find(happening.token) else { continue }
      if knote.status.contains(.recorded) { note(happening) }
      let isIdle = knote.isDisabled || knote.status.contains(.recorded)
      if isIdle || deliverNew(knote, happening.bits, since: first, events, &delivered) { isAnyNew = true }
    }
    happenings.give(back: buffer)
    return isAnyNew
  }

  /// Delivers a knote, unless this call did: the next call hears of that one again, or finds it queued. A level knote that
  /// is muted, as one that shares its entry may be, is not reported again.
  /// - Returns: whether it is new in this call.
  @inline(never)
  private mutating func deliverNew(
    _ knote: KnoteRef, _ reported: UInt32, since first: UInt32, _ events: Eventlist, _ delivered: inout Int
  ) -> Bool {
    let isNew = UInt32(truncatingIfNeeded: knote.occurrence >> 32) &- first > pass &- first
    if isNew && delivered < events.count {
      samples.remove(knote, knotes)
      knote.occurrence = UInt64(pass) << 32
      deliverSingly(knote, reported, to: events, &delivered)
    } else if isNew || knote.has(EV_CLEAR) || !backend.reportsByLevel(knote) {
      queue(knote, reported)
    }
    return isNew
  }
}
