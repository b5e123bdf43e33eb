import KQueue
import Testing

@testable import KQueue

@Suite struct KernelQueueTimerTests {
  let clock = SuspendingClock()

  /// A late thread is told of several expirations at once, and never of one that is still to come.
  @Test func every() throws {
    let queue = try KernelQueue()
    let start = clock.now
    try queue.add(.timer(9, every: .milliseconds(20)))
    var expired = 0
    for _ in 0..<2 {
      let sources = try queue.sources()
      guard sources.count == 1, case .timer(9, let count) = sources[0], count > 0 else {
        Issue.record("\(sources)")
        return
      }
      expired += count
      #expect(clock.now - start >= .milliseconds(20) * expired)
    }
  }

  @Test func after() throws {
    let queue = try KernelQueue()
    let start = clock.now
    try queue.add(.timer(1, after: .microseconds(1500)))
    #expect(try queue.sources() == [.timer(1, count: 1)])
    #expect(clock.now - start >= .microseconds(1500))
    #expect(throws: Errno.noSuchRegistration) { try queue.delete(.timer(1)) }
  }

  @Test func atWallTime() throws {
    let queue = try KernelQueue()
    let time = KernelQueue.WallTime.now.advanced(by: .milliseconds(30))
    try queue.add(.timer(1, at: time))
    #expect(try queue.sources() == [.timer(1, count: 1)])
    #expect(KernelQueue.WallTime.now >= time)
    #expect(throws: Errno.noSuchRegistration) { try queue.delete(.timer(1)) }
    try queue.add(.timer(2, at: .init(sinceEpoch: .zero)))
    #expect(try queue.sources(within: .zero) == [.timer(2, count: 1)])
  }

  @Test func lessThanNothing() throws {
    let queue = try KernelQueue()
    #expect(throws: Errno.invalidArgument) { try queue.add(.timer(1, every: .nanoseconds(-1))) }
    #expect(throws: Errno.invalidArgument) { try queue.add(.timer(1, after: .seconds(-1))) }
  }

  /// Rounded up, and in the smallest unit that holds it.
  @Test(
    arguments: [
      (Duration.nanoseconds(3), 3, Note.nanoseconds), (.zero, 0, Note.nanoseconds),
      (Duration(secondsComponent: 0, attosecondsComponent: 1), 1, Note.nanoseconds),
      (Duration(secondsComponent: 1, attosecondsComponent: 1_500_000_000), 1_000_000_002, Note.nanoseconds),
      (Duration(secondsComponent: 0, attosecondsComponent: -1_500_000_000), -1, Note.nanoseconds),
      (.seconds(9_223_372_036), 9_223_372_036_000_000_000, Note.nanoseconds),
      (.seconds(9_223_372_037), 9_223_372_037_000_000, Note.microseconds),
      (.seconds(9_223_372_036_855), 9_223_372_036_855_000, Note.milliseconds),
      (.seconds(Int64.max), Int.max, Note.seconds),
    ] as [(Duration, Int, UInt32)])
  func units(duration: Duration, data: Int, unit: UInt32) {
    #expect(duration.inUnits == (data, unit))
  }

  @Test func farAway() throws {
    let queue = try KernelQueue()
    try queue.add(.timer(1, after: .seconds(Int64.max)))
    try queue.add(.timer(2, after: .seconds(9_223_372_037)))
    #expect(try queue.events(within: .milliseconds(20)).isEmpty)
  }

  @Test func wallTimes() {
    let time = KernelQueue.WallTime(sinceEpoch: .seconds(100))
    #expect(time.duration(to: time.advanced(by: .seconds(-3))) == .seconds(-3))
    #expect(time.advanced(by: .seconds(-3)) < time)
  }
}
