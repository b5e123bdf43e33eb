import KQueueCore
import Support
import Testing

/// No call to the system that could be spared.
@Suite("Effort") struct EffortTests {
  let system = FakeSystem()
  let queue: FakeQueue

  init() throws {
    queue = try FakeQueue(on: system)
  }

  /// The calls that something makes.
  private func calls(_ body: () throws -> Void) rethrows -> [FakeCall] {
    _ = queue.kernel.takeCalls()
    try body()
    return queue.kernel.takeCalls()
  }

  @Test("collecting from a kqueue without knotes, with a timeout of 0, makes no call")
  func empty() throws {
    #expect(try calls { _ = try queue.collect() } == [])
  }

  @Test("a trigger that its own call collects makes no call")
  func ownTrigger() throws {
    try queue.change(.user(1, [.add, .clear]))
    var events: [Entry] = []
    let made = try calls { events = try queue.exchange(.user(1, [], .trigger)) }
    #expect(events.count == 1)
    #expect(made == [])
  }

  @Test("collecting from idle USER knotes with a timeout of 0 makes no call")
  func idleUser() throws {
    try queue.change(.user(1, [.add, .clear]))
    #expect(try calls { _ = try queue.collect() } == [])
  }

  @Test("a trigger makes one wake-up, and no second one before it is collected")
  func oneWake() throws {
    try queue.change(.user(1, [.add, .clear]), .user(2, [.add, .clear]))
    let made = try calls {
      try queue.change(.user(1, [], .trigger))
      try queue.change(.user(1, [], .trigger))
      try queue.change(.user(2, [], .trigger))
    }
    #expect(made == [.wake])
  }

  @Test("waiting for a descriptor is one call")
  func oneWait() throws {
    let descriptor = system.open()
    try queue.change(.read(descriptor, .add))
    _ = try queue.wait(1)
    system.fill(descriptor, 1)
    #expect(try calls { _ = try queue.wait() } == [.wait(room: 64, nanoseconds: nil)])
  }

  @Test("asking for descriptors is one call, for no more than fits")
  func onePoll() throws {
    for _ in 0..<10 { try queue.change(.read(system.open(readable: 1), .add)) }
    #expect(try calls { _ = try queue.collect(room: 4) } == [.poll(room: 4)])
    #expect(try calls { _ = try queue.collect(room: 64) } == [.poll(room: 64)])
  }

  @Test("delivery makes no call for the knote, however it is flagged, but for EV_ONESHOT")
  func settles() throws {
    for flags: Flags in [[], .clear, .dispatch, [.clear, .dispatch]] {
      try queue.change(.read(system.open(readable: 1), flags.union(.add)))
    }
    var events: [Entry] = []
    #expect(try calls { events = try queue.collect() } == [.poll(room: 64)])
    #expect(events.count == 4)
    let descriptor = system.open(readable: 1)
    try queue.change(.read(descriptor, [.add, .oneshot]))
    let made = try calls { _ = try queue.collect() }
    #expect(made.contains(.detach(descriptor, -1)))
  }

  @Test("what was reported is not asked about again")
  func noInquiry() throws {
    for _ in 0..<10 { try queue.change(.read(system.open(readable: 1), [.add, .clear])) }
    #expect(try queue.collect().count == 10)
    #expect(queue.kernel.inquiries == 0)
  }

  @Test("reports that did not fit are delivered at the next call, which asks once for what is new")
  func leftovers() throws {
    try queue.change(.user(1, [.add, .oneshot], .trigger))
    for _ in 0..<5 { try queue.change(.read(system.open(readable: 1), [.add, .clear])) }
    #expect(try queue.collect(room: 1).count == 1)
    var events: [Entry] = []
    let made = try calls { events = try queue.collect(room: 2) }
    #expect(events.count == 2)
    #expect(made.count { if case .poll = $0 { true } else { false } } == 1)
  }

  @Test("a timer is armed when it is the earliest, and not else")
  func arms() throws {
    let now = system.monotonic
    #expect(try calls { try queue.change(.timer(1, .add, 50)) }.last == .arm(.monotonic, now + 50 * millisecond))
    #expect(try calls { try queue.change(.timer(2, .add, 60)) } == [])
    #expect(try calls { try queue.change(.timer(3, .add, 40)) } == [.arm(.monotonic, now + 40 * millisecond)])
    #expect(try calls { try queue.change(.timer(2, .delete)) } == [])
    #expect(try calls { try queue.change(.timer(3, .delete)) } == [.arm(.monotonic, now + 50 * millisecond)])
    #expect(try calls { try queue.change(.timer(1, .delete)) } == [.arm(.monotonic, nil)])
  }

  @Test("a timer that its own call adds and deletes is never armed")
  func addAndDelete() throws {
    try queue.change(.timer(1, .add, 50))
    let made = try calls { try queue.change(.timer(2, .add, 5), .timer(2, .delete)) }
    #expect(made == [])
  }

  @Test("a tick is one wait and one arming")
  func tick() throws {
    try queue.change(.timer(1, .add, 10))
    _ = try queue.wait()
    let next = system.monotonic + 20 * millisecond
    let made = try calls { _ = try queue.wait() }
    #expect(made == [.wait(room: 64, nanoseconds: nil), .arm(.monotonic, next)])
  }

  @Test("timers that lie close together cost one wake-up")
  func closeTogether() throws {
    for ident in 0..<100 {
      try queue.change(.timer(UInt(ident), [.add, .oneshot], 1_000_000 + 100 * ident, .nanoseconds))
    }
    var waits = 0
    var fired = 0
    while fired < 100 {
      fired += try queue.wait(1_000_000_000).count
      waits += 1
    }
    #expect(waits <= 3)
  }

  @Test("EV_ENABLE and EV_DISABLE are one call each")
  func enableDisable() throws {
    let descriptor = system.open()
    try queue.change(.read(descriptor, .add))
    #expect(try calls { try queue.change(.read(descriptor, .disable)) } == [.update(descriptor, -1)])
    #expect(try calls { try queue.change(.read(descriptor, .enable)) } == [.update(descriptor, -1)])
  }

  @Test("changes without room are applied without asking for reports")
  func changesOnly() throws {
    let descriptor = system.open(readable: 1)
    #expect(try calls { try queue.change(.read(descriptor, .add)) } == [.attach(descriptor, -1)])
    #expect(try calls { try queue.change(.read(descriptor, .delete)) } == [.detach(descriptor, -1)])
  }
}
