extension KernelQueue {
  /// Something to watch, and what for.
  public struct Registration: Sendable {
    /// What it is known by.
    public let key: Key
    let flags: UInt16
    let fflags: UInt32
    let data: Int

    init(_ key: Key, flags: UInt16 = 0, fflags: UInt32 = 0, data: Int = 0) {
      self.key = key
      self.flags = flags
      self.fflags = fflags
      self.data = data
    }
  }
}

// MARK: Descriptors

extension KernelQueue.Registration {
  /// Something can be read: bytes, a connection to accept, the end of the file (EVFILT_READ; contract 6.1).
  ///
  /// Refused with ``KernelQueue/Errno/badDescriptor``, and with EINVAL for the queue itself.
  ///
  /// - Parameters:
  ///   - descriptor: Whatever poll(2) takes, a regular file, or another queue's descriptor.
  ///   - bytes: Of a socket, to be told only from so many on (NOTE_LOWAT). The end is told in any case.
  public static func read(_ descriptor: CInt, atLeast bytes: Int? = nil) -> Self {
    .init(.read(descriptor), fflags: bytes == nil ? 0 : Note.lowWater, data: bytes ?? 0)
  }

  /// Something can be written, or nobody takes it any more (EVFILT_WRITE; contract 6.2).
  ///
  /// Refused with ``KernelQueue/Errno/badDescriptor``, and ``KernelQueue/Errno/brokenPipe`` for a pipe without a reader.
  ///
  /// - Parameters:
  ///   - descriptor: Whatever poll(2) takes, or a regular file.
  ///   - bytes: Of a socket, to be told only from so many bytes of room on (NOTE_LOWAT).
  public static func write(_ descriptor: CInt, atLeast bytes: Int? = nil) -> Self {
    .init(.write(descriptor), fflags: bytes == nil ? 0 : Note.lowWater, data: bytes ?? 0)
  }

  /// Urgent data can be read (EVFILT_EXCEPT with NOTE_OOB; contract 6.3). Not on FreeBSD: EINVAL.
  public static func except(_ descriptor: CInt) -> Self {
    .init(.except(descriptor), fflags: Filter.outOfBand)
  }

  /// The peer has taken all that a socket sent (EVFILT_EMPTY; contract 6.4). Not on Darwin: EINVAL. Refused with
  /// EINVAL for what is no socket.
  public static func empty(_ descriptor: CInt) -> Self {
    .init(.empty(descriptor))
  }

  /// Something happens to an open file or directory (EVFILT_VNODE; contract 6.5). Without
  /// ``KernelQueue/Options/clear`` what has happened is told again and again.
  ///
  /// Refused with EINVAL for pipes and sockets.
  ///
  /// - Parameters:
  ///   - descriptor: Of the file. What happens to its name later does not matter.
  ///   - events: What to tell.
  public static func vnode(_ descriptor: CInt, _ events: KernelQueue.VnodeEvents) -> Self {
    .init(.vnode(descriptor), fflags: events.rawValue)
  }
}

extension KernelQueue.Registration {
  /// ``read(_:atLeast:)-(CInt,_)`` with a descriptor type such as swift-system's `FileDescriptor`.
  public static func read(_ descriptor: some RawRepresentable<CInt>, atLeast bytes: Int? = nil) -> Self {
    read(descriptor.rawValue, atLeast: bytes)
  }

  /// ``write(_:atLeast:)-(CInt,_)`` with a descriptor type such as swift-system's `FileDescriptor`.
  public static func write(_ descriptor: some RawRepresentable<CInt>, atLeast bytes: Int? = nil) -> Self {
    write(descriptor.rawValue, atLeast: bytes)
  }

  /// ``except(_:)-(CInt)`` with a descriptor type such as swift-system's `FileDescriptor`.
  public static func except(_ descriptor: some RawRepresentable<CInt>) -> Self {
    except(descriptor.rawValue)
  }

  /// ``empty(_:)-(CInt)`` with a descriptor type such as swift-system's `FileDescriptor`.
  public static func empty(_ descriptor: some RawRepresentable<CInt>) -> Self {
    empty(descriptor.rawValue)
  }

  /// ``vnode(_:_:)-(CInt,_)`` with a descriptor type such as swift-system's `FileDescriptor`.
  public static func vnode(_ descriptor: some RawRepresentable<CInt>, _ events: KernelQueue.VnodeEvents) -> Self {
    vnode(descriptor.rawValue, events)
  }
}

// MARK: Timers

extension KernelQueue.Registration {
  /// A time comes again and again (EVFILT_TIMER; contract 6.9). It is measured on a clock that stands still while the
  /// system sleeps, does not drift, and is never early. Registered once more, it starts anew.
  ///
  /// - Parameters:
  ///   - id: Any number; a queue has timers of its own.
  ///   - interval: To the nanosecond. Zero is as short as can be; less is refused with EINVAL; 292 years and more are
  ///     never.
  public static func timer(_ id: UInt, every interval: Duration) -> Self {
    let (data, unit) = interval.inUnits
    return .init(.timer(id), fflags: unit, data: data)
  }

