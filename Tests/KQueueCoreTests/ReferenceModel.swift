import CKQueueShims
import Support

/// What the contract says of USER, READ, SIGNAL and one-shot TIMER knotes, written down as plainly as can be (3.1, 3.2,
/// 3.4, 6.8 to 6.10).
struct ReferenceModel {
  struct Name: Hashable {
    let filter: Int16
    let ident: UInt
  }

  struct Knote {
    var flags: Flags
    var isEnabled: Bool
    var udata: UInt
    /// USER: triggered. READ under EV_CLEAR: something happened since the last delivery.
    var hasNews = false
    var bits: UInt32 = 0
    /// USER: its value. SIGNAL: how many came. TIMER: when it is due, by its clock; `Int.max` is never again.
    var data = 0
    /// TIMER: by the wall clock.
    var isAbsolute = false
  }

  private(set) var knotes: [Name: Knote] = [:]
  var bytes: [UInt: Int] = [:]
  /// Monotonic time and the wall clock's, in ns.
  var monotonic = 0
  var realtime = 0

  private func isUser(_ name: Name) -> Bool {
    name.filter == -11
  }

  // MARK: Changes

  /// - Returns: the errno of the change, or 0.
  mutating func apply(_ change: Entry) -> CInt {
    let name = Name(filter: change.filter, ident: change.ident)
    guard var knote = knotes[name] else {
      guard change.flags.contains(.add) else { return ENOENT }
      knotes[name] = make(change, name)
      return 0
    }
    if change.flags.contains(.delete) {
      knotes[name] = nil
      return 0
    }
    if change.flags.contains(.enable) { knote.isEnabled = true }
    if change.flags.contains(.disable) { knote.isEnabled = false }
    if !change.flags.contains(.keepUdata) { knote.udata = change.udata }
    switch name.filter {
    case -11: modifyUser(&knote, change)
    case -7: if change.flags.contains(.add) { start(&knote, change) }
    case -6: break
    default: knote.hasNews = bytes[change.ident] ?? 0 > 0
    }
    knotes[name] = knote
    return 0
  }

  private func make(_ change: Entry, _ name: Name) -> Knote {
    var knote = Knote(
      flags: change.flags.intersection([.add, .clear, .oneshot, .dispatch, .receipt]),
      isEnabled: !change.flags.contains(.disable), udata: change.udata)
    switch name.filter {
    case -7:
      knote.flags.insert(.clear)
      start(&knote, change)
      return knote
    case -6:
      knote.flags.insert(.clear)
      return knote
    default: break
    }
    knote.data = change.data
    knote.bits = change.notes.rawValue & 0xff_ffff
    knote.hasNews = isUser(name) ? change.notes.contains(.trigger) : bytes[change.ident] ?? 0 > 0
    return knote
  }

  private func modifyUser(_ knote: inout Knote, _ change: Entry) {
    let bits = change.notes.rawValue & 0xff_ffff
    let operation = change.notes.rawValue & 0xc000_0000
    switch operation {
    case 0x4000_0000: knote.bits &= bits
    case 0x8000_0000: knote.bits |= bits
    case 0xc000_0000: knote.bits = bits
    default: break
    }
    let triggers = change.notes.contains(.trigger)
    let onlySwitches = !change.flags.isDisjoint(with: [.enable, .disable]) && !change.flags.contains(.add)
    if triggers || !onlySwitches || operation != 0 { knote.data = change.data }
    if triggers { knote.hasNews = true } else if change.flags.contains(.clear) { knote.hasNews = false }
  }

  /// An interval in ms from now, or a time of the wall clock in ms (6.9).
  private func start(_ knote: inout Knote, _ change: Entry) {
    knote.isAbsolute = change.notes.contains(.absolute)
    knote.data = change.data * 1_000_000 + (knote.isAbsolute ? 0 : monotonic)
  }

  private func isDue(_ knote: Knote) -> Bool {
    knote.data <= (knote.isAbsolute ? realtime : monotonic)
  }

  // MARK: Descriptors, signals, time

  mutating func raise(_ ident: UInt) {
    knotes[Name(filter: -6, ident: ident)]?.data += 1
  }

  mutating func advance(_ nanoseconds: Int) {
    monotonic += nanoseconds
    realtime += nanoseconds
  }

  mutating func fill(_ ident: UInt, _ count: Int) {
    bytes[ident, default: 0] += count
    knotes[Name(filter: -1, ident: ident)]?.hasNews = true
  }

  mutating func drain(_ ident: UInt) {
    bytes[ident] = 0
  }

  // MARK: Events

  /// The events that a call with room for all would deliver now.
  var deliverable: [Name: Entry] {
    var events: [Name: Entry] = [:]
    for (name, knote) in knotes where knote.isEnabled && holds(name, knote) {
      let notes = isUser(name) ? Notes.bits(knote.bits) : []
      let data =
        switch name.filter {
        case -11, -6: knote.data
        case -7: 1
        default: bytes[name.ident] ?? 0
        }
      events[name] = Entry(name.filter, name.ident, knote.flags, notes, data: data, udata: knote.udata)
    }
    return events
  }

  private func holds(_ name: Name, _ knote: Knote) -> Bool {
    switch name.filter {
    case -11: return knote.hasNews
    case -7: return isDue(knote)
    case -6: return knote.data > 0
    default: break
    }
    return bytes[name.ident] ?? 0 > 0 && (knote.hasNews || !knote.flags.contains(.clear))
  }

  /// Follows a delivery.
  mutating func deliver(_ name: Name) {
    guard let flags = knotes[name]?.flags else { return }
    if flags.contains(.oneshot) {
      knotes[name] = nil
      return
    }
    if name.filter == -6 { knotes[name]?.data = 0 }
    if name.filter == -7 { knotes[name]?.data = .max }
    if flags.contains(.clear) { knotes[name]?.hasNews = false }
    if flags.contains(.dispatch) { knotes[name]?.isEnabled = false }
  }
}
