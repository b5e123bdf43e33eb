import Foundation
import KQueue
import Synchronization
import Testing

/// Queues as asynchronous sequences; each test in a process of its own, since tests that wait for a program block the
/// threads of the tasks.
@Suite struct IterationTests {
  @Test func events() async {
    await #expect(processExitsWith: .success) {
      let seen = try await bounded {
        let queue = try KernelQueue()
        try queue.apply([.add(.user(1), .clear, tag: 5), .add(.timer(2, every: .milliseconds(5))), .trigger(1)])
        var seen: [Event] = []
        for try await event in queue.events {
          seen.append(event)
          if seen.count == 4 { break }
        }
        return seen.map(\.key)
      }
      #expect(seen == [.user(1), .timer(2), .timer(2), .timer(2)])
    }
  }

  @Test func batches() async {
    await #expect(processExitsWith: .success) {
      let counts = try await bounded {
        let queue = try KernelQueue()
        for id in 0..<10 as Range<UInt> { try queue.apply([.add(.user(id), .clear), .trigger(id)]) }
        var counts: [Int] = []
        for try await batch in queue.batches(upTo: 4) {
          counts.append(batch.count)
          if counts.count == 3 { break }
        }
        return counts
      }
      #expect(counts == [4, 4, 2])
    }
  }

  /// A batch that is kept stays as it was.
  @Test func keptBatches() async {
    await #expect(processExitsWith: .success) {
      let tags = try await bounded {
        let queue = try KernelQueue()
        for id in 0..<6 as Range<UInt> { try queue.apply([.add(.user(id), .clear, tag: id), .trigger(id)]) }
        var batches: [KernelQueue.Batch] = []
        for try await batch in queue.batches(upTo: 2) {
          batches.append(batch)
          if batches.count == 3 { break }
        }
        return batches.map { $0.map(\.tag) }
      }
      #expect(tags == [[0, 1], [2, 3], [4, 5]])
    }
  }

  /// A thread's trigger wakes the task that waits, again and again.
  @Test func pingPong() async {
    await #expect(processExitsWith: .success) {
      let rounds = try await bounded {
        let shared = SharedQueue(try KernelQueue())
        let answers = SharedQueue(try KernelQueue())
        try shared.queue.add(.user(1), .clear)
        try answers.queue.add(.user(1), .clear)
        let thread = Task.detached {
          for try await _ in answers.queue.events { try shared.queue.trigger(1) }
        }
        try shared.queue.trigger(1)
        var rounds = 0
        for try await _ in shared.queue.events {
          rounds += 1
          if rounds == 2000 { break }
          try answers.queue.trigger(1)
        }
        thread.cancel()
        try await thread.value
        return rounds
      }
      #expect(rounds == 2000)
    }
  }

  /// More iterations than there are threads for tasks, none of which is blocked meanwhile.
  @Test func manyQueues() async {
    await #expect(processExitsWith: .success) {
      let woken = try await bounded {
        let queues = try (0..<64).map { _ in SharedQueue(try KernelQueue()) }
        for shared in queues { try shared.queue.add(.user(1), .clear) }
        return try await withThrowingTaskGroup(of: Int.self) { group in
          for shared in queues {
            group.addTask {
              for try await _ in shared.queue.events { return 1 }
              return 0
            }
          }
          try await Task.sleep(for: .milliseconds(20))
          for shared in queues { try shared.queue.trigger(1) }
          return try await group.reduce(0, +)
        }
      }
      #expect(woken == 64)
    }
  }

  // MARK: Ends

  @Test(arguments: [0, 1, 20])
  func cancellation(after milliseconds: Int) async {
    await #expect(processExitsWith: .success) { [milliseconds] in
      let ended = try await bounded {
        let queue = try KernelQueue()
        let events = queue.events
        let task = Task {
          for try await _ in events { return false }
          return Task.isCancelled
        }
        try await Task.sleep(for: .milliseconds(milliseconds))
        task.cancel()
        let ended = try await task.value
        // The queue is as it was, and can be iterated over again.
        try queue.apply([.add(.user(1)), .trigger(1)])
        for try await _ in queue.events { return ended }
        return false
      }
      #expect(ended)
    }
  }

  /// A queue that always has events, whose task is cancelled.
  @Test func cancellationUnderLoad() async {
    await #expect(processExitsWith: .success) {
      try await bounded {
        let queue = try KernelQueue()
        for id in 0..<100 as Range<UInt> { try queue.apply([.add(.user(id)), .trigger(id)]) }
        let events = queue.events
        let seen = Counter()
        let task = Task { for try await _ in events { seen.increment() } }
        while seen.value < 1000 { try await Task.sleep(for: .milliseconds(1)) }
        task.cancel()
        try await task.value
      }
    }
  }

  @Test(arguments: [0, 1, 20])
  func closing(after milliseconds: Int) async {
    await #expect(processExitsWith: .success) { [milliseconds] in
      try await bounded {
        let queue = try KernelQueue()
        try queue.add(.user(1))
        let batches = queue.batches()
        let task = Task { for try await _ in batches { preconditionFailure("nothing was triggered") } }
        try await Task.sleep(for: .milliseconds(milliseconds))
        try queue.close()
        try await task.value
        // It is at its end for good.
        var iterator = batches.makeAsyncIterator()
        #expect(try await iterator.next() == nil)
      }
    }
  }

  /// A queue whose number is another queue's at once, while an iteration of the old one ends.
  @Test func closingAndReuse() async {
    await #expect(processExitsWith: .success) {
      try await bounded {
        for _ in 0..<200 {
          let old = try KernelQueue()
          let events = old.events
          let task = Task { for try await _ in events { preconditionFailure("an event of another queue") } }
          await Task.yield()
          try old.close()
          let new = SharedQueue(try KernelQueue())
          try new.queue.apply([.add(.user(1), .clear)])
          async let first = new.queue.events.first { _ in true }
          try new.queue.trigger(1)
          #expect(try await first?.source == .user(1, flags: 0))
          try await task.value
        }
      }
    }
  }

  @Test func oneAtATime() async {
    await #expect(processExitsWith: .success) {
      try await bounded {
        let queue = try KernelQueue()
        try queue.apply([.add(.user(1)), .trigger(1)])
        let events = queue.events
        var one: KernelQueue.Events.Iterator? = events.makeAsyncIterator()
        var other = queue.batches().makeAsyncIterator()
        #expect(try await one?.next() != nil)
        await #expect(throws: Errno.busy) { try await other.next() }
        // And it is the first one's until that is gone.
        #expect(try await one?.next() != nil)
        one = nil
        #expect(try await other.next() == nil)
        other = queue.batches().makeAsyncIterator()
        #expect(try await other.next() != nil)
      }
    }
  }

  // MARK: Nothing is lost, and nothing collected before it is asked for

  /// What was collected and not handed out comes first the next time.
  @Test func leftovers() async {
    await #expect(processExitsWith: .success) {
      let keys = try await bounded {
        let queue = try KernelQueue()
        for id in 0..<10 as Range<UInt> { try queue.apply([.add(.user(id), .oneShot), .trigger(id)]) }
        var keys: [KernelQueue.Key] = []
        for try await event in queue.events {
          keys.append(event.key)
          if keys.count == 3 { break }
        }
        try queue.apply([.add(.user(10), .oneShot), .trigger(10)])
        for try await event in queue.events {
          keys.append(event.key)
          if keys.count == 7 { break }
        }
        for try await batch in queue.batches() {
          keys += batch.map(\.key)
          if keys.count >= 11 { break }
        }
        return keys
      }
      #expect(keys == (0..<11).map { .user($0) })
    }
  }

  /// A task that does not ask leaves everything in the queue, where other waits find it.
  @Test func backPressure() async {
    await #expect(processExitsWith: .success) {
      let rest = try await bounded {
        let queue = try KernelQueue()
        for id in 0..<100 as Range<UInt> { try queue.add(.user(id), .clear) }
        var iterator = queue.batches(upTo: 8).makeAsyncIterator()
        try queue.trigger(0)
        #expect(try await iterator.next()?.count == 1)
        for id in 0..<100 as Range<UInt> { try queue.trigger(id) }
        try await Task.sleep(for: .milliseconds(20))
        #expect(try await iterator.next()?.count == 8)
        try await Task.sleep(for: .milliseconds(20))
        var buffer = KernelQueue.EventBuffer(capacity: 200)
        return try queue.wait(into: &buffer, timeout: .zero)
      }
      #expect(rest == 92)
    }
  }

  /// One event of a timer that ran meanwhile, not one for each time.
  @Test func slowLoop() async {
    await #expect(processExitsWith: .success) {
      let counts = try await bounded {
        let queue = try KernelQueue()
        try queue.add(.timer(1, every: .milliseconds(2)))
        var counts: [Int] = []
        for try await event in queue.events {
          guard case .timer(_, let count) = event.source else { throw Unexpected(event: event) }
          counts.append(count)
          if counts.count == 3 { break }
          try await Task.sleep(for: .milliseconds(30))
        }
        return counts
      }
      #expect(counts[1] >= 15 && counts[2] >= 15)
    }
  }

  @Test func onAnActor() async {
    await #expect(processExitsWith: .success) {
      try await bounded { @MainActor in
        let queue = try KernelQueue()
        try queue.apply([.add(.timer(1, every: .milliseconds(1)))])
        var seen = 0
        for try await _ in queue.events {
          MainActor.assertIsolated()
          seen += 1
          if seen == 5 { break }
        }
        #expect(seen == 5)
      }
    }
  }
}

/// A number that tasks share.
final class Counter: Sendable {
  private let count = Atomic(0)

  var value: Int { count.load(ordering: .relaxed) }

  func increment() {
    count.add(1, ordering: .relaxed)
  }
}

/// A queue that several tasks use.
final class SharedQueue: Sendable {
  let queue: KernelQueue

  init(_ queue: consuming KernelQueue) {
    self.queue = queue
  }
}
