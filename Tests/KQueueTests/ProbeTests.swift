import Testing

/// What is counted in a process of its own: kqueue-probe, whose sources say how.
@Suite struct ProbeTests {
  @Test(arguments: [
    ("allocations-of-wait", 0.0), ("allocations-of-batches", 0),
    // 500 waits. To run a task again takes its executor two allocations; they are the runtime's.
    ("allocations-of-waiting-batches", 1250),
    // The runtime opens some for itself, and its pool has a few threads more or less. 400 queues had descriptors, and
    // each of 300 iterations may have started a thread.
    ("descriptors-left", 10), ("threads-left", 20),
  ])
  func atMost(probe: String, limit: Double) throws {
    let result = try Program("kqueue-probe", [probe]).result()
    #expect(result.status == 0)
    let number = try #require(result.output.split { " \n".contains($0) }.last.flatMap { Double($0) })
    #expect(number <= limit, "\(result.output)")
  }
}
