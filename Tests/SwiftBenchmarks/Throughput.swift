import CKQueue
import Glibc
import KQueue

/// The processor's time that an API takes for events of a queue, over what a loop by hand with the C function takes for the same.
enum Throughput {
  /// A millisecond or two: among many such rounds some are disturbed by nothing, on a busy machine as well.
  static let events = 20_000
  static let rounds = 300
  static let sources: UInt = 256
  static let atOnce = 64

  typealias Loop = (borrowing KernelQueue) async throws -> Int

  /// The best of the rounds, the two loops taking turns: what else the machine does can only make them longer.
  static func measure(_ loop: Loop) async throws -> Double {
    let queue = try KernelQueue()
    try fireForEver(queue, count: sources)
    var (best, bestByHand) = (Double.infinity, Double.infinity)
    for _ in 0..<rounds {
      bestByHand = try await min(bestByHand, time(queue, handLoop))
      best = try await min(best, time(queue, loop))
    }
    return best / bestByHand
  }

  /// User events that are told at every call.
  static func fireForEver(_ queue: borrowing KernelQueue, count: UInt) throws {
    for id in 0..<count {
      try queue.add(.user(id), tag: id + 1)
      try queue.trigger(id)
    }
  }

  private static func time(_ queue: borrowing KernelQueue, _ loop: Loop) async throws -> Double {
    let start = processorTime()
    let sum = try await loop(queue)
    precondition(sum > 0)
    return processorTime() - start
  }

  /// In nanoseconds, of all threads: others on the machine do not count.
  private static func processorTime() -> Double {
    var time = timespec()
    precondition(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
  }

  static func handLoop(_ queue: borrowing KernelQueue) -> Int {
    withUnsafeTemporaryAllocation(of: kevent.self, capacity: atOnce) { entries in
      var (seen, sum) = (0, 0)
      while seen < events {
        let count = Int(kevent(queue.descriptor, nil, 0, entries.baseAddress, CInt(atOnce), nil))
        precondition(count > 0)
        for index in 0..<count {
          sum += Int(entries[index].ident) + (Int(bitPattern: entries[index].udata) | 1)
        }
        seen += count
      }
      return sum
    }
  }

  static func waiting(_ queue: borrowing KernelQueue) throws -> Int {
    var buffer = KernelQueue.EventBuffer(capacity: atOnce)
    var (seen, sum) = (0, 0)
    while seen < events {
      seen += try queue.wait(into: &buffer)
      for event in buffer.events { sum += worth(event) }
    }
    return sum
  }

  static func batches(_ queue: borrowing KernelQueue) async throws -> Int {
    var (seen, sum) = (0, 0)
    for try await batch in queue.batches(upTo: atOnce) {
      for event in batch { sum += worth(event) }
      seen += batch.count
      if seen >= events { break }
    }
    return sum
  }

  static func events(_ queue: borrowing KernelQueue) async throws -> Int {
    var (seen, sum) = (0, 0)
    for try await event in queue.events {
      sum += worth(event)
      seen += 1
      if seen >= events { break }
    }
    return sum
  }

  private static func worth(_ event: KernelQueue.Event) -> Int {
    guard case .user(let id, _) = event.source else { return 0 }
    return Int(id) + (Int(event.tag) | 1)
  }
}
