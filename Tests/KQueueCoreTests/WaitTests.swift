import CKQueueShims
import KQueueCore
import Support
import Testing

/// Waiting: how long, and what ends it (contract 1.2).
@Suite("Waits") struct WaitTests {
  let system = FakeSystem()
  let queue: FakeQueue
  let start: UInt64

  init() throws {
    queue = try FakeQueue(on: system)
    start = system.monotonic
  }

  private var elapsed: UInt64 { system.monotonic - start }

  /// The timeouts that the system was given, in order.
  private func timeouts() -> [Int64?] {
    queue.kernel.takeCalls().compactMap { call -> Int64?? in
      guard case .wait(_, let nanoseconds) = call else { return nil }
      return .some(nanoseconds)
    }
  }

  @Test(
    "C-016, C-020 without room nothing is waited for, whatever the timeout",
    arguments: [
      nil, timespec(tv_sec: -1, tv_nsec: 0), timespec(tv_sec: 0, tv_nsec: 1_000_000_000),
    ] as [timespec?])
  func noRoom(timeout: timespec?) throws {
    try queue.change(.user(1, .add, .trigger))
    #expect(try queue.kevent([], room: 0, timeout: timeout) == [])
    #expect(elapsed == 0)
  }

  @Test("C-017 a timeout of 0 does not wait")
  func zero() throws {
    try queue.change(.read(system.open(), .add), .user(1, .add), .timer(1, .add, 5))
    #expect(try queue.collect() == [])
    #expect(elapsed == 0)
  }

