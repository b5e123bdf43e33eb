import AllocationCounter
import Glibc
import KQueue

/// How often malloc is called while many events are collected.
///
/// Where nothing is waited for, by the thread that collects: those of the runtime's pool start in their own time.
enum Allocations {
  static func ofWait() async throws -> Double {
    let queue = try KernelQueue()
    try Throughput.fireForEver(queue, count: 100)
    var buffer = KernelQueue.EventBuffer(capacity: 64)
    var seen = 0
    var before: UInt = 0
    while seen < 100_000 {
      seen += try queue.wait(into: &buffer)
      for event in buffer.events { precondition(event.tag > 0) }
      // The first has the runtime make what it needs for itself.
      if before == 0 { before = allocation_count_of_thread() }
    }
    return Double(allocation_count_of_thread() - before)
  }

  /// Events that are there already.
  static func ofBatches() async throws -> Double {
    let queue = try KernelQueue()
    try Throughput.fireForEver(queue, count: 100)
    var seen = 0
    var before: UInt = 0
    for try await batch in queue.batches(upTo: 64) {
      for event in batch { precondition(event.tag > 0) }
      // The first have the runtime make what it needs for itself.
      if seen < 1000 { before = allocation_count_of_thread() }
      seen += batch.count
      if seen > 100_000 { return Double(allocation_count_of_thread() - before) }
    }
    return .infinity
  }

  /// Events that are waited for, a timer's: 500 waits.
  static func ofWaitingBatches() async throws -> Double {
    let queue = try KernelQueue()
    try queue.add(.timer(1, every: .milliseconds(1)))
    var waits = 0
    var before: UInt = 0
    for try await batch in queue.batches() {
      if waits == 100 { before = allocation_count() }
      waits += batch.count
      if waits >= 600 { return Double(allocation_count() - before) }
    }
    return .infinity
  }
}
