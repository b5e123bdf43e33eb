import CKqShims

/// What `kq run` is to do: a command, and the files on whose change it is run.
struct Errand {
  var files: [Word]
  let command: [Word]
  /// The same as C has it, with NULL at the end; they are the program's own words, which stay.
  let words: UnsafeMutablePointer<Word?>
  let restarts: Bool
  /// How often the command is run at most.
  let count: Int?

  init(_ words: Words) throws(Misuse) {
    files = Array(words.operands.dropFirst())
    command = words.command
    self.words = words.commandWords
    restarts = words.restarts
    count = words.count
    if command.isEmpty { throw Misuse(message: "run what? The command stands behind --") }
    if files.isEmpty { files = readLines() }
    if files.isEmpty { throw Misuse(message: "run when? Files are named before --, or on standard input, a line each") }
  }
}

/// Standard input, a file a line, as find(1) prints them.
private func readLines() -> [Word] {
  var lines: [Word] = []
  while let line = tool_read_line() { lines.append(line) }
  return lines
}
