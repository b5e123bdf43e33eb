import CKQueueShims
import KQueueCore
import Support
import Testing

/// SIGNAL (contract 6.8), with signals that a test sends.
@Suite("SIGNAL") struct SignalTests {
  let system = FakeSystem()
  let queue: FakeQueue

  init() throws {
    queue = try FakeQueue(on: system)
  }

  @Test("C-273 a signal is an event with its count; EV_CLEAR comes unasked, fflags and data mean nothing")
  func one() throws {
    #expect(try queue.exchange(.signal(10, .add, .bits(7), data: 5, udata: 3)) == [])
    system.raise(10)
    #expect(try queue.collect() == [.signal(10, [.add, .clear], data: 1, udata: 3)])
    #expect(try queue.collect() == [])
  }

  @Test("C-275 all that came before a delivery is one event", arguments: [1, 3, 100_000])
  func many(times: Int) throws {
    try queue.change(.signal(34, .add))
    for _ in 0..<min(times, 3) { system.raise(34, times: times) }
    #expect(try queue.collect().map(\.data) == [times * min(times, 3)])
  }

  @Test("C-275 counts that were told in parts add up until they are delivered")
  func inParts() throws {
    try queue.change(.signal(10, .add), .signal(12, .add))
    system.raise(10)
    system.raise(12, times: 2)
    let first = try queue.collect(room: 1)
    system.raise(12)
    system.raise(10, times: 4)
    let rest = try queue.collect()
    #expect((first + rest).filter { $0.ident == 10 }.map(\.data).reduce(0, +) == 5)
    #expect((first + rest).filter { $0.ident == 12 }.map(\.data).reduce(0, +) == 3)
  }

  @Test("A count is held at its limit and never wraps", arguments: [1 << 32 - 1, Int.max])
  func limit(times: Int) throws {
    try queue.change(.signal(10, .add), .user(1, .add, .trigger), .user(2, .add, .trigger))
    for _ in 0..<2 {
      system.raise(10, times: times)
      #expect(try queue.collect(room: 1).map(\.filter) == [Filter.user.rawValue])
    }
    let event = try #require(try queue.collect().first { $0.ident == 10 })
    #expect(event.data == Int(UInt32.max))
  }

  @Test("C-281 what is no signal is refused", arguments: [0, 65, UInt.max, UInt(bitPattern: -1)])
  func refused(number: UInt) throws {
    #expect(throws: Errno(EINVAL)) { try queue.change(.signal(number, .add)) }
    #expect(throws: Errno(ENOENT)) { try queue.change(.signal(number, .delete)) }
  }

  @Test("C-282 each of two kqueues counts")
  func twoQueues() throws {
    let other = try FakeQueue(on: system)
    try queue.change(.signal(10, .add))
    try other.change(.signal(10, .add))
    system.raise(10)
    #expect(try queue.collect().map(\.data) == [1])
    system.raise(10)
    #expect(try other.collect().map(\.data) == [2])
    #expect(try queue.collect().map(\.data) == [1])
  }

  @Test("C-283 a new knote starts from nothing, a second EV_ADD keeps what was counted")
  func startsFromNothing() throws {
    try queue.change(.signal(10, .add))
    system.raise(10)
    try queue.change(.signal(10, .delete), .signal(10, .add))
    #expect(try queue.collect() == [])
    system.raise(10)
    #expect(try queue.exchange(.signal(10, .add, udata: 4)) == [.signal(10, [.add, .clear], data: 1, udata: 4)])
  }

  @Test("C-284 under EV_DISPATCH it counts while disabled")
  func dispatch() throws {
    try queue.change(.signal(10, [.add, .dispatch]))
    for _ in 0..<3 {
      system.raise(10)
      #expect(try queue.collect() == [.signal(10, [.add, .clear, .dispatch], data: 1)])
      system.raise(10)
      #expect(try queue.collect() == [])
      #expect(try queue.exchange(.signal(10, .enable)).map(\.data) == [1])
      #expect(try queue.exchange(.signal(10, .enable)) == [])
    }
  }

