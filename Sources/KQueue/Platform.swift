// What this system is: the one file of the module with conditions in it, and the one that meets the C library.
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
  typealias Kevent = Darwin.kevent
#elseif os(FreeBSD)
  typealias Kevent = Glibc.kevent
#else
  typealias Kevent = CKQueue.kevent
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

/// Filters. A number that no system has stands for one that is absent: a change with it is refused, EINVAL.
enum Filter {
  static var read: Int16 { Int16(EVFILT_READ) }
  static var write: Int16 { Int16(EVFILT_WRITE) }
  static var vnode: Int16 { Int16(EVFILT_VNODE) }
  static var process: Int16 { Int16(EVFILT_PROC) }
  static var signal: Int16 { Int16(EVFILT_SIGNAL) }
  static var timer: Int16 { Int16(EVFILT_TIMER) }
  static var user: Int16 { Int16(EVFILT_USER) }
  static var fileSystems: Int16 { Int16(EVFILT_FS) }
  #if canImport(Darwin)
    static var processDescriptor: Int16 { 0x7f01 }
    static var empty: Int16 { 0x7f02 }
  #else
    static var processDescriptor: Int16 { Int16(EVFILT_PROCDESC) }
    static var empty: Int16 { Int16(EVFILT_EMPTY) }
  #endif
  #if os(FreeBSD)
    static var except: Int16 { 0x7f03 }
    static let outOfBand: UInt32 = 0
  #else
    static var except: Int16 { Int16(EVFILT_EXCEPT) }
    static let outOfBand = UInt32(NOTE_OOB)
  #endif
}

/// Actions, behaviours and results.
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
  static var endOfFile: UInt16 { UInt16(EV_EOF) }
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

// MARK: Calls

/// The C functions of the module. Each gives its result, or throws errno.
enum System {
  /// How often iterations that wait look for themselves. POSIX has nothing by which a queue could be watched for all
  /// that it watches; elsewhere a queue's descriptor tells.
  #if KQUEUE_PLATFORM_POSIX
    static let sampleInterval: Duration? = .milliseconds(10)
  #else
    static let sampleInterval: Duration? = nil
  #endif

  static func makeQueue() throws(KernelQueue.Errno) -> CInt {
    try check(kqueue())
  }

  static func kevent(
    _ queue: CInt, _ changes: UnsafeBufferPointer<Kevent>, _ events: UnsafeMutableBufferPointer<Kevent>,
    _ timeout: Duration?
  ) throws(KernelQueue.Errno) -> Int {
    let changeCount = CInt(clamping: changes.count)
    let eventCount = CInt(clamping: events.count)
    guard let timeout else {
      return try Int(check(callKevent(queue, changes.baseAddress, changeCount, events.baseAddress, eventCount, nil)))
    }
    var limit = timeout.timeout
    return try Int(check(callKevent(queue, changes.baseAddress, changeCount, events.baseAddress, eventCount, &limit)))
  }

  /// Makes one change.
  static func change(_ queue: CInt, _ entry: Kevent) throws(KernelQueue.Errno) {
    var entry = entry
    try check(callKevent(queue, &entry, 1, nil, 0, nil))
  }

  /// A kernel's kqueue has no such setting, and needs none.
  static func declineData(_ queue: CInt, _ declines: Bool) throws(KernelQueue.Errno) {
    #if !canImport(Darwin) && !os(FreeBSD)
      try change(
        queue,
        Kevent(
          filter: Int16(EVFILT_LIBKQUEUE), ident: 0, flags: UInt16(EV_ADD), fflags: UInt32(NOTE_DECLINE_DATA),
          data: declines ? 1 : 0))
    #endif
  }

  static func closeDescriptor(_ descriptor: CInt) throws(KernelQueue.Errno) {
    try check(close(descriptor))
  }

