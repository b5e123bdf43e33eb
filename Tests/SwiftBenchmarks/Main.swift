import KQueue

/// Counts and measures what a test process with other tests in it cannot: kqueue-probe NAME prints a number.
@main struct Main {
  static let probes: [String: @Sendable () async throws -> Double] = [
    "allocations-of-wait": Allocations.ofWait,
    "allocations-of-batches": Allocations.ofBatches,
    "allocations-of-waiting-batches": Allocations.ofWaitingBatches,
    "descriptors-left": Leaks.descriptors,
    "threads-left": Leaks.threads,
    "throughput-of-wait": { try await Throughput.measure(Throughput.waiting) },
    "throughput-of-batches": { try await Throughput.measure(Throughput.batches) },
    "throughput-of-events": { try await Throughput.measure(Throughput.events) },
  ]

  static func main() async throws {
    let names = CommandLine.arguments.dropFirst()
    for name in names.isEmpty ? probes.keys.sorted()[...] : Array(names)[...] {
      guard let probe = probes[name] else { fatalError("no probe \(name)") }
      print(name, try await probe())
    }
  }
}
