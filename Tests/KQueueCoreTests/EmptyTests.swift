import CKQueue
import CKQueueShims
import KQueueCore
import Support
import Testing

/// EMPTY over a system that tells nobody when a send queue runs empty (contract 6.4): it is looked at before long.
@Suite("EMPTY") struct EmptyTests {
  let queue: FakeQueue
  let socket: CInt
  private var system: FakeSystem { queue.system }

  init() throws {
    queue = try FakeQueue()
    socket = queue.system.open()
  }

  @Test("C-208 an idle socket fires, by level")
  func idle() throws {
    try queue.change(.empty(socket, .add))
    for _ in 0..<3 { #expect(try queue.collect() == [.empty(socket, .add)]) }
  }

  @Test("C-209 a sleeper has it within 50 ms of the last byte's going")
  func sleeper() throws {
    system.fill(socket, 100)
    try queue.change(.empty(socket, .add))
    system.after(60_000_000) { [system, socket] in system.drain(socket) }
    let before = system.monotonic
    #expect(try queue.wait() == [.empty(socket, .add)])
    #expect(60_000_000...110_000_000 ~= system.monotonic - before)
  }

  @Test("C-209 a call with a timeout ends in time, and with nothing")
  func timeout() throws {
    system.fill(socket, 100)
    try queue.change(.empty(socket, .add))
    let before = system.monotonic
    #expect(try queue.wait(90_000_000) == [])
    #expect(system.monotonic - before == 90_000_000)
  }

  @Test("Nobody is woken for a socket that is disabled or deleted")
  func quiet() throws {
    system.fill(socket, 100)
    try queue.change(.empty(socket, .add))
    #expect(try queue.collect() == [])
    try queue.change(.empty(socket, .disable))
    #expect(waits(within: 200_000_000) == 1)
    try queue.change(.empty(socket, .enable))
    #expect(waits(within: 200_000_000) > 4)
    try queue.change(.empty(socket, .delete))
    #expect(waits(within: 200_000_000) == 1)
  }

  /// How often a thread goes to sleep in so long a wait.
  private func waits(within nanoseconds: Int) -> Int {
    let before = queue.kernel.sleeps
    _ = try? queue.wait(nanoseconds)
    return queue.kernel.sleeps - before
  }

  @Test("EV_DISPATCH delivers once, and again when enabled")
  func dispatch() throws {
    try queue.change(.empty(socket, [.add, .dispatch]))
    #expect(try queue.collect() == [.empty(socket, [.add, .dispatch])])
    #expect(try queue.collect() == [])
    try queue.change(.empty(socket, .enable))
    #expect(try queue.collect() == [.empty(socket, [.add, .dispatch])])
  }

  @Test("A timer is on time beside it")
  func timer() throws {
    system.fill(socket, 100)
    try queue.change(.empty(socket, .add), .timer(1, [.add, .oneshot], 10))
    let before = system.monotonic
    #expect(try queue.wait().map(\.filter) == [Int16(EVFILT_TIMER)])
    #expect(system.monotonic - before == 10_000_000)
  }
}
