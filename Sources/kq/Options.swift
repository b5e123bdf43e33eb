import CKqShims

/// A word of the command line.
typealias Word = UnsafeMutablePointer<CChar>

/// The command line, taken apart: options, and the rest in its order.
struct Words {
  var operands: [Word] = []
  var count: Int?
  var wantsHelp = false
  var wantsVersion = false

  init(_ count: CInt, _ words: UnsafeMutablePointer<Word?>) throws(Misuse) {
    let known = [
      option(name: name("count"), has_arg: required_argument, flag: nil, val: letter("n")),
      option(name: name("help"), has_arg: no_argument, flag: nil, val: letter("h")),
      option(name: name("version"), has_arg: no_argument, flag: nil, val: letter("V")),
      option(),
    ]
    // The dash makes getopt_long hand over operands too, so options may follow them also where
    // POSIXLY_CORRECT is set.
    while case let found = getopt_long(count, words, "-n:hV", known, nil), found != -1 {
      try take(found)
    }
    // What stands behind "--".
    for index in Int(tool_option_index())..<max(Int(count), Int(tool_option_index())) {
      operands.append(words[index]!)
    }
  }

  private mutating func take(_ found: CInt) throws(Misuse) {
    switch UnicodeScalar(UInt8(truncatingIfNeeded: found)) {
    case "\u{1}": operands.append(tool_option_argument())
    case "n": count = try positive(tool_option_argument(), "--count")
    case "h": wantsHelp = true
    case "V": wantsVersion = true
    default: throw Misuse(message: nil)
    }
  }
}

/// What the command line asks for.
enum Command {
  case help
  case version
  case demo
  case watch(Subject, count: Int?)

  init(_ words: Words) throws(Misuse) {
    if words.wantsHelp {
      self = .help
    } else if words.wantsVersion {
      self = .version
    } else {
      self = try Self.named(words)
    }
  }

  private static func named(_ words: Words) throws(Misuse) -> Command {
    guard let name = words.operands.first else { throw Misuse(message: "nothing to do: start with 'kq demo'") }
    let rest = words.operands.dropFirst()
    if name.says("demo") {
      if let extra = rest.first { throw Misuse(message: "demo takes nothing: '\(String(cString: extra))'") }
      if words.count != nil { throw Misuse(message: "demo takes no --count: it ends by itself") }
      return .demo
    }
    if name.says("watch") { return .watch(try Subject(rest), count: words.count) }
    throw Misuse(message: "there is no '\(String(cString: name))'")
  }
}

/// What `kq watch` can watch. A new one is a case here, a line in `init`, and one each in `open` and `change`.
enum Subject {
  case timer(milliseconds: Int)
  case read(path: Word)
  case file(path: Word)
  case process(Int)
  case signal(CInt)

  init(_ words: ArraySlice<Word>) throws(Misuse) {
    guard let name = words.first else { throw Misuse(message: "watch what? timer, read, file, process or signal") }
    let operands = words.dropFirst()
    if name.says("timer") {
      self = .timer(milliseconds: try positive(only(operands, "timer takes MS, a number"), "MS"))
    } else if name.says("read") {
      self = .read(path: try only(operands, "read takes FILE, or - for standard input"))
    } else if name.says("file") {
      self = .file(path: try only(operands, "file takes FILE, which may be a folder"))
    } else if name.says("process") {
      self = .process(try positive(only(operands, "process takes PID, a number"), "PID"))
    } else if name.says("signal") {
      self = .signal(try signalNumber(only(operands, "signal takes SIGNAL, a name such as HUP or a number")))
    } else {
      throw Misuse(
        message: "'\(String(cString: name))' cannot be watched: only timer, read, file, process and signal")
    }
  }
}

/// The one operand that there must be.
private func only(_ operands: ArraySlice<Word>, _ message: String) throws(Misuse) -> Word {
  guard operands.count == 1 else { throw Misuse(message: message) }
  return operands[operands.startIndex]
}

private func signalNumber(_ word: Word) throws(Misuse) -> CInt {
  let number = tool_signal_number(word)
  if number > 0 { return number }
  return CInt(clamping: try positive(word, "SIGNAL, where it is no name,"))
}

private func positive(_ word: Word, _ name: String) throws(Misuse) -> Int {
  let text = String(cString: word)
  guard let number = Int(text), number > 0 else {
    throw Misuse(message: "\(name) must be a number above 0, not '\(text)'")
  }
  return number
}

extension Word {
  /// Compared as bytes: String's `==` knows all of Unicode, which would have to be linked in.
  func says(_ text: String) -> Bool {
    strcmp(self, text) == 0
  }
}

// MARK: getopt_long's table

private func name(_ text: StaticString) -> UnsafePointer<CChar> {
  UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}

private func letter(_ scalar: UnicodeScalar) -> CInt {
  CInt(scalar.value)
}