  /// CLOCK_REALTIME, since 1970.
  static func wallTime() -> Duration {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return .seconds(Int64(now.tv_sec)) + .nanoseconds(Int64(now.tv_nsec))
  }

  static func message(_ code: CInt) -> String {
    strerror(code).map { String(cString: $0) } ?? "errno \(code)"
  }

  /// A detached thread to which no signal is delivered: those are for the program's own.
  static func startThread(_ body: @escaping @Sendable () -> Void) throws(KernelQueue.Errno) {
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    let argument = Unmanaged.passRetained(ThreadBody(run: body))
    #if canImport(Darwin) || os(FreeBSD)
      var thread: pthread_t?
    #else
      var thread = pthread_t()
    #endif
    let error = pthread_create(
      &thread, nil,
      { (argument: UnsafeMutableRawPointer?) in
        Unmanaged<ThreadBody>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
      }, argument.toOpaque())
    guard error == 0 else {
      argument.release()
      throw KernelQueue.Errno(rawValue: error)
    }
    #if canImport(Darwin) || os(FreeBSD)
      pthread_detach(thread!)
    #else
      pthread_detach(thread)
    #endif
  }

  @discardableResult
  private static func check(_ result: CInt) throws(KernelQueue.Errno) -> CInt {
    guard result >= 0 else { throw KernelQueue.Errno(rawValue: errno) }
    return result
  }
}

private final class ThreadBody: Sendable {
  let run: @Sendable () -> Void

  init(run: @escaping @Sendable () -> Void) {
    self.run = run
  }
}

/// The C function, out of the way of the wrapper's name.
private func callKevent(
  _ queue: CInt, _ changes: UnsafePointer<Kevent>?, _ changeCount: CInt, _ events: UnsafeMutablePointer<Kevent>?,
  _ eventCount: CInt, _ timeout: UnsafePointer<timespec>?
) -> CInt {
  kevent(queue, changes, changeCount, events, eventCount, timeout)
}

extension Duration {
  /// As a timeout: no less than asked for, nothing where it is negative.
  fileprivate var timeout: timespec {
    guard self > .zero else { return timespec() }
    let (seconds, attoseconds) = components
    let nanoseconds = (attoseconds + 999_999_999) / 1_000_000_000
    guard seconds < Int64(time_t.max) else { return timespec(tv_sec: .max, tv_nsec: 0) }
    return nanoseconds < 1_000_000_000
      ? timespec(tv_sec: time_t(seconds), tv_nsec: Int(nanoseconds)) : timespec(tv_sec: time_t(seconds + 1), tv_nsec: 0)
  }
}

// MARK: Errors

extension KernelQueue.Errno {
  /// The descriptor is not open, or the queue is closed (EBADF).
  public static let badDescriptor = Self(rawValue: EBADF)
  /// The change makes no sense for what it names (EINVAL).
  public static let invalidArgument = Self(rawValue: EINVAL)
  /// There is no such registration (ENOENT).
  public static let noSuchRegistration = Self(rawValue: ENOENT)
  /// There is no such process (ESRCH).
  public static let noSuchProcess = Self(rawValue: ESRCH)
  /// The process may not be watched (EACCES).
  public static let notAllowed = Self(rawValue: EACCES)
  /// The system cannot tell that (ENOTSUP).
  public static let notSupported = Self(rawValue: ENOTSUP)
  /// No memory, or a limit of the system's (ENOMEM).
  public static let noMemory = Self(rawValue: ENOMEM)
  /// The process has no descriptor left (EMFILE).
  public static let tooManyDescriptors = Self(rawValue: EMFILE)
  /// A signal handler ran while a thread waited (EINTR).
  public static let interrupted = Self(rawValue: EINTR)
  /// Nobody reads the other end of the pipe (EPIPE).
  public static let brokenPipe = Self(rawValue: EPIPE)
  /// Two iterations of one queue at the same time (EBUSY).
  public static let busy = Self(rawValue: EBUSY)
}
