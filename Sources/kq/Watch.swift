import CKQueue
import CKqShims

/// `kq watch`: says events as they come, for ever or `count` of them, or until every source is at its end.
struct Watcher: ~Copyable {
  private let queue: Queue
  private let chronicle = Chronicle()
  private let format: Format
  private let subjects: [Subject]
  private let sources: [Source]
  /// By the place in `sources`.
  private var isWatched: [Bool] = []

  init(_ subjects: [Subject], _ sources: [Source], _ format: Format, _ queue: consuming Queue) {
    self.subjects = subjects
    self.sources = sources
    self.format = format
    self.queue = queue
  }

  mutating func run(count: Int?) throws(Failure) {
    try register()
    introduce()
    var left = count ?? Int.max
    while left > 0 && isWatched.contains(true) {
      guard let event = try queue.next() else { continue }
      try take(event, of: event.tag - 1)
      left -= 1
    }
  }

  private mutating func register() throws(Failure) {
    for (place, subject) in subjects.enumerated() {
      // A process that is named twice is one knote.
      let isNew = !sources[..<place].contains { $0.kind == sources[place].kind && $0.ident == sources[place].ident }
      isWatched.append(isNew)
      if !isNew { continue }
      if !(try subject.register(sources[place], on: queue, tag: place + 1)) && format == .words {
        say("This system does not tell forks and execs; only the exit is watched.")
      }
    }
  }

  /// Where there are several, which number is what.
  private func introduce() {
    guard format == .words && sources.count > 1 else { return }
    for (place, source) in sources.enumerated() where isWatched[place] {
      say("\(source.name) is \(subjects[place].text)")
    }
  }

  private mutating func take(_ event: Kevent, of place: Int) throws(Failure) {
    let source = sources[place]
    switch format {
    case .words: chronicle.event(describe(event, source))
    case .json: say(json(event, source, what: subjects[place].text, at: chronicle.milliseconds))
    }
    // Where nobody reads what is said any more, nothing is left to do.
    try checkOutput()
    if event.has(EV_ERROR) { throw Failure(source.name, CInt(truncatingIfNeeded: event.data)) }
    // Reads what the event told of, so that the next one is about something new.
    var isAtEnd = false
    if event.filter == Int16(EVFILT_READ) {
      isAtEnd = try check(tool_skip(source.descriptor, event.data), subjects[place].text) == 0
    }
    if isAtEnd || source.isGone(event) { try leave(event, place) }
  }

  /// What is over must not be told again while others are waited for.
  private mutating func leave(_ event: Kevent, _ place: Int) throws(Failure) {
    isWatched[place] = false
    if event.flags & UInt16(EV_ONESHOT) == 0 {
      try queue.change(Kevent(CInt(event.filter), event.ident, EV_DELETE))
    }
  }
}

extension Subject {
  static func open(_ subjects: [Subject]) throws(Failure) -> [Source] {
    var sources: [Source] = []
    for subject in subjects { sources.append(try subject.open(CInt(sources.count + 1))) }
    return sources
  }

  /// What is watched, opened where it has to be.
  private func open(_ number: CInt) throws(Failure) -> Source {
    switch self {
    case .timer: Source(.timer, number)
    case .read(let path): Source(descriptor: try descriptor(path))
    case .file(let path): Source(watched: try check(tool_open(path), String(cString: path)))
    case .process(let process): Source(.process, CInt(clamping: process))
    case .signal(let signal): Source(.signal, signal)
    }
  }

  private func descriptor(_ path: Word) throws(Failure) -> CInt {
    guard path.says("-") else { return try check(tool_open(path), String(cString: path)) }
    try check(tool_is_open(0), "standard input")
    return 0
  }

  /// As the command line has it.
  var text: String {
    switch self {
    case .timer(let milliseconds): "every \(milliseconds) ms"
    case .read(let path), .file(let path): String(cString: path)
    case .process(let process): "\(process)"
    case .signal(let signal): tool_signal_name(signal).map { String(cString: $0) } ?? "\(signal)"
    }
  }

  /// What a failure is told of: a file has a name that people know.
  private func name(_ source: Source) -> String {
    switch self {
    case .read, .file: text
    default: source.name
    }
  }

  /// Returns whether all of it is watched: not every system lets everybody see forks and execs.
  func register(_ source: Source, on queue: borrowing Queue, tag: Int) throws(Failure) -> Bool {
    do throws(Failure) {
      try queue.change(change(source, tag), of: name(source))
      return true
    } catch {
      guard case .process = self, error.code == ENOTSUP else { throw error }
      let exit = Kevent(EVFILT_PROC, source.ident, EV_ADD, fflags: UInt32(NOTE_EXIT), tag: tag)
      try queue.change(exit, of: source.name)
      return false
    }
  }

  /// The change that adds it to a kqueue.
  private func change(_ source: Source, _ tag: Int) -> Kevent {
    switch self {
    case .timer(let milliseconds): Kevent(EVFILT_TIMER, source.ident, EV_ADD, data: milliseconds, tag: tag)
    case .read: Kevent(EVFILT_READ, source.ident, EV_ADD, tag: tag)
    case .file: Kevent(EVFILT_VNODE, source.ident, EV_ADD | EV_CLEAR, fflags: allChanges, tag: tag)
    case .process:
      Kevent(
        EVFILT_PROC, source.ident, EV_ADD, fflags: UInt32(NOTE_EXIT) | UInt32(NOTE_FORK) | UInt32(NOTE_EXEC), tag: tag)
    case .signal: Kevent(EVFILT_SIGNAL, source.ident, EV_ADD, tag: tag)
    }
  }
}
