import CKQueue
import KQueueCore

/// A change or an event, comparable and easy to write down.
public struct Entry: Equatable, Sendable {
  public var filter: Int16
  public var ident: UInt
  public var flags: Flags
  public var notes: Notes
  public var data: Int
  public var udata: UInt

  public init(
    _ filter: Int16, _ ident: UInt, _ flags: Flags = [], _ notes: Notes = [], data: Int = 0, udata: UInt = 0
  ) {
    self.filter = filter
    self.ident = ident
    self.flags = flags
    self.notes = notes
    self.data = data
    self.udata = udata
  }

  init(_ entry: Kevent) {
    self.init(
      entry.filter, entry.ident, Flags(rawValue: entry.flags), Notes(rawValue: entry.fflags), data: entry.data,
      udata: UInt(bitPattern: entry.udata))
  }

  public var kevent: Kevent {
    Kevent(
      ident: ident, filter: filter, flags: flags.rawValue, fflags: notes.rawValue, data: data,
      udata: UnsafeMutableRawPointer(bitPattern: udata))
  }

  /// The entry that answers this change: an error, or a receipt with 0.
  public func answer(_ code: CInt) -> Entry {
    var answer = self
    answer.flags.insert(.error)
    answer.data = Int(code)
    return answer
  }
}

extension Entry: CustomStringConvertible {
  public var description: String {
    let bits = String(flags.rawValue, radix: 16)
    let notes = String(notes.rawValue, radix: 16)
    return "(filter \(filter) ident \(ident) flags \(bits) notes \(notes) data \(data) udata \(udata))"
  }
}

extension Entry {
  public static func user(
    _ ident: UInt, _ flags: Flags = [], _ notes: Notes = [], data: Int = 0, udata: UInt = 0
  ) -> Entry {
    Entry(Int16(EVFILT_USER), ident, flags, notes, data: data, udata: udata)
  }

  public static func timer(
    _ ident: UInt, _ flags: Flags = [], _ data: Int = 0, _ notes: Notes = [], udata: UInt = 0
  ) -> Entry {
    Entry(Int16(EVFILT_TIMER), ident, flags, notes, data: data, udata: udata)
  }

  public static func process(
    _ number: UInt, _ flags: Flags = [], _ notes: Notes = [], data: Int = 0, udata: UInt = 0
  ) -> Entry {
    Entry(Int16(EVFILT_PROC), number, flags, notes, data: data, udata: udata)
  }

  public static func signal(
    _ number: UInt, _ flags: Flags = [], _ notes: Notes = [], data: Int = 0, udata: UInt = 0
  ) -> Entry {
    Entry(Int16(EVFILT_SIGNAL), number, flags, notes, data: data, udata: udata)
  }

  public static func empty(
    _ descriptor: CInt, _ flags: Flags = [], _ notes: Notes = [], data: Int = 0, udata: UInt = 0
  ) -> Entry {
    Entry(Int16(EVFILT_EMPTY), UInt(descriptor), flags, notes, data: data, udata: udata)
  }

  public static func read(
    _ descriptor: CInt, _ flags: Flags = [], _ notes: Notes = [], data: Int = 0, udata: UInt = 0
  ) -> Entry {
    Entry(Int16(EVFILT_READ), UInt(descriptor), flags, notes, data: data, udata: udata)
  }

  public static func write(
    _ descriptor: CInt, _ flags: Flags = [], _ notes: Notes = [], data: Int = 0, udata: UInt = 0
  ) -> Entry {
    Entry(Int16(EVFILT_WRITE), UInt(descriptor), flags, notes, data: data, udata: udata)
  }

  public static func vnode(_ descriptor: CInt, _ flags: Flags = [], _ notes: Notes = [], udata: UInt = 0) -> Entry {
    Entry(Int16(EVFILT_VNODE), UInt(descriptor), flags, notes, udata: udata)
  }
}

/// EV_ bits.
public struct Flags: OptionSet, Sendable {
  public let rawValue: UInt16

  public init(rawValue: UInt16) {
    self.rawValue = rawValue
  }

  private init(_ bits: CInt) {
    rawValue = UInt16(bits)
  }

  public static let add = Flags(EV_ADD)
  public static let delete = Flags(EV_DELETE)
  public static let enable = Flags(EV_ENABLE)
  public static let disable = Flags(EV_DISABLE)
  public static let oneshot = Flags(EV_ONESHOT)
  public static let clear = Flags(EV_CLEAR)
  public static let receipt = Flags(EV_RECEIPT)
  public static let dispatch = Flags(EV_DISPATCH)
  public static let forceOneshot = Flags(EV_FORCEONESHOT)
  public static let keepUdata = Flags(EV_KEEPUDATA)
  public static let udataSpecific = Flags(EV_UDATA_SPECIFIC)
  public static let error = Flags(EV_ERROR)
  public static let endOfFile = Flags(EV_EOF)
}

/// NOTE_ bits; the filters give the same bits different meanings.
public struct Notes: OptionSet, Sendable {
  public let rawValue: UInt32

  public init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  private init(_ bits: some BinaryInteger) {
    rawValue = UInt32(truncatingIfNeeded: bits)
  }

  /// The low 24 bits of USER.
  public static func bits(_ bits: UInt32) -> Notes {
    Notes(rawValue: bits)
  }

  public static let trigger = Notes(NOTE_TRIGGER)
  public static let and = Notes(NOTE_FFAND)
  public static let or = Notes(NOTE_FFOR)
  public static let copy = Notes(NOTE_FFCOPY)

  public static let seconds = Notes(NOTE_SECONDS)
  public static let microseconds = Notes(NOTE_USECONDS)
  public static let nanoseconds = Notes(NOTE_NSECONDS)
  public static let absolute = Notes(NOTE_ABSOLUTE)

  public static let delete = Notes(NOTE_DELETE)
  public static let written = Notes(NOTE_WRITE)
  public static let extended = Notes(NOTE_EXTEND)
  public static let attributes = Notes(NOTE_ATTRIB)
  public static let link = Notes(NOTE_LINK)
  public static let revoke = Notes(NOTE_REVOKE)
  public static let exit = Notes(NOTE_EXIT)
  public static let fork = Notes(NOTE_FORK)
  public static let exec = Notes(NOTE_EXEC)
  public static let track = Notes(NOTE_TRACK)
  public static let trackError = Notes(NOTE_TRACKERR)
  public static let child = Notes(NOTE_CHILD)
  public static let exitStatus = Notes(NOTE_EXITSTATUS)
  public static let reap = Notes(NOTE_REAP)

  public static let lowWater = Notes(NOTE_LOWAT)
}
