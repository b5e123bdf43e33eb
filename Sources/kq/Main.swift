import CKqShims

// The entry point. Embedded Swift has no CommandLine, and the ordinary build wants its own `main`.
#if hasFeature(Embedded)
  @_cdecl("main")
  public func main(_ count: CInt, _ words: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
    run(count, words)
  }
#else
  @main
  struct Main {
    static func main() {
      exit(run(CommandLine.argc, CommandLine.unsafeArgv))
    }
  }
#endif

/// Exit statuses, as `kq --help` tells them.
enum Status {
  static var success: CInt { 0 }
  static var failure: CInt { 1 }
  static var misuse: CInt { 2 }
}

/// The whole program: what the command line says is done. Returns the exit status.
func run(_ count: CInt, _ words: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  tool_line_buffered()
  let command: Command
  do throws(Misuse) {
    command = try Command(Words(count, words))
  } catch {
    return complain(error)
  }
  do throws(Failure) {
    let status = try perform(command)
    try checkOutput()
    return status
  } catch {
    return complain(error)
  }
}

private func perform(_ command: Command) throws(Failure) -> CInt {
  switch command {
  case .help: printHelp()
  case .version: try printVersion()
  case .demo:
    var demo = Demo(queue: try Queue(), scene: try Scene())
    return try demo.run() ? Status.success : Status.failure
  case .info: try printInformation()
  case .watch(let subjects, let format, let count):
    // Opened before the kqueue is made, which else could get the number of a standard input that is not there.
    let sources = try Subject.open(subjects)
    var watcher = Watcher(subjects, sources, format, try Queue())
    try watcher.run(count: count)
  case .run(let errand):
    var runner = Runner(errand, try Queue())
    return try runner.run()
  }
  return Status.success
}
