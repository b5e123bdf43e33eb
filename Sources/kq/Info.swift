import CKQueue
import CKqShims

/// `kq info`: what a report of a fault needs to say.
func printInformation() throws(Failure) {
  try printVersion()
  let queue = try Queue()
  let system = System()
  system.introduce()
  say("")
  say("Mode")
  say(line("platform", queue.isLinux ? "linux" : "posix"))
  say(line("closes", try queue.ask(NOTE_INTERPOSED).data == 1 ? seen : unseen))
  for variable in switches { System.sayWhereSet(variable) }
  say("")
  say("What works here")
  let pidfd = tool_pidfd()
  for trial in Trial.all(pidfd) { say(line(trial.name, trial.answer(queue))) }
  // It is this program's; the library has its own.
  if pidfd >= 0 { _ = close(pidfd) }
  say(line("with", system.facilities))
  say("")
  say("Limits")
  system.sayLimits()
}

private var seen: String {
  "seen: the library's close() is the program's"
}

private var unseen: String {
  "not seen: descriptors are looked at before they are believed"
}

private var switches: [StaticString] {
  ["KQUEUE_DEBUG", "KQUEUE_VALIDATE", "KQUEUE_NO_WIPEONFORK", "LD_PRELOAD"]
}

/// A name, dots, and what there is to say of it.
private func line(_ name: String, _ text: String) -> String {
  "  \(name)\(padded("", max(22 - name.utf8.count, 1)))\(text)"
}

extension Queue {
  /// Linux tells of files, so that an interval at which to look at them has no meaning there.
  fileprivate var isLinux: Bool {
    var entry = Kevent(EVFILT_LIBKQUEUE, 0, EV_ADD, fflags: UInt32(NOTE_FILE_POLL_INTERVAL), data: -1)
    var answer = Kevent()
    return kevent(descriptor, &entry, 1, &answer, 1, nil) == 1 && answer.data == Int(ENOSYS)
  }
}

/// What the system says of itself.
private struct System {
  func introduce() {
    say("System")
    say(line("kernel", text { tool_kernel($0, $1) }))
    say(line("C library", text { tool_c_library($0, $1) }))
    let processors = tool_processors()
    say(line("processors", "\(processors)"))
  }

  static func sayWhereSet(_ name: StaticString) {
    let pointer = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
    if let value = getenv(pointer) { say(line("\(name)", String(cString: value))) }
  }

  /// The kernel's kinds of descriptors that the library has open, now that everything is watched. Netlink is the
  /// process connector, for forks; where that is not to be had, perf events stand in.
  var facilities: String {
    text { tool_facilities($0, $1) }
  }

  func sayLimits() {
    say(line("descriptors", "\(tool_descriptor_limit())"))
    sayNumber("watched files", "/proc/sys/fs/inotify/max_user_watches")
    sayNumber("inotify instances", "/proc/sys/fs/inotify/max_user_instances")
    sayNumber("perf_event_paranoid", "/proc/sys/kernel/perf_event_paranoid")
  }

  private func sayNumber(_ name: String, _ path: String) {
    let number = path.withCString { tool_read_number($0) }
    if number != Int.min { say(line(name, "\(number)")) }
  }

  private func text(_ fill: (UnsafeMutablePointer<CChar>, Int) -> Void) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { room in
      room[0] = 0
      fill(room.baseAddress!, room.count)
      return String(cString: room.baseAddress!)
    }
  }
}

/// Something that a system may not let everybody have: a knote that is made, and tells nothing.
private struct Trial {
  let name: String
  let filter: CInt
  let ident: UInt
  let fflags: CInt

  static func all(_ descriptor: CInt) -> [Trial] {
    let folder = UInt(max(tool_open("/"), 0))
    let process = UInt(getpid())
    let socket = UInt(max(CKqShims.socket(AF_UNIX, tool_stream(), 0), 0))
    let pidfd = UInt(max(descriptor, 0))
    let exit = CInt(bitPattern: UInt32(NOTE_EXIT))
    return [
      Trial(name: "READ of a folder", filter: EVFILT_READ, ident: folder, fflags: 0),
      Trial(name: "VNODE", filter: EVFILT_VNODE, ident: folder, fflags: NOTE_WRITE),
      Trial(name: "VNODE OPEN, CLOSE", filter: EVFILT_VNODE, ident: folder, fflags: NOTE_OPEN | NOTE_CLOSE),
      Trial(name: "PROC EXIT", filter: EVFILT_PROC, ident: process, fflags: exit),
      Trial(name: "PROC FORK, EXEC", filter: EVFILT_PROC, ident: process, fflags: NOTE_FORK | NOTE_EXEC),
      Trial(name: "PROCDESC", filter: EVFILT_PROCDESC, ident: pidfd, fflags: exit),
      Trial(name: "SIGNAL", filter: EVFILT_SIGNAL, ident: UInt(tool_signal_number("WINCH")), fflags: 0),
      Trial(name: "TIMER", filter: EVFILT_TIMER, ident: 1, fflags: NOTE_SECONDS),
      Trial(name: "USER", filter: EVFILT_USER, ident: 1, fflags: 0),
      Trial(name: "EXCEPT", filter: EVFILT_EXCEPT, ident: socket, fflags: NOTE_OOB),
      Trial(name: "EMPTY", filter: EVFILT_EMPTY, ident: socket, fflags: 0),
      Trial(name: "FS", filter: EVFILT_FS, ident: 0, fflags: 0),
    ]
  }

  func answer(_ queue: borrowing Queue) -> String {
    do throws(Failure) {
      try queue.change(Kevent(filter, ident, EV_ADD | EV_DISABLE, fflags: UInt32(bitPattern: fflags), data: 1))
      return "yes"
    } catch {
      return "no: \(reason(error.code))"
    }
  }
}
