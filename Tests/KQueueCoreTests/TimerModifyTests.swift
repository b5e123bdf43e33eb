import CKQueueShims
import KQueueCore
import Support
import Testing

/// What changes do to a timer that is there (contract 6.9).
@Suite("TIMER: changes") struct TimerModifyTests {
  let system = FakeSystem()
  let queue: FakeQueue
  let start: UInt64

  init() throws {
    queue = try FakeQueue(on: system)
    start = system.monotonic
  }

  private var elapsed: UInt64 { system.monotonic - start }

  @Test("C-299 EV_ADD restarts from now, with the new interval")
  func interval() throws {
    try queue.change(.timer(1, .add, 100))
    system.advance(90 * millisecond)
    try queue.change(.timer(1, .add, 30))
    _ = try queue.wait()
    #expect(elapsed == 120 * millisecond)
    _ = try queue.wait()
    #expect(elapsed == 150 * millisecond)
  }

  @Test("C-300 EV_ADD replaces the unit")
  func unit() throws {
    try queue.change(.timer(1, .add, 5, .microseconds), .timer(1, .add, 5, .seconds))
    _ = try queue.wait()
    #expect(elapsed == 5_000 * millisecond)
  }

  @Test("C-301 EV_ADD drops what was counted and not delivered")
  func drops() throws {
    try queue.change(.timer(1, .add, 10))
    system.advance(55 * millisecond)
    #expect(try queue.exchange(.timer(1, .add, 100)) == [])
    #expect(try queue.wait().map(\.data) == [1])
    #expect(elapsed == 155 * millisecond)
  }

  @Test("C-301 also when it was queued already")
  func dropsQueued() throws {
    try queue.change(.timer(1, .add, 10), .timer(2, .add, 10))
    system.advance(55 * millisecond)
    let first = try queue.collect(room: 1)[0].ident
    try queue.change(.timer(first, .delete))
    #expect(try queue.exchange(.timer(3 - first, .add, 100)) == [])
    #expect(try queue.wait().map(\.data) == [1])
    #expect(elapsed == 155 * millisecond)
  }

