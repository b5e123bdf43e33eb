#if KQUEUE_TIME_SIZES
  import CKQueue
  import CKQueueShims
  import KQueueCore

  // kevent() and kevent64() for programs that chose how many bits time_t has: <sys/event.h> has them call these.

  @_cdecl("kevent_time32")
  public func exportedKeventTime32(
    _ kq: CInt, _ changelist: UnsafePointer<Kevent>?, _ nchanges: CInt, _ eventlist: UnsafeMutablePointer<Kevent>?,
    _ nevents: CInt, _ timeout: UnsafePointer<kq_timespec32>?
  ) -> CInt {
    passing(timeout.map { kq_from_timespec32($0) }) {
      exportedKevent(kq, changelist, nchanges, eventlist, nevents, $0)
    }
  }

  @_cdecl("kevent_time64")
  public func exportedKeventTime64(
    _ kq: CInt, _ changelist: UnsafePointer<Kevent>?, _ nchanges: CInt, _ eventlist: UnsafeMutablePointer<Kevent>?,
    _ nevents: CInt, _ timeout: UnsafePointer<kq_timespec64>?
  ) -> CInt {
    passing(timeout.map { kq_from_timespec64($0) }) {
      exportedKevent(kq, changelist, nchanges, eventlist, nevents, $0)
    }
  }

  @_cdecl("kevent64_time32")
  public func exportedKevent64Time32(
    _ kq: CInt, _ changelist: UnsafePointer<kevent64_s>?, _ nchanges: CInt,
    _ eventlist: UnsafeMutablePointer<kevent64_s>?, _ nevents: CInt, _ flags: CUnsignedInt,
    _ timeout: UnsafePointer<kq_timespec32>?
  ) -> CInt {
    passing(timeout.map { kq_from_timespec32($0) }) {
      exportedKevent64(kq, changelist, nchanges, eventlist, nevents, flags, $0)
    }
  }

  @_cdecl("kevent64_time64")
  public func exportedKevent64Time64(
    _ kq: CInt, _ changelist: UnsafePointer<kevent64_s>?, _ nchanges: CInt,
    _ eventlist: UnsafeMutablePointer<kevent64_s>?, _ nevents: CInt, _ flags: CUnsignedInt,
    _ timeout: UnsafePointer<kq_timespec64>?
  ) -> CInt {
    passing(timeout.map { kq_from_timespec64($0) }) {
      exportedKevent64(kq, changelist, nchanges, eventlist, nevents, flags, $0)
    }
  }

  @inline(__always)
  private func passing(_ timeout: timespec?, _ call: (UnsafePointer<timespec>?) -> CInt) -> CInt {
    guard let timeout else { return call(nil) }
    return withUnsafePointer(to: timeout, call)
  }
#endif
