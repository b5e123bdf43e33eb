import CKQueue
import CKqShims

/// Something that a kqueue watches, as people call it.
struct Source {
  enum Kind: Int {
    case listener = 1
    case pipe, file, timer, user, socket, terminal, descriptor
    /// Watched for what happens to it, not for what can be read.
    case watched
    case process, signal
  }

  let kind: Kind
  let ident: UInt
  /// Of a listener.
  let port: UInt16

  init(_ kind: Kind, _ number: CInt, port: UInt16 = 0) {
    self.kind = kind
    self.ident = UInt(number)
    self.port = port
  }

  /// A descriptor, whatever it turns out to be.
  init(descriptor: CInt) {
    switch tool_kind(descriptor) {
    case TOOL_KIND_FILE: self.init(.file, descriptor)
    case TOOL_KIND_PIPE: self.init(.pipe, descriptor)
    case TOOL_KIND_SOCKET: self.init(.socket, descriptor)
    case TOOL_KIND_TERMINAL: self.init(.terminal, descriptor)
    default: self.init(.descriptor, descriptor)
    }
  }

  /// A file, for what happens to it.
  init(watched descriptor: CInt) {
    self.init(.watched, descriptor)
  }

  /// Whether an event was the last that there can be.
  func isGone(_ event: Kevent) -> Bool {
    switch kind {
    case .watched: event.fflags & UInt32(NOTE_DELETE | NOTE_REVOKE) != 0
    case .process: event.has(EV_EOF)
    default: false
    }
  }

  /// What the demo puts into udata; 0 is none.
  var tag: Int {
    kind.rawValue
  }

  var descriptor: CInt {
    CInt(truncatingIfNeeded: ident)
  }

  /// pipe 7
  var name: String {
    "\(kind.name) \(ident)"
  }
}

extension Source.Kind {
  var name: String {
    switch self {
    case .listener: "listening socket"
    case .pipe: "pipe"
    case .file, .watched: "file"
    case .timer: "timer"
    case .user: "user event"
    case .socket: "socket"
    case .terminal: "terminal"
    case .descriptor: "descriptor"
    case .process: "process"
    case .signal: "signal"
    }
  }
}
