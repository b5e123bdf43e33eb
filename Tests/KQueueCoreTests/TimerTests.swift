import CKQueueShims
import KQueueCore
import Support
import Testing

let millisecond: UInt64 = 1_000_000

/// TIMER by a clock that moves only when told (contract 6.9).
@Suite("TIMER") struct TimerTests {
  let system = FakeSystem()
  let queue: FakeQueue
  let start: UInt64

  init() throws {
    queue = try FakeQueue(on: system)
    start = system.monotonic
  }

  private var elapsed: UInt64 { system.monotonic - start }

  @Test("C-290 the unit is the millisecond, and the timer is neither early nor late")
  func milliseconds() throws {
    try queue.change(.timer(1, .add, 100, udata: 7))
    #expect(try queue.wait() == [.timer(1, [.add, .clear], 1, udata: 7)])
    #expect(elapsed == 100 * millisecond)
  }

  @Test("C-290 nothing is reported a nanosecond before its time")
  func neverEarly() throws {
    try queue.change(.timer(1, .add, 100))
    system.advance(100 * millisecond - 1)
    #expect(try queue.collect() == [])
    system.advance(1)
    #expect(try queue.collect().count == 1)
  }

  @Test(
    "C-291 units scale data",
    arguments: [
      (Notes.seconds, 1_000_000_000), (.microseconds, 1000), (.nanoseconds, 1), ([], 1_000_000),
    ] as [(Notes, UInt64)])
  func units(unit: Notes, nanoseconds: UInt64) throws {
    try queue.change(.timer(1, [.add, .oneshot], 7, unit))
    #expect(try queue.wait().count == 1)
    #expect(elapsed == 7 * nanoseconds)
  }

  @Test(
    "C-292 two units, or bits without meaning, fail with EINVAL",
    arguments: [
      [.seconds, .microseconds], [.seconds, .nanoseconds], [.microseconds, .nanoseconds],
      [.seconds, .microseconds, .nanoseconds], .bits(0x80), .bits(0x100), .trigger,
    ] as [Notes])
  func badUnits(notes: Notes) {
    #expect(throws: Errno(EINVAL)) { try queue.change(.timer(1, .add, 100, notes)) }
    #expect(throws: Errno(ENOENT)) { try queue.change(.timer(1, .delete)) }
  }

  @Test(
    "NOTE_LEEWAY, NOTE_CRITICAL and NOTE_BACKGROUND have no effect", arguments: [0x10, 0x20, 0x40, 0x70] as [UInt32])
  func ignoredNotes(bits: UInt32) throws {
    try queue.change(.timer(1, .add, 5, .bits(bits)))
    #expect(try queue.wait().map(\.notes) == [[]])
    #expect(elapsed == 5 * millisecond)
  }

  @Test("C-293 a negative interval fails with EINVAL", arguments: [-1, .min])
  func negative(data: Int) {
    #expect(throws: Errno(EINVAL)) { try queue.change(.timer(1, .add, data)) }
    #expect(throws: Errno(EINVAL)) { try queue.change(.timer(1, [.add, .oneshot], data, .seconds)) }
  }

  @Test("C-294 a oneshot with data 0 fires at once", arguments: [Notes.seconds, [], .nanoseconds])
  func zeroOneshot(unit: Notes) throws {
    try queue.change(.timer(1, [.add, .oneshot], 0, unit))
    #expect(try queue.wait().map(\.data) == [1])
    #expect(elapsed <= 1, "a nanosecond is no time")
  }

