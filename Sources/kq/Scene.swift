import CKQueue
import CKqShims

/// The five things that the demo watches, and the other ends of them, by which it makes them fire.
struct Scene {
  /// Milliseconds between the timer's expiries.
  static var interval: Int { 200 }
  /// The low 24 bits of a user event's fflags are the program's own.
  static var userFlags: UInt32 { 0x2a }

  let listener: Source
  let pipe: Source
  let file: Source
  let timer = Source(.timer, 1)
  let user = Source(.user, 1)
  private let pipeWriter: CInt
  private let fileWriter: CInt

  init() throws(Failure) {
    var port: UInt16 = 0
    listener = Source(.listener, try check(tool_listen(&port), "listening on 127.0.0.1"), port: port)
    var ends: [CInt] = [-1, -1]
    try check(CKqShims.pipe(&ends), "pipe")
    pipe = Source(.pipe, ends[0])
    pipeWriter = ends[1]
    var reader: CInt = -1
    fileWriter = try check(tool_temporary_file(&reader), "making a temporary file")
    file = Source(.file, reader)
    // An event that is wrong must not leave the demo waiting in accept or read.
    try check(tool_never_wait(listener.descriptor), "fcntl")
    try check(tool_never_wait(pipe.descriptor), "fcntl")
  }

  /// All of it.
  var sources: [Source] {
    [listener, pipe, file, timer, user]
  }

  /// Has a kqueue watch all of it.
  func watch(on queue: borrowing Queue) throws(Failure) {
    for source in sources {
      try queue.change(change(source))
    }
  }

  private func change(_ source: Source) -> Kevent {
    switch source.kind {
    case .timer: Kevent(EVFILT_TIMER, source.ident, EV_ADD, data: Self.interval, tag: source.tag)
    // Without EV_CLEAR a user event, once triggered, would come again and again.
    case .user: Kevent(EVFILT_USER, source.ident, EV_ADD | EV_CLEAR, tag: source.tag)
    default: Kevent(EVFILT_READ, source.ident, EV_ADD, tag: source.tag)
    }
  }

  /// Takes what an event told of. Whoever does not is told again: descriptors are level-triggered.
  func take(_ event: Kevent, of source: Source, on queue: borrowing Queue) throws(Failure) {
    switch source.kind {
    case .listener: _ = close(try check(tool_accept(source.descriptor), "accept"))
    case .pipe, .file: try check(tool_skip(source.descriptor, event.data), "read")
    default: break
    }
    // An end is there for good, so there is nothing left to watch for.
    if event.has(EV_EOF) { try queue.change(Kevent(EVFILT_READ, source.ident, EV_DELETE)) }
  }
}

// MARK: What makes them fire

extension Scene {
  func connect() throws(Failure) {
    _ = close(try check(tool_connect(listener.port), "connect"))
  }

  func writeToPipe(_ text: StaticString) throws(Failure) {
    try write(text, pipeWriter)
  }

  func closePipe() {
    _ = close(pipeWriter)
  }

  func appendToFile(_ text: StaticString) throws(Failure) {
    try write(text, fileWriter)
  }

  private func write(_ text: StaticString, _ descriptor: CInt) throws(Failure) {
    if CKqShims.write(descriptor, text.utf8Start, text.utf8CodeUnitCount) < 0 { throw Failure("write") }
  }

  func trigger(on queue: borrowing Queue) throws(Failure) {
    let fflags = UInt32(NOTE_TRIGGER) | UInt32(NOTE_FFCOPY) | Self.userFlags
    // The filter and the number find the event, so no EV_ADD; but every change sets udata anew.
    try queue.change(Kevent(EVFILT_USER, user.ident, 0, fflags: fflags, tag: user.tag))
  }
}
