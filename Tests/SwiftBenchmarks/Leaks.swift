import Glibc
import KQueue

/// What is left of queues and iterations that have ended, of all the ways in which they end.
enum Leaks {
  static func descriptors() async throws -> Double {
    try await left(in: "/proc/self/fd")
  }

  /// The pool of the tasks has threads of its own, a few more or less: one of the module's that did not end would be
  /// there a hundred times.
  static func threads() async throws -> Double {
    try await left(in: "/proc/self/task")
  }

  /// How many more there are after the rounds than before; a thread takes a moment to end.
  private static func left(in folder: String) async throws -> Double {
    // Has the runtime make what it needs for itself.
    try await Task.sleep(for: .milliseconds(1))
    let before = entries(folder)
    for _ in 0..<100 { try await useQueues() }
    for _ in 0..<200 where entries(folder) > before { try await Task.sleep(for: .milliseconds(10)) }
    return Double(entries(folder) - before)
  }

  private static func useQueues() async throws {
    try await breakOut()
    try await cancel()
    try await closeWhileIterated()
    let dropped = try KernelQueue()
    try dropped.add(.timer(1, every: .seconds(1)))
  }

  private static func breakOut() async throws {
    let queue = try KernelQueue()
    try queue.add(.timer(1, every: .milliseconds(1)))
    for try await _ in queue.events { break }
    try queue.close()
  }

  private static func cancel() async throws {
    let queue = try KernelQueue()
    let events = queue.events
    let task = Task { for try await _ in events { preconditionFailure("an event of nothing") } }
    try await Task.sleep(for: .milliseconds(1))
    task.cancel()
    try await task.value
  }

  private static func closeWhileIterated() async throws {
    let queue = try KernelQueue()
    let batches = queue.batches()
    let task = Task { for try await _ in batches { preconditionFailure("an event of nothing") } }
    try await Task.sleep(for: .milliseconds(1))
    try queue.close()
    try await task.value
  }

  private static func entries(_ path: String) -> Int {
    guard let folder = opendir(path) else { return -1 }
    defer { closedir(folder) }
    var count = 0
    while readdir(folder) != nil { count += 1 }
    return count
  }
}