  /// A time comes once, after which the timer is gone (EVFILT_TIMER with EV_ONESHOT; contract 6.9).
  ///
  /// - Parameters:
  ///   - id: Any number; a queue has timers of its own.
  ///   - delay: From now on; zero is at once, less is refused with EINVAL.
  public static func timer(_ id: UInt, after delay: Duration) -> Self {
    let (data, unit) = delay.inUnits
    return .init(.timer(id), flags: Flag.oneShot, fflags: unit, data: data)
  }

  /// The wall clock says a time, after which the timer is gone (EVFILT_TIMER with NOTE_ABSTIME and EV_ONESHOT; contract
  /// 6.9). It follows the clock when that is set.
  ///
  /// - Parameters:
  ///   - id: Any number; a queue has timers of its own.
  ///   - time: When; a time that has passed is at once.
  public static func timer(_ id: UInt, at time: KernelQueue.WallTime) -> Self {
    let (data, unit) = time.sinceEpoch.inUnits
    return .init(.timer(id), flags: Flag.oneShot, fflags: unit | Note.absolute, data: data)
  }
}

extension Duration {
  /// In the smallest unit in which it fits, which on 64 bits is nearly always the nanosecond. Rounded up: no timer
  /// is early.
  var inUnits: (data: Int, unit: UInt32) {
    for (perSecond, unit) in [
      (1_000_000_000, Note.nanoseconds), (1_000_000, Note.microseconds), (1000, Note.milliseconds),
    ] as [(Int64, UInt32)] {
      if let count = count(perSecond) { return (count, unit) }
    }
    return (Int(clamping: components.seconds), Note.seconds)
  }

  private func count(_ perSecond: Int64) -> Int? {
    let (seconds, attoseconds) = components
    let unit = 1_000_000_000_000_000_000 / perSecond
    let (whole, tooLarge) = seconds.multipliedReportingOverflow(by: perSecond)
    // Division rounds towards zero, which is up for what is negative.
    let part = attoseconds / unit + (attoseconds % unit > 0 ? 1 : 0)
    let (sum, overflow) = whole.addingReportingOverflow(part)
    return tooLarge || overflow ? nil : Int(exactly: sum)
  }
}

// MARK: Processes and signals

extension KernelQueue.Registration {
  /// Something happens to a process, child or not (EVFILT_PROC; contract 6.6). Its end is told once and takes the
  /// registration along; ``KernelQueue/Event/exitStatus`` says how. It is not reaped.
  ///
  /// Refused with ``KernelQueue/Errno/noSuchProcess``, and with ``KernelQueue/Errno/notSupported`` where the system
  /// does not tell of forks and the like.
  ///
  /// - Parameters:
  ///   - pid: Of any process that can be seen.
  ///   - events: What to tell.
  public static func process(_ pid: CInt, _ events: KernelQueue.ProcessEvents) -> Self {
    .init(.process(pid), fflags: events.rawValue)
  }

  /// A process ends, which a descriptor names: pidfd_open(2) on Linux, pdfork(2) on FreeBSD (EVFILT_PROCDESC; contract
  /// 6.7). Not on Darwin: EINVAL. Refused with EINVAL for other descriptors.
  public static func processDescriptor(_ descriptor: CInt) -> Self {
    .init(.processDescriptor(descriptor), fflags: Note.exit)
  }

  /// ``processDescriptor(_:)-(CInt)`` with a descriptor type such as swift-system's `FileDescriptor`.
  public static func processDescriptor(_ descriptor: some RawRepresentable<CInt>) -> Self {
    processDescriptor(descriptor.rawValue)
  }

  /// A signal is sent to the process (EVFILT_SIGNAL; contract 6.8). A handler of the program's runs all the same. The
  /// default action is not taken while it is watched; on a BSD it is, so ignore the signal there.
  ///
  /// Refused with EINVAL for what is no signal.
  public static func signal(_ number: CInt) -> Self {
    .init(.signal(number))
  }
}

// MARK: The rest

extension KernelQueue.Registration {
  /// An event that the program itself fires with ``KernelQueue/trigger(_:flags:)``, from any thread (EVFILT_USER;
  /// contract 6.10). Without ``KernelQueue/Options/clear`` it is told again and again once it was fired.
  ///
  /// - Parameters:
  ///   - id: Any number; a queue has user events of its own.
  ///   - flags: The low 24 bits that its event starts with.
  public static func user(_ id: UInt, flags: UInt32 = 0) -> Self {
    .init(.user(id), fflags: flags & Note.userFlags)
  }

  /// File systems are mounted and unmounted (EVFILT_FS; contract 6.11).
  public static func fileSystems(_ events: KernelQueue.FileSystemEvents) -> Self {
    .init(.fileSystems, fflags: events.rawValue)
  }
}
