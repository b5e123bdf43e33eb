import CKQueue

/// An event as a line of JSON: what came, as the numbers and names that kevent() gives, and in words.
func json(_ event: Kevent, _ source: Source, what: String, at milliseconds: Int) -> String {
  var line = "{\"time\":\(seconds(milliseconds)),\"source\":\(quoted(source.kind.name))"
  line += ",\"what\":\(quoted(what)),\"ident\":\(event.ident),\"filter\":\(quoted(filterName(event.filter)))"
  line += ",\"flags\":\(list(names(of: UInt32(event.flags), flagNames)))"
  line += ",\"fflags\":\(event.fflags),\"notes\":\(list(noteNames(event)))"
  line += ",\"data\":\(event.data),\"text\":\(quoted(describe(event, source)))}"
  return line
}

private func filterName(_ filter: Int16) -> String {
  switch CInt(filter) {
  case EVFILT_READ: "EVFILT_READ"
  case EVFILT_VNODE: "EVFILT_VNODE"
  case EVFILT_PROC: "EVFILT_PROC"
  case EVFILT_SIGNAL: "EVFILT_SIGNAL"
  case EVFILT_TIMER: "EVFILT_TIMER"
  default: "\(filter)"
  }
}

private typealias Name = (bit: UInt32, name: StaticString)

private var flagNames: [Name] {
  [(UInt32(EV_EOF), "EV_EOF"), (UInt32(EV_ERROR), "EV_ERROR"), (UInt32(EV_ONESHOT), "EV_ONESHOT")]
}

private func noteNames(_ event: Kevent) -> [StaticString] {
  switch CInt(event.filter) {
  case EVFILT_VNODE:
    names(
      of: event.fflags,
      [
        (UInt32(NOTE_DELETE), "NOTE_DELETE"), (UInt32(NOTE_WRITE), "NOTE_WRITE"), (UInt32(NOTE_EXTEND), "NOTE_EXTEND"),
        (UInt32(NOTE_ATTRIB), "NOTE_ATTRIB"), (UInt32(NOTE_LINK), "NOTE_LINK"), (UInt32(NOTE_RENAME), "NOTE_RENAME"),
        (UInt32(NOTE_REVOKE), "NOTE_REVOKE"), (UInt32(NOTE_TRUNCATE), "NOTE_TRUNCATE"),
      ])
  case EVFILT_PROC:
    names(
      of: event.fflags,
      [(UInt32(NOTE_EXIT), "NOTE_EXIT"), (UInt32(NOTE_FORK), "NOTE_FORK"), (UInt32(NOTE_EXEC), "NOTE_EXEC")])
  default: []
  }
}

private func names(of bits: UInt32, _ known: [Name]) -> [StaticString] {
  var found: [StaticString] = []
  for one in known where bits & one.bit != 0 { found.append(one.name) }
  return found
}

private func list(_ names: [StaticString]) -> String {
  var text = "["
  for name in names {
    text += text.utf8.count > 1 ? "," : ""
    text += "\"\(name)\""
  }
  return text + "]"
}

/// A string of JSON. A path may be any bytes; String has made those that are no UTF-8 legible already.
func quoted(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\n": result += "\\n"
    case "\t": result += "\\t"
    default:
      if scalar.value < 0x20 {
        result += "\\u00\(scalar.value < 0x10 ? "0" : "")\(String(scalar.value, radix: 16))"
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
  }
  return result + "\""
}
