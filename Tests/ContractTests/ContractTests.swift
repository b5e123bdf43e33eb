import Foundation
import Testing

/// The numbered statements of the contract, a process each, through the C ABI of the ordinary build, on every platform
/// that runs here.
///
/// The cases are C (Tests/C/Contract), because a C program is what must not notice the difference, and because
/// ctest runs the same ones against the installed library.
@Suite struct ContractTests {
  /// The library on a platform, linked into the program with the cases.
  enum Subject: String, CaseIterable, Sendable {
    case linux = "contract"
    case posix = "contract-posix"
  }

  /// A statement, such as C-145, and the number of cases that check it.
  struct Statement: CustomTestStringConvertible, Sendable {
    let name: String
    let titles: [String]
    var testDescription: String { "\(name) \(titles.joined(separator: "; "))" }
  }

  static let statements: [Statement] = {
    var titles: [String: [String]] = [:]
    var order: [String] = []
    for line in (try? runNow(.linux, ["--list"]))?.output.split(separator: "\n") ?? [] {
      let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
      if titles[parts[0]] == nil { order.append(parts[0]) }
      titles[parts[0], default: []].append(parts[1])
    }
    return order.filter { !amidThreads.contains($0) }.map { Statement(name: $0, titles: titles[$0]!) }
  }()

  /// A gate: these fork while other threads are inside the library. In the ordinary build those may hold locks of the
  /// Swift runtime, which the child then waits for without end; the installed library has no such runtime, and ctest
  /// runs them against it, in every mode.
  static let amidThreads = ["C-137", "C-138", "C-140", "F5"]

  @Test(arguments: Subject.allCases, statements) func holds(_ subject: Subject, _ statement: Statement) async throws {
    let result = try await Self.run(subject, [statement.name])
    #expect(result.status == 0, "\(result.output)")
  }

  /// Closing and forking once more where the program's closes go unseen, as in a library that was loaded with dlopen.
  @Test(arguments: lifecycle) func holdsWhereClosesGoUnseen(_ statement: Statement) async throws {
    let result = try await Self.run(.linux, [statement.name], ["KQUEUE_VALIDATE": "1"])
    #expect(result.status == 0, "\(result.output)")
  }

  static let lifecycle = statements.filter { ("C-111"..."C-144").contains($0.name) || $0.name.hasPrefix("F") }

  /// A signal handler may interrupt the runtime of the ordinary build where it allocates, or makes what it uses first.
  @Test(arguments: Subject.allCases) func handlersCallNothingOfTheRuntime(_ subject: Subject) throws {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let script = tests.appendingPathComponent("Scripts/handler.sh").path
    let result = try Self.runNow(URL(fileURLWithPath: "/bin/sh"), [script, Self.program(subject).path])
    #expect(result.status == 0 || result.status == 77, "\(result.output)")
  }

  @Test func casesAreThere() {
    #expect(Self.statements.count > 250)
    #expect(Self.lifecycle.count >= 40)
  }

  /// The cases mostly wait, so there may be more of them than processors.
  private static let turns = Turns(8)

  private static func run(
    _ subject: Subject, _ arguments: [String], _ environment: [String: String] = [:]
  ) async throws -> Result {
    try await turns.take {
      try await withCheckedThrowingContinuation { continuation in
        // Not on one of the threads that tests run on, of which there are few.
        Thread.detachNewThread {
          continuation.resume(with: Swift.Result { try runNow(subject, arguments, environment) })
        }
      }
    }
  }

  struct Result: Sendable {
    let status: Int32
    let output: String
  }

  /// A program with the cases, which the build puts beside the tests.
  private static func program(_ subject: Subject) -> URL {
    URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent(subject.rawValue)
  }

  private static func runNow(
    _ subject: Subject, _ arguments: [String], _ environment: [String: String] = [:]
  ) throws -> Result {
    try runNow(program(subject), arguments, environment)
  }

  private static func runNow(
    _ program: URL, _ arguments: [String], _ environment: [String: String] = [:]
  ) throws -> Result {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = program
    process.arguments = arguments
    // What is not optimised takes longer, and other tests run beside it.
    let slow = ["KQUEUE_TEST_SLOWNESS": "6"]
    process.environment = ProcessInfo.processInfo.environment.merging(slow) { $1 }.merging(environment) { $1 }
    process.standardOutput = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Result(status: process.terminationStatus, output: String(decoding: output, as: UTF8.self))
  }
}

/// Lets so many go on at a time.
actor Turns {
  private var free: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  init(_ count: Int) {
    free = count
  }

  nonisolated func take<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
    await begin()
    do {
      let value = try await body()
      await end()
      return value
    } catch {
      await end()
      throw error
    }
  }

  private func begin() async {
    if free > 0 {
      free -= 1
    } else {
      await withCheckedContinuation { waiting.append($0) }
    }
  }

  /// A turn goes to who has waited longest.
  private func end() {
    if waiting.isEmpty {
      free += 1
    } else {
      waiting.removeFirst().resume()
    }
  }
}
