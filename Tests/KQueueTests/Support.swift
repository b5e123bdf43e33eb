import Foundation
import KQueue
import Testing

typealias Event = KernelQueue.Event
typealias Errno = KernelQueue.Errno

extension KernelQueue {
  /// The events there are within five seconds, or those of the time that is given.
  func events(within timeout: Duration = .seconds(5), applying changes: [Change] = []) throws -> [Event] {
    var buffer = EventBuffer(capacity: 16)
    try wait(into: &buffer, applying: changes, timeout: timeout)
    return Array(buffer.events)
  }

  func sources(within timeout: Duration = .seconds(5)) throws -> [Event.Source] {
    try events(within: timeout).map(\.source)
  }
}

/// A pair of connected sockets, or the ends of a pipe, closed at the end.
final class Pair {
  private(set) var one: CInt = -1
  private(set) var other: CInt = -1

  init(_ make: (UnsafeMutablePointer<CInt>) -> CInt) {
    var ends: [CInt] = [-1, -1]
    precondition(make(&ends) == 0)
    (one, other) = (ends[0], ends[1])
  }

  /// Close-on-exec from birth: a program that another test starts must not keep one open.
  static var sockets: Pair {
    Pair { socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, $0) }
  }

  static var pipe: Pair { Pair { Glibc.pipe($0) } }

  func send(_ text: String) {
    precondition(write(one, text, text.utf8.count) == text.utf8.count)
  }

  func closeOne() {
    close(one)
    one = -1
  }

  func closeOther() {
    close(other)
    other = -1
  }

  deinit {
    if other >= 0 { close(other) }
    if one >= 0 { close(one) }
  }
}

/// A file of its own, closed and removed at the end.
final class TemporaryFile {
  let path = FileManager.default.temporaryDirectory.appendingPathComponent("kqueue-\(UUID().uuidString)").path
  let descriptor: CInt

  init() {
    descriptor = open(path, O_RDWR | O_CREAT, 0o600)
    precondition(descriptor >= 0)
  }

  deinit {
    close(descriptor)
    unlink(path)
  }
}

/// A program of this package, which the build puts beside the tests.
struct Program {
  let process = Process()
  let output = Pipe()

  init(_ name: String, _ arguments: [String] = []) throws {
    let folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    process.executableURL = folder.appendingPathComponent(name)
    process.arguments = arguments
    process.standardOutput = output
    try process.run()
    let process = process
    // Whatever it waits for: the tests are not to wait as well.
    DispatchQueue.global().asyncAfter(deadline: .now() + 300) { if process.isRunning { process.terminate() } }
  }

  /// What it prints, up to and without the next end of line.
  func line() -> String {
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while read(output.fileHandleForReading.fileDescriptor, &byte, 1) == 1 && byte != 10 { line.append(byte) }
    return String(decoding: line, as: UTF8.self)
  }

  func result() -> (status: CInt, output: String) {
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: text, as: UTF8.self))
  }
}

/// Runs a body in a task that must end by itself within a minute, which a busy machine may need.
func bounded<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
  try await withThrowingTaskGroup(of: Result?.self) { group in
    group.addTask { try await body() }
    group.addTask {
      try await Task.sleep(for: .seconds(60))
      return nil
    }
    let first = try await group.next()!
    group.cancelAll()
    return try #require(first, "not done within a minute")
  }
}