  @Test(
    "C-295 a period of 0 is one unit",
    arguments: [(Notes.seconds, 1_000_000_000), ([], 1_000_000)] as [(Notes, UInt64)])
  func zeroPeriod(unit: Notes, nanoseconds: UInt64) throws {
    try queue.change(.timer(1, .add, 0, unit))
    for _ in 0..<3 { #expect(try queue.wait().count == 1) }
    #expect(elapsed == 3 * nanoseconds)
  }

  @Test("C-295 a period of 1 ns counts each, and wakes a bounded number of times", arguments: [0, 1])
  func finestPeriod(data: Int) throws {
    try queue.change(.timer(1, .add, data, .nanoseconds))
    var (ticks, calls) = (0, 0)
    while elapsed < 10 * millisecond {
      ticks += try queue.wait().reduce(0) { $0 + $1.data }
      calls += 1
    }
    #expect(UInt64(ticks) == elapsed)
    #expect(calls <= 1000, "10 us a wake-up at the very most")
  }

  @Test("C-296 expirations are counted while nobody collects")
  func counts() throws {
    try queue.change(.timer(1, .add, 20))
    system.advance(210 * millisecond)
    #expect(try queue.collect().map(\.data) == [10])
  }

  @Test("C-297 after a delivery the count starts from 0 again")
  func countsAnew() throws {
    try queue.change(.timer(1, .add, 20))
    system.advance(210 * millisecond)
    #expect(try queue.collect().map(\.data) == [10])
    #expect(try queue.collect() == [])
    system.advance(50 * millisecond)
    #expect(try queue.collect().map(\.data) == [3], "at 220, 240 and 260 ms")
  }

  @Test("C-298 EV_ONESHOT fires once and is deleted")
  func oneshot() throws {
    try queue.change(.timer(1, [.add, .oneshot], 20))
    system.advance(210 * millisecond)
    #expect(try queue.collect() == [.timer(1, [.add, .oneshot, .clear], 1)])
    #expect(try queue.wait(1_000_000_000) == [])
    #expect(throws: Errno(ENOENT)) { try queue.change(.timer(1, .delete)) }
  }

  @Test("C-312 events have no fflags", arguments: [Notes.seconds, .microseconds, .nanoseconds, []])
  func noNotes(unit: Notes) throws {
    try queue.change(.timer(1, .add, 7, unit))
    #expect(try queue.wait().map(\.notes) == [[]])
  }

  @Test("C-309 timers of the same ident in two kqueues are independent")
  func twoQueues() throws {
    let other = try FakeQueue(on: system)
    try queue.change(.timer(1, .add, 30))
    try other.change(.timer(1, .add, 20))
    try queue.change(.timer(1, .delete))
    #expect(try queue.wait(Int(100 * millisecond)) == [])
    #expect(try other.collect().map(\.data) == [5])
  }

  @Test("C-313 of 5000 timers each fires at its time")
  func many() throws {
    for ident: UInt in 0..<5000 { try queue.change(.timer(ident, [.add, .oneshot], Int(5000 - ident))) }
    var fired: [UInt] = []
    while fired.count < 5000, let event = try queue.wait(10_000_000_000, room: 1).first {
      try #require(elapsed == UInt64(5000 - event.ident) * millisecond)
      fired.append(event.ident)
    }
    #expect(fired == (0..<5000).reversed())
  }

  @Test("C-313 5000 timers that expire together all fire")
  func manyAtOnce() throws {
    for ident: UInt in 0..<5000 { try queue.change(.timer(ident, [.add, .oneshot], 5)) }
    system.advance(5 * millisecond)
    #expect(Set(try queue.collect(room: 6000).map(\.ident)).count == 5000)
  }

  @Test("C-314 the n-th expiry is at n times the interval")
  func noDrift() throws {
    try queue.change(.timer(1, .add, 10))
    for round: UInt64 in 1...100 {
      #expect(try queue.wait().map(\.data) == [1])
      try #require(elapsed == round * 10 * millisecond)
    }
  }

  @Test("C-314 a late drain does not shift what follows")
  func lateDrain() throws {
    try queue.change(.timer(1, .add, 10))
    for round: UInt64 in 1...20 {
      system.advance(107 * millisecond / 10)
      _ = try queue.collect()
      _ = try queue.wait()
      try #require(elapsed % (10 * millisecond) == 0, "round \(round)")
    }
  }

  @Test(
    "C-308 intervals beyond what clocks can say never fire early",
    arguments: [Notes.nanoseconds, [], .seconds, .microseconds])
  func endless(unit: Notes) throws {
    try queue.change(.timer(1, .add, .max, unit), .timer(2, [.add, .oneshot], .max, unit))
    #expect(try queue.wait(Int(Int32.max) * 1_000_000_000) == [])
    system.advance(200 * 365 * 86_400 * 1_000_000_000)
    #expect(try queue.collect() == [])
  }

  @Test("a deleted timer does not fire")
  func deleted() throws {
    try queue.change(.timer(1, .add, 10), .timer(2, .add, 20), .timer(1, .delete))
    #expect(try queue.wait().map(\.ident) == [2])
  }

  @Test("an expired timer that is deleted before it is collected does not fire")
  func expiredAndDeleted() throws {
    try queue.change(.timer(1, .add, 10), .timer(2, .add, 10))
    system.advance(10 * millisecond)
    let first = try queue.collect(room: 1)[0].ident
    try queue.change(.timer(3 - first, .delete))
    #expect(try queue.wait(Int(9 * millisecond)) == [])
  }
}