  @Test(
    "C-018, C-019, C-021 a bad timeout fails with EINVAL, after the changes",
    arguments: [
      (0, 1_000_000_000), (0, -1), (-1, 0), (.min, 0), (5, .max),
    ] as [(Int, Int)])
  func badTimeout(seconds: Int, nanoseconds: Int) throws {
    #expect(throws: Errno(EINVAL)) {
      try queue.kevent([.user(1, .add, .trigger)], room: 1, timeout: timespec(tv_sec: seconds, tv_nsec: nanoseconds))
    }
    #expect(try queue.collect().map(\.ident) == [1])
  }

  @Test("a bad timeout does not matter to a call that wrote receipts")
  func badTimeoutAfterReceipt() throws {
    let answers = try queue.kevent([.user(1, [.add, .receipt])], room: 1, timeout: timespec(tv_sec: -1, tv_nsec: 0))
    #expect(answers.count == 1)
  }

  @Test(
    "C-022 a wait with nothing to report lasts exactly its timeout", arguments: [1, 999, 50_000_000, 3_000_000_001])
  func exact(nanoseconds: Int) throws {
    try queue.change(.read(system.open(), .add))
    #expect(try queue.wait(nanoseconds) == [])
    #expect(elapsed == UInt64(nanoseconds))
  }

  @Test("C-022 after a fruitless wake-up the wait goes on for what is left")
  func remaining() throws {
    try queue.change(.user(1, [.add, .clear]))
    queue.kernel.keepsWakes = true
    for time: UInt64 in [10, 30] {
      system.after(time * millisecond) { [queue] in
        try queue.change(.user(1, [], .trigger))
        try queue.change(.user(1, .clear))
      }
    }
    #expect(try queue.wait(50_000_000) == [])
    #expect(elapsed == 50 * millisecond)
    #expect(timeouts() == [50_000_000, 40_000_000, 20_000_000])
  }

  @Test("C-022 also when what was reported is gone when it is looked at")
  func reportGone() throws {
    let descriptor = system.open()
    try queue.change(.read(descriptor, .add))
    system.after(10 * millisecond) { [system] in system.fill(descriptor, 1) }
    queue.kernel.beforeReturn = { [queue, system] in
      system.drain(descriptor)
      try queue.change(.read(descriptor, .delete))
    }
    #expect(try queue.wait(50_000_000) == [])
    #expect(elapsed == 50 * millisecond)
  }

  @Test("C-023 a timeout too long to count waits without limit", arguments: [Int.max, Int(Int32.max) + 1])
  func endless(seconds: Int) throws {
    try queue.change(.user(1, .add))
    system.after(1_000_000 * millisecond) { [queue] in try queue.change(.user(1, [], .trigger)) }
    #expect(try queue.kevent([], room: 1, timeout: timespec(tv_sec: seconds, tv_nsec: 999_999_999)).count == 1)
    #expect(timeouts() == [nil])
  }

  @Test("C-024 a signal ends a wait with EINTR")
  func interrupted() throws {
    try queue.change(.read(system.open(), .add))
    system.after(10 * millisecond) { [queue] in queue.kernel.interrupt() }
    #expect(throws: Errno(EINTR)) { try queue.wait() }
    #expect(elapsed == 10 * millisecond)
  }

  @Test("C-025 after EINTR the changes of the call are in effect")
  func changesStay() throws {
    system.after(10 * millisecond) { [queue] in queue.kernel.interrupt() }
    #expect(throws: Errno(EINTR)) { try queue.kevent([.user(1, .add)], room: 1, timeout: nil) }
    try queue.change(.user(1, .delete))
  }

  @Test("C-026 what was ready before the wait is returned rather than EINTR")
  func readyBefore() throws {
    let descriptor = system.open(readable: 5)
    queue.kernel.interrupt()
    #expect(try queue.kevent([.read(descriptor, .add)], room: 1, timeout: nil).count == 1)
  }

  @Test("C-026 what others queued while the signal ended the wait is returned rather than EINTR")
  func queuedMeanwhile() throws {
    try queue.change(.user(1, .add))
    system.after(10 * millisecond) { [queue] in queue.kernel.interrupt() }
    queue.kernel.beforeReturn = { [queue] in try queue.change(.user(1, [], .trigger)) }
    #expect(try queue.wait().map(\.ident) == [1])
  }

  @Test("a timeout of 0 is never interrupted")
  func zeroNotInterrupted() throws {
    try queue.change(.read(system.open(), .add))
    queue.kernel.interrupt()
    #expect(try queue.collect() == [])
  }

  @Test("EINTR leaves the kqueue in order")
  func afterInterruption() throws {
    let descriptor = system.open()
    try queue.change(.read(descriptor, [.add, .clear]))
    system.after(10) { [queue] in queue.kernel.interrupt() }
    #expect(throws: Errno(EINTR)) { try queue.wait() }
    system.fill(descriptor, 3)
    #expect(try queue.wait().map(\.data) == [3])
  }

  @Test("C-331 a trigger of another thread ends a wait at once")
  func trigger() throws {
    try queue.change(.user(1, [.add, .clear]))
    system.after(10 * millisecond) { [queue] in try queue.change(.user(1, [], .trigger)) }
    #expect(try queue.wait().map(\.ident) == [1])
    #expect(elapsed == 10 * millisecond)
    #expect(try queue.collect() == [])
  }

  @Test("C-094 so does an EV_ADD of something ready", arguments: [false, true])
  func add(isFile: Bool) throws {
    let descriptor = system.open(readable: 5, isFile ? .recorded : .kernel)
    system.after(10 * millisecond) { [queue] in try queue.change(.read(descriptor, .add)) }
    #expect(try queue.wait().map(\.data) == [5])
    #expect(elapsed == 10 * millisecond)
  }

  @Test("C-094 and an EV_ENABLE of something that is ready or was triggered")
  func enable() throws {
    try queue.change(.user(1, [.add, .disable], .trigger))
    system.after(10 * millisecond) { [queue] in try queue.change(.user(1, .enable)) }
    #expect(try queue.wait().count == 1)
    #expect(elapsed == 10 * millisecond)
  }

  @Test("a timer added while others wait ends the wait when it fires")
  func timer() throws {
    system.after(10 * millisecond) { [queue] in try queue.change(.timer(1, .add, 20)) }
    #expect(try queue.wait(1_000_000_000).count == 1)
    #expect(elapsed == 30 * millisecond)
  }

  @Test("C-095 deleting the only knote does not end a wait")
  func delete() throws {
    try queue.change(.user(1, .add), .timer(1, .add, 100))
    system.after(10 * millisecond) { [queue] in try queue.change(.user(1, .delete), .timer(1, .delete)) }
    #expect(try queue.wait(1_000_000_000) == [])
    #expect(elapsed == 1000 * millisecond)
  }

  @Test("a trigger that comes and is taken back meanwhile leaves nothing behind")
  func takenBack() throws {
    try queue.change(.user(1, [.add, .clear], .trigger))
    try queue.change(.user(1, .clear))
    #expect(!queue.kernel.isReadable)
    #expect(try queue.wait(1000) == [])
    #expect(timeouts() == [1000])
  }

  @Test("C-100, C-101 the descriptor is readable while something is queued, and only then")
  func readable() throws {
    try queue.change(.user(1, [.add, .clear]))
    #expect(!queue.kernel.isReadable)
    try queue.change(.user(1, [], .trigger))
    #expect(queue.kernel.isReadable)
    #expect(try queue.collect().count == 1)
    #expect(!queue.kernel.isReadable)
  }

  @Test("C-100 it stays readable while edge-triggered reports that did not fit are left")
  func readableWhileLeft() throws {
    try queue.change(.user(1, [.add, .clear], .trigger))
    for _ in 0..<3 { try queue.change(.read(system.open(readable: 1), [.add, .clear])) }
    for left in (0..<4).reversed() {
      #expect(try queue.collect(room: 1).count == 1)
      #expect(queue.kernel.isReadable == (left > 0), "\(left) left")
    }
  }

  @Test("C-100 a level USER knote keeps it readable")
  func readableLevel() throws {
    try queue.change(.user(1, .add, .trigger))
    for _ in 0..<3 {
      #expect(try queue.collect().count == 1)
      #expect(queue.kernel.isReadable)
    }
    try queue.change(.user(1, .delete))
    #expect(!queue.kernel.isReadable)
  }
}
