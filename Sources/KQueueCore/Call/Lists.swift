import CKQueue

/// The two words that kevent64() has an entry carry beyond kevent()'s (contract 1.5).
public typealias Extension = (UInt64, UInt64)

/// The caller's array of changes: of kevent, or of kevent64_s.
public struct Changelist {
  private let base: UnsafeRawPointer?
  public let count: Int
  let isExtended: Bool

  public init(start: UnsafePointer<Kevent>?, count: Int) {
    (base, self.count, isExtended) = (UnsafeRawPointer(start), count, false)
  }

  public init(extended start: UnsafePointer<kevent64_s>?, count: Int) {
    (base, self.count, isExtended) = (UnsafeRawPointer(start), count, true)
  }

  /// Whether there is memory for its entries.
  public var hasMemory: Bool {
    base != nil || count == 0
  }

  @inline(__always)
  subscript(place: Int) -> Kevent {
    isExtended ? Kevent(truncating: extended(place)) : array(of: Kevent.self)[place]
  }

  @inline(__always)
  func ext(_ place: Int) -> Extension {
    isExtended ? extended(place).ext : (0, 0)
  }

  /// Whether this machine's kevent can say what an entry does; where pointers have 32 bits not all can be.
  @inline(__always)
  func fits(_ place: Int) -> Bool {
    guard isExtended && UInt.bitWidth < UInt64.bitWidth else { return true }
    let entry = extended(place)
    return UInt(exactly: entry.ident) != nil && Int(exactly: entry.data) != nil && UInt(exactly: entry.udata) != nil
  }

  private func extended(_ place: Int) -> kevent64_s {
    array(of: kevent64_s.self)[place]
  }

  @inline(__always)
  private func array<Entry>(of type: Entry.Type) -> UnsafePointer<Entry> {
    base.unsafelyUnwrapped.assumingMemoryBound(to: type)
  }
}

/// The caller's array for answers and events: of kevent, or of kevent64_s.
public struct Eventlist {
  private let base: UnsafeMutableRawPointer?
  public let count: Int
  private let isExtended: Bool
  /// False with KEVENT_FLAG_ERROR_EVENTS: it is for answers to changes alone.
  private let takesEvents: Bool

  public init(start: UnsafeMutablePointer<Kevent>?, count: Int) {
    (base, self.count, isExtended, takesEvents) = (UnsafeMutableRawPointer(start), count, false, true)
  }

  public init(extended start: UnsafeMutablePointer<kevent64_s>?, count: Int, takesEvents: Bool) {
    (base, self.count, isExtended) = (UnsafeMutableRawPointer(start), count, true)
    self.takesEvents = takesEvents
  }

  /// Whether there is memory for its entries.
  public var hasMemory: Bool {
    base != nil || count == 0
  }

  /// Whether anything is to be collected.
  @inline(__always)
  var isForEvents: Bool {
    count > 0 && takesEvents
  }

  /// Whether a call with this list and timeout waits where there is nothing to collect.
  @inline(__always)
  public func mayWait(_ timeout: UnsafePointer<timespec>?) -> Bool {
    guard isForEvents, let timeout else { return isForEvents }
    return timeout.pointee.tv_sec != 0 || timeout.pointee.tv_nsec != 0
  }

  /// Writes an entry; its words are asked for only where they have a place.
  @inline(__always)
  func write(_ entry: Kevent, at place: Int, _ ext: @autoclosure () -> Extension) {
    if isExtended {
      array(of: kevent64_s.self)[place] = kevent64_s(entry, ext())
    } else {
      array(of: Kevent.self)[place] = entry
    }
  }

  /// Whether an entry of a knote was written.
  func has(_ filter: Int16, _ ident: UInt, before end: Int) -> Bool {
    for place in 0..<end where subject(at: place) == (filter, ident) { return true }
    return false
  }

  /// Which knote an entry is of that was written.
  func subject(at place: Int) -> (filter: Int16, ident: UInt) {
    guard isExtended else {
      let entry = array(of: Kevent.self)[place]
      return (entry.filter, entry.ident)
    }
    let entry = array(of: kevent64_s.self)[place]
    return (entry.filter, UInt(truncatingIfNeeded: entry.ident))
  }

  @inline(__always)
  private func array<Entry>(of type: Entry.Type) -> UnsafeMutablePointer<Entry> {
    base.unsafelyUnwrapped.assumingMemoryBound(to: type)
  }
}

extension Kevent {
  fileprivate init(truncating entry: kevent64_s) {
    self.init(
      ident: UInt(truncatingIfNeeded: entry.ident), filter: entry.filter, flags: entry.flags, fflags: entry.fflags,
      data: Int(truncatingIfNeeded: entry.data),
      udata: UnsafeMutableRawPointer(bitPattern: UInt(truncatingIfNeeded: entry.udata)))
  }
}

extension kevent64_s {
  fileprivate init(_ entry: Kevent, _ ext: Extension) {
    self.init(
      ident: UInt64(entry.ident), filter: entry.filter, flags: entry.flags, fflags: entry.fflags,
      data: Int64(entry.data), udata: UInt64(UInt(bitPattern: entry.udata)), ext: ext)
  }
}
