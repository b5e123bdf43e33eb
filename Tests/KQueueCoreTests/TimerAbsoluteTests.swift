import CKQueueShims
import KQueueCore
import Support
import Testing

/// TIMER with NOTE_ABSOLUTE, on a wall clock that may be set (contract 6.9).
@Suite("TIMER: absolute") struct TimerAbsoluteTests {
  let system = FakeSystem()
  let queue: FakeQueue
  let start: UInt64

  init() throws {
    queue = try FakeQueue(on: system)
    start = system.monotonic
  }

  private var elapsed: UInt64 { system.monotonic - start }

  /// An absolute timer so many ms ahead.
  private func ahead(_ milliseconds: Int, _ flags: Flags = .add) -> Entry {
    let now = Int(system.realtime / millisecond)
    return .timer(1, flags, now + milliseconds, .absolute)
  }

  @Test("C-304 it fires at its time")
  func fires() throws {
    try queue.change(ahead(200))
    #expect(try queue.wait() == [.timer(1, [.add, .clear], 1)])
    #expect(elapsed == 200 * millisecond)
  }

  @Test(
    "C-304 in every unit",
    arguments: [
      (Notes.seconds, 1_000_000_000), (.microseconds, 1000), (.nanoseconds, 1),
    ] as [(Notes, UInt64)])
  func units(unit: Notes, nanoseconds: UInt64) throws {
    let time = Int(system.realtime / nanoseconds) + 3
    try queue.change(.timer(1, .add, time, unit.union(.absolute)))
    #expect(try queue.wait().count == 1)
    #expect(system.realtime == UInt64(time) * nanoseconds)
  }

  @Test("C-305 a time in the past fires at once, data 1", arguments: [-1, -86_400_000])
  func past(milliseconds: Int) throws {
    #expect(try queue.exchange(ahead(milliseconds)).map(\.data) == [1])
  }

  @Test("a time before the epoch fires at once", arguments: [0, -1, Int.min])
  func beforeEpoch(data: Int) throws {
    #expect(try queue.exchange(.timer(1, .add, data, [.absolute, .seconds])).map(\.data) == [1])
  }

  @Test("C-306 it delivers once, then is silent, and can be deleted")
  func remains() throws {
    try queue.change(ahead(200))
    #expect(try queue.wait().count == 1)
    #expect(try queue.wait(1_000_000_000) == [])
    try queue.change(.timer(1, .delete))
  }

  @Test("C-306 disabling and enabling does not bring it back")
  func spent() throws {
    try queue.change(ahead(200))
    #expect(try queue.wait().count == 1)
    try queue.change(.timer(1, .disable), .timer(1, .enable))
    #expect(try queue.wait(1_000_000_000) == [])
  }

  @Test("C-306 with EV_ONESHOT it is deleted")
  func oneshot() throws {
    try queue.change(ahead(200, [.add, .oneshot]))
    #expect(try queue.wait().count == 1)
    #expect(throws: Errno(ENOENT)) { try queue.change(.timer(1, .delete)) }
  }

  @Test("C-307 EV_ADD switches between the clocks")
  func switches() throws {
    try queue.change(.timer(1, .add, 50))
    try queue.change(ahead(100))
    #expect(try queue.wait().count == 1)
    #expect(elapsed == 100 * millisecond)
    try queue.change(.timer(1, .add, 30))
    #expect(try queue.wait().count == 1)
    #expect(try queue.wait().count == 1, "periodic again")
    #expect(elapsed == 160 * millisecond)
  }

  @Test("C-307 the old clock's time is forgotten")
  func forgets() throws {
    try queue.change(.timer(1, .add, 50))
    try queue.change(ahead(100))
    try queue.change(.timer(1, .delete))
    #expect(try queue.wait(1_000_000_000) == [])
  }

  @Test("C-311 one that expired while disabled is delivered on EV_ENABLE, data 1")
  func disabled() throws {
    try queue.change(ahead(200, [.add, .disable]))
    #expect(try queue.wait(1_000_000_000) == [])
    #expect(try queue.exchange(.timer(1, .enable)).map(\.data) == [1])
  }

  @Test("a clock set forward past it fires it")
  func setForward() throws {
    try queue.change(ahead(3_600_000))
    system.after(10 * millisecond) { [system] in system.stepRealtime(3_600_000_000_000) }
    #expect(try queue.wait().count == 1)
    #expect(elapsed == 10 * millisecond)
  }

  @Test("a clock set back delays it")
  func setBack() throws {
    try queue.change(ahead(1000))
    system.after(10 * millisecond) { [system] in system.stepRealtime(-3_600_000_000_000) }
    #expect(try queue.wait().count == 1)
    #expect(elapsed == (1000 + 3_600_000) * millisecond)
  }

  @Test("a clock set back while the expiry is being reported delays it")
  func setBackAtExpiry() throws {
    try queue.change(ahead(1000))
    queue.kernel.beforeReturn = { [system] in system.stepRealtime(-500_000_000) }
    #expect(try queue.wait().count == 1)
    #expect(elapsed == 1500 * millisecond)
  }

  @Test(
    "steps of the wall clock do not touch relative timers",
    arguments: [3_600_000_000_000, -3_600_000_000_000] as [Int64])
  func relative(step: Int64) throws {
    try queue.change(.timer(1, .add, 100))
    system.stepRealtime(step)
    #expect(try queue.wait().map(\.data) == [1])
    #expect(elapsed == 100 * millisecond)
  }

  @Test("C-308 a time beyond what clocks can say does not fire", arguments: [Notes.seconds, [], .nanoseconds])
  func endless(unit: Notes) throws {
    try queue.change(.timer(1, .add, .max, unit.union(.absolute)))
    #expect(try queue.wait(Int(Int32.max) * 1_000_000_000) == [])
  }

  @Test(
    "C-304 a full second comes when time(2) says it, however far that is behind",
    arguments: [0, 3_600_000, 60_000_000, 400_000_000] as [UInt64])
  func secondsLag(lag: UInt64) throws {
    system.secondsLag = lag
    let second = Int(system.realtime / 1_000_000_000) + 1
    try queue.change(.timer(1, .add, second, [.seconds, .absolute]), .timer(2, .add, second * 1000 + 1, .absolute))
    var seen: [UInt: UInt64] = [:]
    while seen.count < 2 { for event in try queue.wait() { seen[event.ident] = system.realtime } }
    let due = UInt64(second) * 1_000_000_000
    #expect(due + lag...due + lag + millisecond ~= seen[1]!)
    #expect(seen[2] == due + millisecond)
  }
}
