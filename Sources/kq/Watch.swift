import CKQueue
import CKqShims

/// `kq watch`: says events as they come, for ever or `count` of them, or until the source is at its end.
func watch(_ subject: Subject, count: Int?) throws(Failure) {
  let source = try subject.open()
  let queue = try Queue()
  try subject.register(source, on: queue)
  let chronicle = Chronicle()
  var left = count ?? Int.max
  while left > 0 {
    guard let event = try queue.next() else { continue }
    chronicle.event(describe(event, source))
    if event.has(EV_ERROR) { throw Failure(source.name, CInt(truncatingIfNeeded: event.data)) }
    if event.filter == Int16(EVFILT_READ) {
      // Reads what the event told of, so that the next one is about something new.
      if try check(tool_skip(source.descriptor, event.data), "read") == 0 { return }
    }
    if source.isGone(event) { return }
    left -= 1
  }
}

extension Subject {
  /// What is watched, opened where it has to be.
  func open() throws(Failure) -> Source {
    switch self {
    case .timer: Source(.timer, 1)
    case .read(let path): Source(descriptor: try descriptor(path))
    case .file(let path): Source(watched: try check(tool_open(path), String(cString: path)))
    case .process(let process): Source(.process, CInt(clamping: process))
    case .signal(let signal): Source(.signal, signal)
    }
  }

  private func descriptor(_ path: Word) throws(Failure) -> CInt {
    guard path.says("-") else { return try check(tool_open(path), String(cString: path)) }
    // A program can be started without one; then the kqueue would get its number.
    try check(tool_is_open(0), "standard input")
    return 0
  }

  func register(_ source: Source, on queue: borrowing Queue) throws(Failure) {
    do throws(Failure) {
      try queue.change(change(source))
    } catch {
      guard case .process = self, error.code == ENOTSUP else { throw error }
      // Not every system lets everybody see forks and execs.
      try queue.change(Kevent(EVFILT_PROC, source.ident, EV_ADD, fflags: UInt32(NOTE_EXIT)))
      say("This system does not tell forks and execs; only the exit is watched.")
    }
  }

  /// The change that adds it to a kqueue.
  private func change(_ source: Source) -> Kevent {
    switch self {
    case .timer(let milliseconds): Kevent(EVFILT_TIMER, source.ident, EV_ADD, data: milliseconds)
    case .read: Kevent(EVFILT_READ, source.ident, EV_ADD)
    case .file: Kevent(EVFILT_VNODE, source.ident, EV_ADD | EV_CLEAR, fflags: allChanges)
    case .process:
      Kevent(EVFILT_PROC, source.ident, EV_ADD, fflags: UInt32(NOTE_EXIT) | UInt32(NOTE_FORK) | UInt32(NOTE_EXEC))
    case .signal: Kevent(EVFILT_SIGNAL, source.ident, EV_ADD)
    }
  }
}
