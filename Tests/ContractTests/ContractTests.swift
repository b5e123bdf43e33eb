import Foundation
import Testing

/// The numbered statements of the contract, a process each, through the C ABI of the ordinary build.
///
/// The cases are C (Tests/C/Contract), because a C program is what must not notice the difference, and because
/// ctest runs the same ones against the installed library.
@Suite struct ContractTests {
  /// A statement, such as C-145, and the number of cases that check it.
  struct Statement: CustomTestStringConvertible, Sendable {
    let name: String
    let titles: [String]
    var testDescription: String { "\(name) \(titles.joined(separator: "; "))" }
  }

  static let statements: [Statement] = {
    var titles: [String: [String]] = [:]
    var order: [String] = []
    for line in run(["--list"]).output.split(separator: "\n") {
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

  @Test(arguments: statements) func holds(_ statement: Statement) {
    let result = Self.run([statement.name])
    #expect(result.status == 0, "\(result.output)")
  }

  /// Closing and forking once more where the program's closes go unseen, as in a library that was loaded with dlopen.
  @Test(arguments: lifecycle) func holdsWhereClosesGoUnseen(_ statement: Statement) {
    let result = Self.run([statement.name], ["KQUEUE_VALIDATE": "1"])
    #expect(result.status == 0, "\(result.output)")
  }

  static let lifecycle = statements.filter { ("C-111"..."C-144").contains($0.name) || $0.name.hasPrefix("F") }

  @Test func casesAreThere() {
    #expect(Self.statements.count > 250)
    #expect(Self.lifecycle.count >= 40)
  }

  /// Runs the program with the cases, which the build puts beside the tests.
  static func run(
    _ arguments: [String], _ environment: [String: String] = [:]
  ) -> (status: Int32, output: String) {
    let folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    let process = Process()
    let pipe = Pipe()
    process.executableURL = folder.appendingPathComponent("contract")
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardOutput = pipe
    do { try process.run() } catch { return (127, "\(error)") }
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}