  @Test("C-284 under EV_DISABLE it counts, and what was counted before stays")
  func disabled() throws {
    try queue.change(.signal(10, .add))
    system.raise(10)
    #expect(try queue.exchange(.signal(10, .disable)) == [])
    system.raise(10)
    #expect(try queue.collect() == [])
    #expect(try queue.exchange(.signal(10, .enable)).map(\.data) == [2])
    #expect(try queue.exchange(.signal(10, .enable)) == [])
  }

  @Test("F13 added disabled it is silent until EV_ENABLE")
  func addedDisabled() throws {
    try queue.change(.signal(10, [.add, .disable]))
    system.raise(10)
    #expect(try queue.collect() == [])
    #expect(try queue.exchange(.signal(10, .enable)).map(\.data) == [1])
  }

  @Test("C-284 EV_ONESHOT: one event, then it is gone and nothing of it is left")
  func oneshot() throws {
    try queue.change(.signal(10, [.add, .oneshot]))
    system.raise(10, times: 2)
    #expect(try queue.collect() == [.signal(10, [.add, .clear, .oneshot], data: 2)])
    #expect(throws: Errno(ENOENT)) { try queue.change(.signal(10, .delete)) }
    #expect(queue.kernel.takeCalls().contains(.detach(10, Filter.signal.rawValue)))
  }

  @Test("C-285 two signals do not cross")
  func twoSignals() throws {
    try queue.change(.signal(10, .add), .signal(12, .add))
    system.raise(12, times: 3)
    #expect(try queue.collect() == [.signal(12, [.add, .clear], data: 3)])
    system.raise(10)
    #expect(try queue.collect().map(\.ident) == [10])
  }

  @Test("A full eventlist loses nothing")
  func fullList() throws {
    for number in UInt(1)...20 { try queue.change(.signal(number, .add)) }
    for number in UInt(1)...20 { system.raise(number, times: Int(number)) }
    var seen: [UInt: Int] = [:]
    for _ in 0..<20 {
      for event in try queue.collect(room: 1) { seen[event.ident, default: 0] += event.data }
    }
    #expect(seen.count == 20)
    #expect(seen.allSatisfy { $0.key == UInt($0.value) })
    #expect(try queue.collect() == [])
  }

  @Test("A signal wakes a waiter, and one that ends the wait is delivered rather than EINTR")
  func waits() throws {
    try queue.change(.signal(10, .add))
    system.after(1000) { system.raise(10) }
    #expect(try queue.wait().map(\.data) == [1])
    system.raise(10)
    queue.kernel.interrupt()
    #expect(try queue.wait().map(\.data) == [1])
    #expect(throws: Errno(EINTR)) { try queue.wait() }
  }

  @Test("What its handler counts while the wait ends with EINTR is delivered")
  func interrupted() throws {
    try queue.change(.signal(10, .add))
    queue.kernel.interrupt()
    queue.kernel.beforeReturn = { system.raise(10) }
    #expect(try queue.wait().map(\.data) == [1])
  }

  @Test("C-287 the end of the kqueue ends the watch")
  func closing() throws {
    try queue.change(.signal(10, .add), .signal(12, [.add, .disable]))
    queue.close()
    #expect(queue.kernel.violations.isEmpty)
    let detached = queue.kernel.takeCalls().filter { $0 == .detach(10, -6) || $0 == .detach(12, -6) }
    #expect(detached.count == 2)
  }

  @Test("An EV_ADD that the system refuses leaves nothing", arguments: [EMFILE, ENOMEM])
  func attachFails(code: CInt) throws {
    system.fail(.attach, code)
    #expect(throws: Errno(code)) { try queue.change(.signal(10, .add)) }
    #expect(throws: Errno(ENOENT)) { try queue.change(.signal(10, .delete)) }
    try queue.change(.signal(10, .add))
    system.raise(10)
    #expect(try queue.collect().count == 1)
  }
}
