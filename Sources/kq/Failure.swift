import CKqShims

/// A call that failed, and why.
struct Failure: Error {
  let what: String
  let code: CInt

  /// What errno says of the call just made.
  init(_ what: String) {
    self.init(what, tool_errno())
  }

  init(_ what: String, _ code: CInt) {
    self.what = what
    self.code = code
  }
}

/// A command line that asks for nothing this tool has.
struct Misuse: Error {
  /// Nil where getopt_long has told it already.
  let message: String?
}

/// Hands on what a libc call returned unless that is -1.
/// - Throws: the errno it left.
@discardableResult
func check(_ result: CInt, _ what: String) throws(Failure) -> CInt {
  guard result >= 0 else { throw Failure(what) }
  return result
}

/// - Throws: where anything that was printed did not get out: a full disk, say, or a reader that has gone.
func checkOutput() throws(Failure) {
  try check(tool_flush(), "writing the output")
}

func complain(_ failure: Failure) -> CInt {
  tool_print_error("kq: \(failure.what): \(reason(failure.code))\n")
  return Status.failure
}

func complain(_ misuse: Misuse) -> CInt {
  if let message = misuse.message { tool_print_error("kq: \(message)\n") }
  tool_print_error("Try 'kq --help' for what there is.\n")
  return Status.misuse
}

/// An errno in words.
func reason(_ code: CInt) -> String {
  guard let text = strerror(code) else { return "error \(code)" }
  return String(cString: text)
}
