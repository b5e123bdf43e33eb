import CKQueue
import CKqShims

/// The changes of a file that `kq watch file` tells: all but who opens, reads and closes it.
var allChanges: UInt32 {
  var mask: UInt32 = 0
  for change in 0..<changeCount { mask |= changeWords(change).0 }
  return mask
}

private var changeCount: Int { 8 }

private func changeWords(_ change: Int) -> (UInt32, StaticString) {
  switch change {
  case 0: (UInt32(NOTE_WRITE), "was written to")
  case 1: (UInt32(NOTE_EXTEND), "grew")
  case 2: (UInt32(NOTE_TRUNCATE), "was cut")
  case 3: (UInt32(NOTE_ATTRIB), "has other attributes")
  case 4: (UInt32(NOTE_LINK), "has another number of links")
  case 5: (UInt32(NOTE_RENAME), "was renamed")
  case 6: (UInt32(NOTE_DELETE), "was deleted")
  default: (UInt32(NOTE_REVOKE), "was taken away")
  }
}

/// Bits of EVFILT_VNODE in words.
func changes(_ bits: UInt32) -> String {
  var words = ""
  for change in 0..<changeCount where bits & changeWords(change).0 != 0 {
    words += words.isEmpty ? "" : ", "
    words += "\(changeWords(change).1)"
  }
  return words
}

/// Bits of EVFILT_PROC in words.
func describeProcess(_ event: Kevent, _ source: Source) -> String {
  var words = source.name
  var separator = " "
  func add(_ text: String) {
    words += separator + text
    separator = ", and "
  }
  if event.fflags & UInt32(NOTE_FORK) != 0 { add("forked") }
  if event.fflags & UInt32(NOTE_EXEC) != 0 { add("runs another program") }
  if event.fflags & UInt32(NOTE_EXIT) != 0 { add(ending(CInt(truncatingIfNeeded: event.data))) }
  return words
}

/// A wait status in words.
private func ending(_ status: CInt) -> String {
  let signal = tool_ending_signal(status)
  return signal == 0
    ? "exited with status \(tool_exit_status(status))" : "was killed by signal \(signal) \(signalName(signal))"
}

/// A signal's name in brackets and a space behind, where it has one.
func signalName(_ signal: CInt) -> String {
  guard let name = tool_signal_name(signal) else { return "" }
  return "(\(String(cString: name))) "
}
