// The calls of this system, and its errors; see Platform.swift.

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
