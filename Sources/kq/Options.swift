import CKqShims

/// A word of the command line.
typealias Word = UnsafeMutablePointer<CChar>

/// The command line, taken apart: options, and the rest in its order.
struct Words {
  var operands: [Word] = []
  /// What stands behind "--": also the last of the operands, where nobody asks.
  var command: [Word] = []
  /// The same in the program's own list of words, which ends with NULL.
  private(set) var commandWords: UnsafeMutablePointer<Word?>
  var count: Int?
  var format = Format.words
  var restarts = false
  var wantsHelp = false
  var wantsVersion = false

  init(_ count: CInt, _ words: UnsafeMutablePointer<Word?>) throws(Misuse) {
    commandWords = words
    let known = [
      option(name: name("count"), has_arg: required_argument, flag: nil, val: letter("n")),
      option(name: name("format"), has_arg: required_argument, flag: nil, val: letter("f")),
      option(name: name("restart"), has_arg: no_argument, flag: nil, val: letter("r")),
      option(name: name("help"), has_arg: no_argument, flag: nil, val: letter("h")),
      option(name: name("version"), has_arg: no_argument, flag: nil, val: letter("V")),
      option(),
    ]
    // The dash makes getopt_long hand over operands too, so options may follow them also where
    // POSIXLY_CORRECT is set.
    while case let found = getopt_long(count, words, "-n:f:rhV", known, nil), found != -1 {
      try take(found)
    }
    // What stands behind "--".
    commandWords = words + Int(tool_option_index())
    for index in Int(tool_option_index())..<max(Int(count), Int(tool_option_index())) {
      command.append(words[index]!)
    }
  }

  /// All operands, for a command to which "--" means nothing but that no options follow.
  var all: [Word] {
    operands + command
  }

  private mutating func take(_ found: CInt) throws(Misuse) {
    switch UnicodeScalar(UInt8(truncatingIfNeeded: found)) {
    case "\u{1}": operands.append(tool_option_argument())
    case "n": count = try positive(tool_option_argument(), "--count")
    case "f": format = try Format(tool_option_argument())
    case "r": restarts = true
    case "h": wantsHelp = true
    case "V": wantsVersion = true
    default: throw Misuse(message: nil)
    }
  }
}

/// How events are said.
enum Format {
  case words, json

  init(_ word: Word) throws(Misuse) {
    if word.says("words") {
      self = .words
    } else if word.says("json") {
      self = .json
    } else {
      throw Misuse(message: "--format is words or json, not '\(String(cString: word))'")
    }
  }
}

/// What the command line asks for.
enum Command {
  case help
  case version
  case demo
  case info
  case watch([Subject], Format, count: Int?)
  case run(Errand)

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
    guard let name = words.all.first else { throw Misuse(message: "nothing to do: start with 'kq demo'") }
    let isRun = name.says("run")
    if words.restarts && !isRun { throw Misuse(message: "only run takes --restart") }
    if words.format == .json && !name.says("watch") { throw Misuse(message: "only watch takes --format") }
    if isRun { return .run(try Errand(words)) }
    if name.says("watch") { return .watch(try Subject.all(words.all.dropFirst()), words.format, count: words.count) }
    if name.says("demo") {
      try alone(words, "demo")
      return .demo
    }
    if name.says("info") {
      try alone(words, "info")
      return .info
    }
    throw Misuse(message: "there is no '\(String(cString: name))'")
  }

  /// Refuses what a command does not take.
  private static func alone(_ words: Words, _ name: String) throws(Misuse) {
    if words.all.count > 1 { throw Misuse(message: "\(name) takes nothing: '\(String(cString: words.all[1]))'") }
    if words.count != nil { throw Misuse(message: "\(name) takes no --count: it ends by itself") }
  }
}

/// What `kq watch` can watch. A new one is a case here, a line in `init`, and one each in `open` and `change`.
enum Subject {
  case timer(milliseconds: Int)
  case read(path: Word)
  case file(path: Word)
  case process(Int)
  case signal(CInt)

  /// Pairs of what it is and which.
  static func all(_ words: ArraySlice<Word>) throws(Misuse) -> [Subject] {
    var subjects: [Subject] = []
    var rest = words
    if rest.isEmpty { throw Misuse(message: "watch what? timer, read, file, process or signal") }
    while let name = rest.popFirst() {
      subjects.append(try Subject(name, rest.popFirst()))
    }
    return subjects
  }

  private init(_ name: Word, _ operand: Word?) throws(Misuse) {
    if name.says("timer") {
      self = .timer(milliseconds: try positive(given(operand, "timer takes MS, a number"), "MS"))
    } else if name.says("read") {
      self = .read(path: try given(operand, "read takes FILE, or - for standard input"))
    } else if name.says("file") {
      self = .file(path: try given(operand, "file takes FILE, which may be a folder"))
    } else if name.says("process") {
      self = .process(try positive(given(operand, "process takes PID, a number"), "PID"))
    } else if name.says("signal") {
      self = .signal(try signalNumber(given(operand, "signal takes SIGNAL, a name such as HUP or a number")))
    } else {
      throw Misuse(
        message: "'\(String(cString: name))' cannot be watched: only timer, read, file, process and signal")
    }
  }
}

/// The operand that there must be.
private func given(_ operand: Word?, _ message: String) throws(Misuse) -> Word {
  guard let operand else { throw Misuse(message: message) }
  return operand
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
