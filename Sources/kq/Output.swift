import CKqShims

/// Prints a line.
func say(_ line: String) {
  tool_print(line)
  tool_print("\n")
}

/// Says lines with the time since it was made in front.
struct Chronicle {
  private let start = tool_now()

  var milliseconds: Int {
    Int((tool_now() - start) / 1_000_000)
  }

  /// Something that happened.
  func event(_ line: String) {
    say("\(padded(seconds(milliseconds), 8)) s  \(line)")
  }

  /// Something that this program does, set off from what it is told.
  func action(_ line: String) {
    say("\(padded(seconds(milliseconds), 8)) s    -- \(line)")
  }
}

/// Milliseconds as seconds: 1.042.
func seconds(_ milliseconds: Int) -> String {
  let fraction = milliseconds % 1000
  let zeroes = fraction < 10 ? "00" : fraction < 100 ? "0" : ""
  return "\(milliseconds / 1000).\(zeroes)\(fraction)"
}

/// Text with spaces in front.
func padded(_ text: String, _ width: Int) -> String {
  var result = ""
  for _ in 0..<max(width - text.utf8.count, 0) { result += " " }
  return result + text
}

/// A number and its noun: 1 byte, 5 bytes.
func counted(_ number: Int, _ noun: String) -> String {
  number == 1 ? "1 \(noun)" : "\(number) \(noun)s"
}

/// A number of times in words.
func times(_ number: Int) -> String {
  switch number {
  case 1: "once"
  case 2: "twice"
  default: "\(number) times"
  }
}

/// 0x2a, as masks are written.
func hexadecimal(_ bits: UInt32) -> String {
  "0x" + String(bits, radix: 16)
}
