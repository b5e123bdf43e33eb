import CKQueue
import CKqShims

/// `kq run`: runs a command, and again when a file has changed.
///
/// A change while the command runs is kept for when it has ended; with --restart it is ended first, by SIGKILL where it
/// does not listen. A file that is replaced, as editors do, is opened again under its name.
struct Runner: ~Copyable {
  private let queue: Queue
  private let errand: Errand
  /// Those of the files, by their place; -1 is one that is away.
  private var descriptors: [CInt] = []
  private var child: CInt = 0
  private var runs = 0
  private var status: CInt = 0
  private var hasChanged = false
  /// Whether more changes are waited for a moment: who writes a file cuts it first, and writes it in parts.
  private var isSettling = false
  /// Whether the command was asked to end and has some time left for it.
  private var isEnding = false
  private var signal: CInt = 0

  init(_ errand: Errand, _ queue: consuming Queue) {
    self.errand = errand
    self.queue = queue
  }

  /// Returns what the command's last run returned, or 128 and the signal that ended it or this program.
  mutating func run() throws(Failure) -> CInt {
    try prepare()
    try start()
    while child != 0 || isWanted {
      guard let event = try queue.next() else { continue }
      try take(event)
      if hasChanged && !isSettling && isWanted && child == 0 { try start() }
    }
    return signal == 0 ? status : 128 + signal
  }

  /// Whether the command is to be run once more.
  private var isWanted: Bool {
    signal == 0 && runs < errand.count ?? Int.max
  }
}

extension Runner {
  private mutating func prepare() throws(Failure) {
    for (place, file) in errand.files.enumerated() {
      descriptors.append(try check(tool_open(file), String(cString: file)))
      try watch(place)
    }
    // One that is ignored, as nohup(1) has it, stays so: here, and in the command.
    for name in ["HUP", "INT", "TERM"] {
      let signal = name.withCString { tool_signal_number($0) }
      if tool_is_ignored(signal) == 0 { try queue.change(Kevent(EVFILT_SIGNAL, UInt(signal), EV_ADD)) }
    }
  }
}

// MARK: The command

extension Runner {
  private mutating func start() throws(Failure) {
    hasChanged = false
    runs += 1
    let process = tool_spawn(errand.words, errand.restarts ? 1 : 0)
    guard process > 0 else { throw Failure(String(cString: errand.command[0]), 0 - process) }
    child = process
    try queue.change(Kevent(EVFILT_PROC, UInt(process), EV_ADD, fflags: UInt32(NOTE_EXIT)))
  }

  private mutating func end() throws(Failure) {
    if isEnding {
      isEnding = false
      try queue.change(Kevent(EVFILT_TIMER, endingTimer, EV_DELETE))
    }
    let ending = tool_reap(child)
    let killer = tool_ending_signal(ending)
    status = killer == 0 ? tool_exit_status(ending) : 128 + killer
    child = 0
  }

  /// Asks the command to end, which is told when it has. With --restart it has some time for it.
  private mutating func stop(_ signal: CInt) throws(Failure) {
    if child == 0 { return }
    tool_send(child, errand.restarts ? 1 : 0, signal)
    if !errand.restarts || isEnding { return }
    isEnding = true
    try queue.change(Kevent(EVFILT_TIMER, endingTimer, EV_ADD | EV_ONESHOT, data: Self.grace))
  }

  private mutating func kill() {
    isEnding = false
    let seconds = Self.grace / 1000
    tool_print_error("kq: \(String(cString: errand.command[0])) has not ended in \(seconds) s, and is killed\n")
    tool_send(child, 1, tool_signal_number("KILL"))
  }
}

// MARK: Events

extension Runner {
  /// Milliseconds until a file that was replaced is looked for again.
  private static var patience: Int { 50 }
  /// Milliseconds that changes have to be followed by others.
  private static var settling: Int { 30 }
  /// Milliseconds that a command has to end when it was asked to.
  private static var grace: Int { 5000 }

  /// Timers have the files' places, to look for them again, and these.
  private var settlingTimer: UInt { UInt(errand.files.count) }
  private var endingTimer: UInt { settlingTimer + 1 }

  private mutating func take(_ event: Kevent) throws(Failure) {
    switch CInt(event.filter) {
    case EVFILT_PROC: try end()
    case EVFILT_SIGNAL:
      signal = CInt(truncatingIfNeeded: event.ident)
      try stop(signal)
    case EVFILT_TIMER where event.ident == settlingTimer: try settle()
    case EVFILT_TIMER where event.ident == endingTimer: kill()
    case EVFILT_TIMER: try openAgain(Int(event.ident))
    default: try change(event)
    }
  }

  private mutating func change(_ event: Kevent) throws(Failure) {
    if event.fflags & UInt32(NOTE_DELETE | NOTE_RENAME | NOTE_REVOKE) != 0 { try openAgain(event.tag - 1) }
    try noteChange()
  }

  private mutating func noteChange() throws(Failure) {
    hasChanged = true
    if isSettling { return }
    isSettling = true
    try queue.change(Kevent(EVFILT_TIMER, settlingTimer, EV_ADD | EV_ONESHOT, data: Self.settling))
  }

  private mutating func settle() throws(Failure) {
    isSettling = false
    if errand.restarts && isWanted { try stop(tool_signal_number("TERM")) }
  }

  private func watch(_ place: Int) throws(Failure) {
    // Who reads and changes the attributes of a file is none of the command's business.
    let changes = NOTE_WRITE | NOTE_EXTEND | NOTE_TRUNCATE | NOTE_DELETE | NOTE_RENAME | NOTE_REVOKE
    try queue.change(
      Kevent(
        EVFILT_VNODE, UInt(descriptors[place]), EV_ADD | EV_CLEAR, fflags: UInt32(changes), tag: place + 1))
  }

  /// Takes what has the name now; where nothing has, looks again in a while.
  private mutating func openAgain(_ place: Int) throws(Failure) {
    let isBack = descriptors[place] < 0
    if !isBack { _ = close(descriptors[place]) }
    descriptors[place] = tool_open(errand.files[place])
    if descriptors[place] >= 0 {
      try watch(place)
      if isBack { try noteChange() }
    } else {
      try queue.change(Kevent(EVFILT_TIMER, UInt(place), EV_ADD | EV_ONESHOT, data: Self.patience))
    }
  }
}
