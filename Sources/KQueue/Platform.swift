// What this system has: its names and numbers. Its calls stand in System.swift; no other file of the module has
// conditions in it, or meets the C library.
//
// kqueue is this package's own here, through the C module CKQueue. Darwin and FreeBSD have one in the kernel, with
// the same names and other numbers, so the constants are the system's everywhere. Those two are written from their
// headers, and have been neither compiled nor tested.

#if canImport(Darwin)
  import Darwin
#elseif os(FreeBSD)
  import Glibc
#else
  import CKQueue
  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif
#endif

// MARK: One change or one event

// C has a function of the same name, so the type goes by this one.
#if canImport(Darwin)
  @usableFromInline typealias Kevent = Darwin.kevent
#elseif os(FreeBSD)
  @usableFromInline typealias Kevent = Glibc.kevent
#else
  @usableFromInline typealias Kevent = CKQueue.kevent
#endif

extension Kevent {
  /// What EV_SET does in C.
  init(filter: Int16, ident: UInt, flags: UInt16, fflags: UInt32 = 0, data: Int = 0, tag: UInt = 0) {
    self.init()
    self.filter = filter
    self.ident = ident
    self.flags = flags
    self.fflags = fflags
    self.data = .init(data)
    self.udata = UnsafeMutableRawPointer(bitPattern: tag)
  }
}

/// What an event says, for code that is compiled into its reader, which cannot name the C structure's members.
extension Kevent {
  @inlinable var kind: Int16 { filter }
  @inlinable var number: UInt { UInt(ident) }
  @inlinable var results: UInt16 { flags }
  @inlinable var notes: UInt32 { UInt32(fflags) }
  @inlinable var value: Int { Int(data) }
  @inlinable var tag: UInt { UInt(bitPattern: udata) }
}

/// Filters. A number that no system has stands for one that is absent: a change with it is refused, EINVAL.
@usableFromInline
enum Filter {
  @inlinable static var read: Int16 { Int16(EVFILT_READ) }
  @inlinable static var write: Int16 { Int16(EVFILT_WRITE) }
  @inlinable static var vnode: Int16 { Int16(EVFILT_VNODE) }
  @inlinable static var process: Int16 { Int16(EVFILT_PROC) }
  @inlinable static var signal: Int16 { Int16(EVFILT_SIGNAL) }
  @inlinable static var timer: Int16 { Int16(EVFILT_TIMER) }
  @inlinable static var user: Int16 { Int16(EVFILT_USER) }
  @inlinable static var fileSystems: Int16 { Int16(EVFILT_FS) }
  #if canImport(Darwin)
    @inlinable static var processDescriptor: Int16 { 0x7f01 }
    @inlinable static var empty: Int16 { 0x7f02 }
  #else
    @inlinable static var processDescriptor: Int16 { Int16(EVFILT_PROCDESC) }
    @inlinable static var empty: Int16 { Int16(EVFILT_EMPTY) }
  #endif
  #if os(FreeBSD)
    @inlinable static var except: Int16 { 0x7f03 }
    static let outOfBand: UInt32 = 0
  #else
    @inlinable static var except: Int16 { Int16(EVFILT_EXCEPT) }
    static let outOfBand = UInt32(NOTE_OOB)
  #endif
}

/// Actions, behaviours and results.
@usableFromInline
enum Flag {
  static let add = UInt16(EV_ADD)
  static let delete = UInt16(EV_DELETE)
  static let enable = UInt16(EV_ENABLE)
  static let disable = UInt16(EV_DISABLE)
  static let oneShot = UInt16(EV_ONESHOT)
  static let clear = UInt16(EV_CLEAR)
  static let receipt = UInt16(EV_RECEIPT)
  static let dispatch = UInt16(EV_DISPATCH)
  static var error: UInt16 { UInt16(EV_ERROR) }
  @inlinable static var endOfFile: UInt16 { UInt16(EV_EOF) }
  #if canImport(Darwin)
    /// Darwin cannot leave udata as it is.
    static let keepTag: UInt16 = 0
  #else
    static let keepTag = UInt16(EV_KEEPUDATA)
  #endif
}

/// What belongs to a filter.
enum Note {
  static let lowWater = UInt32(NOTE_LOWAT)
  static let seconds = UInt32(NOTE_SECONDS)
  static let microseconds = UInt32(NOTE_USECONDS)
  static let nanoseconds = UInt32(NOTE_NSECONDS)
  #if os(FreeBSD)
    static let absolute = UInt32(NOTE_ABSTIME)
    static let milliseconds = UInt32(NOTE_MSECONDS)
  #else
    static let absolute = UInt32(NOTE_ABSOLUTE)
    static let milliseconds: UInt32 = 0
  #endif
  static let trigger = UInt32(NOTE_TRIGGER)
  static let and = UInt32(NOTE_FFAND)
  static let or = UInt32(NOTE_FFOR)
  static let copy = UInt32(NOTE_FFCOPY)
  static let userFlags = UInt32(NOTE_FFLAGSMASK)
  static let exit = UInt32(truncatingIfNeeded: Int(NOTE_EXIT))
}

// MARK: What is not on every system

extension KernelQueue.VnodeEvents {
  #if !canImport(Darwin)
    /// The file was opened (NOTE_OPEN). Not on Darwin.
    public static let open = Self(rawValue: UInt32(NOTE_OPEN))
    /// The file was read (NOTE_READ). Not on Darwin.
    public static let read = Self(rawValue: UInt32(NOTE_READ))
    /// A descriptor that could not write was closed (NOTE_CLOSE). Not on Darwin.
    public static let close = Self(rawValue: UInt32(NOTE_CLOSE))
    /// A descriptor that could write was closed (NOTE_CLOSE_WRITE). Not on Darwin.
    public static let closeWrite = Self(rawValue: UInt32(NOTE_CLOSE_WRITE))
    #if !os(FreeBSD)
      /// The file became shorter (NOTE_TRUNCATE). Neither on Darwin nor on FreeBSD.
      public static let truncate = Self(rawValue: UInt32(NOTE_TRUNCATE))
    #endif
  #endif

  /// The names of those that only some systems have.
  static var someSystems: [(Self, String)] {
    #if canImport(Darwin)
      []
    #elseif os(FreeBSD)
      [(.open, "open"), (.read, "read"), (.close, "close"), (.closeWrite, "closeWrite")]
    #else
      [(.open, "open"), (.read, "read"), (.close, "close"), (.closeWrite, "closeWrite"), (.truncate, "truncate")]
    #endif
  }
}

extension KernelQueue.ProcessEvents {
  #if !canImport(Darwin)
    /// Children of the process are watched too, and theirs, with the same events and tag (NOTE_TRACK). Not on Darwin.
    public static let track = Self(rawValue: UInt32(NOTE_TRACK))
    /// Told, never asked for: this process is a new child of a tracked one; ``KernelQueue/Event/parent`` is that
    /// one (NOTE_CHILD). Not on Darwin.
    public static let child = Self(rawValue: UInt32(NOTE_CHILD))
    /// Told, never asked for: a child could not be watched (NOTE_TRACKERR). Not on Darwin.
    public static let trackError = Self(rawValue: UInt32(NOTE_TRACKERR))
  #endif

  /// The names of those that only some systems have.
  static var someSystems: [(Self, String)] {
    #if canImport(Darwin)
      []
    #else
      [(.track, "track"), (.child, "child"), (.trackError, "trackError")]
    #endif
  }
}