  @Test("C-302 EV_ADD with EV_ONESHOT leaves a periodic timer periodic")
  func staysPeriodic() throws {
    try queue.change(.timer(1, .add, 10), .timer(1, [.add, .oneshot], 10))
    for _ in 0..<3 { #expect(try queue.wait().map(\.flags) == [[.add, .clear]]) }
    #expect(elapsed == 30 * millisecond)
  }

  @Test("C-302 EV_ADD without EV_ONESHOT leaves a oneshot timer oneshot")
  func staysOneshot() throws {
    try queue.change(.timer(1, [.add, .oneshot], 10), .timer(1, .add, 20))
    #expect(try queue.wait().count == 1)
    #expect(elapsed == 20 * millisecond)
    #expect(throws: Errno(ENOENT)) { try queue.change(.timer(1, .delete)) }
  }

  @Test(
    "C-303 EV_ADD with bad data fails with EINVAL, and the old timer goes on",
    arguments: [
      .timer(1, .add, -1, udata: 9), .timer(1, .add, 5, [.seconds, .microseconds], udata: 9),
      .timer(1, [.add, .disable], -1, udata: 9),
    ] as [Entry])
  func badData(change: Entry) throws {
    try queue.change(.timer(1, .add, 20, udata: 1))
    system.advance(10 * millisecond)
    #expect(throws: Errno(EINVAL)) { try queue.change(change) }
    #expect(try queue.wait() == [.timer(1, [.add, .clear], 1, udata: 1)])
    #expect(elapsed == 20 * millisecond)
    _ = try queue.wait()
    #expect(elapsed == 40 * millisecond)
  }

  @Test("C-303 bad data leaves what was counted alone")
  func badDataKeepsCount() throws {
    try queue.change(.timer(1, .add, 20))
    system.advance(50 * millisecond)
    #expect(throws: Errno(EINVAL)) { try queue.change(.timer(1, .add, -1)) }
    #expect(try queue.collect().map(\.data) == [2])
  }

  @Test("EV_ENABLE alone ignores data and fflags, and the phase goes on")
  func enable() throws {
    try queue.change(.timer(1, .add, 100))
    system.advance(30 * millisecond)
    try queue.change(.timer(1, .enable, 7, .seconds))
    _ = try queue.wait()
    #expect(elapsed == 100 * millisecond)
  }

  @Test("a change without action leaves a timer alone, but for udata")
  func noAction() throws {
    try queue.change(.timer(1, .add, 100, udata: 1))
    system.advance(30 * millisecond)
    try queue.change(.timer(1, [], 7, .seconds, udata: 2))
    #expect(try queue.wait().map(\.udata) == [2])
    #expect(elapsed == 100 * millisecond)
  }

  @Test("a disabled timer is silent, and goes on in phase when it is enabled")
  func phase() throws {
    try queue.change(.timer(1, .add, 100))
    system.advance(250 * millisecond)
    #expect(try queue.collect().map(\.data) == [2])
    try queue.change(.timer(1, .disable))
    #expect(try queue.wait(Int(270 * millisecond)) == [])
    #expect(try queue.exchange(.timer(1, .enable)) == [], "ticks while disabled are not counted")
    #expect(try queue.wait().map(\.data) == [1])
    #expect(elapsed == 600 * millisecond)
  }

  @Test("C-310 EV_DISPATCH: silent after a delivery and right after EV_ENABLE; then only what ticks since")
  func dispatch() throws {
    try queue.change(.timer(1, [.add, .dispatch], 200))
    #expect(try queue.wait().map(\.data) == [1])
    #expect(try queue.wait(Int(650 * millisecond)) == [])
    #expect(try queue.exchange(.timer(1, .enable)) == [])
    system.advance(400 * millisecond)
    #expect(elapsed == 1250 * millisecond)
    #expect(try queue.collect().map(\.data) == [2], "at 1000 and 1200 ms")
  }

  @Test("C-310 every delivery under EV_DISPATCH disables")
  func dispatchAgain() throws {
    try queue.change(.timer(1, [.add, .dispatch], 200))
    for round: UInt64 in 1...4 {
      #expect(try queue.wait().count == 1)
      #expect(elapsed == round * 200 * millisecond)
      try queue.change(.timer(1, .enable))
    }
  }

  @Test("3.1 what a timer counted before EV_DISABLE is delivered on EV_ENABLE")
  func countedBeforeDisable() throws {
    try queue.change(.timer(1, .add, 100))
    system.advance(250 * millisecond)
    try queue.change(.timer(1, .disable))
    system.advance(20 * millisecond)
    #expect(try queue.exchange(.timer(1, .enable)).map(\.data) == [2])
  }

  @Test("3.1 also when it was queued, and ticks while disabled are not added to it")
  func queuedBeforeDisable() throws {
    try queue.change(.timer(1, .add, 100), .timer(2, .add, 100))
    system.advance(100 * millisecond)
    let first = try queue.collect(room: 1)[0].ident
    try queue.change(.timer(first, .delete), .timer(3 - first, .disable))
    system.advance(500 * millisecond)
    #expect(try queue.exchange(.timer(3 - first, .enable)).map(\.data) == [1])
  }

  @Test("C-311 a oneshot that expired while disabled is delivered on EV_ENABLE, data 1")
  func oneshotWhileDisabled() throws {
    try queue.change(.timer(1, [.add, .oneshot, .disable], 50))
    #expect(try queue.wait(Int(500 * millisecond)) == [])
    #expect(try queue.exchange(.timer(1, .enable)).map(\.data) == [1])
    #expect(throws: Errno(ENOENT)) { try queue.change(.timer(1, .delete)) }
  }

  @Test("C-311 a oneshot that is enabled in time fires at its time")
  func oneshotEnabledInTime() throws {
    try queue.change(.timer(1, [.add, .oneshot, .disable], 50))
    system.advance(20 * millisecond)
    try queue.change(.timer(1, .enable))
    #expect(try queue.wait().map(\.data) == [1])
    #expect(elapsed == 50 * millisecond)
  }

  @Test("EV_ADD of a disabled timer restarts it, still disabled")
  func addDisabled() throws {
    try queue.change(.timer(1, [.add, .disable], 50))
    system.advance(20 * millisecond)
    try queue.change(.timer(1, .add, 100))
    #expect(try queue.wait(Int(10 * millisecond)) == [])
    try queue.change(.timer(1, .enable))
    _ = try queue.wait()
    #expect(elapsed == 120 * millisecond)
  }

  @Test("EV_ENABLE twice does not run a timer twice")
  func enableTwice() throws {
    try queue.change(.timer(1, .add, 10), .timer(1, .disable), .timer(1, .enable), .timer(1, .enable))
    system.advance(35 * millisecond)
    #expect(try queue.collect().map(\.data) == [3])
    #expect(try queue.wait().map(\.data) == [1])
    #expect(elapsed == 40 * millisecond)
  }

  @Test("C-359 any number of timers is added disabled and enabled later", arguments: [Notes(), .absolute])
  func manyEnabled(clock: Notes) throws {
    let (count, time) = (2000, clock.isEmpty ? 10 : Int(system.realtime / millisecond) + 10)
    for ident in 0..<UInt(count) { try queue.change(.timer(ident, [.add, .disable, .oneshot], time, clock)) }
    for ident in 0..<UInt(count) { try queue.change(.timer(ident, .enable)) }
    system.advance(20 * millisecond)
    #expect(try queue.collect(room: count).count == count)
  }

  @Test("C-359 a disabled timer that is re-added drops what it counted", arguments: [1, 1000, 86_400_000, Int.max])
  func dropsPaused(interval: Int) throws {
    try queue.change(.timer(1, .add, 10))
    system.advance(55 * millisecond)
    try queue.change(.timer(1, .disable), .timer(1, .add, interval), .timer(1, .enable))
    #expect(try queue.collect() == [])
    guard interval < .max else { return }
    #expect(try queue.wait().map(\.data) == [1])
    #expect(elapsed == (55 + UInt64(interval)) * millisecond)
  }

  @Test("C-359 a timer that moves to the other clock leaves the first, any number of times")
  func movesBetweenClocks() throws {
    for round in 0..<600 {
      let (ident, soon) = (UInt(round % 300), Int(system.realtime / millisecond) + 10)
      try queue.change(.timer(ident, [.add, .disable], 10), .timer(ident, .add, soon, .absolute))
      try queue.change(.timer(ident, .enable), .timer(ident, .disable))
    }
    for ident in 0..<UInt(300) { try queue.change(.timer(ident, .enable)) }
    system.advance(20 * millisecond)
    #expect(try queue.collect(room: 400).count == 300)
  }
}
