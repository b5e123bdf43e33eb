import Support
import Testing

@testable import KQueueCore

/// Slots that are used again while other threads still mean the kqueue that was there, in every order of their steps.
@Suite("Orders of threads and slots", .serialized) struct SlotOrdersTests {
  let system = FakeSystem()

  /// A number comes back without a close: kqueue() closes the kqueue that had it. Meanwhile another thread finds the same,
  /// and a third gets the slot, whose kqueue nobody closes.
  @Test("a kqueue in the slot of one that was closed unseen stays open")
  func slotUsedAgain() throws {
    let count = try Orders(interruptions: 3).explore {
      let first = try FakeQueue(on: system)
      let former = try #require(system.registry.find(first.number))
      var (second, third): (FakeQueue?, FakeQueue?)
      let threads: [() throws -> Void] = [
        { second = try FakeQueue(on: system, as: first.number) },
        {
          former.lock()
          if former.slot.pointee.number == first.number + 1 { former.closeUnseen() } else { former.unlock() }
        },
        { third = try FakeQueue(on: system) },
      ]
      return Orders.Scenario(threads) {
        for queue in [second, third] {
          try #require(queue).change(.user(1, .add, .trigger))
          #expect(try queue?.collect().map(\.ident) == [1])
        }
        // Here, and not where the last of the threads drops them: that has no turn any more.
        for queue in [first, second, third] { queue?.close() }
      }
    }
    #expect(count > 50)
  }

  /// A program closes a kqueue while another thread's call is at its beginning, which finds the number closed before the
  /// closer gets the lock. The wish to close is not meant for the kqueue that has the slot by then.
  @Test("a kqueue in the slot of one that two threads closed stays open")
  func slotOfOneThatWasClosedTwice() throws {
    let count = try Orders(interruptions: 3).explore {
      let first = try FakeQueue(on: system)
      let former = try #require(system.registry.find(first.number))
      var isClosed = false
      var second: FakeQueue?
      let threads: [() throws -> Void] = [
        {
          system.registry.beginClose(first.number)
          isClosed = true
          system.registry.endClose(first.number)
        },
        {
          former.lock()
          guard former.isOpen(as: first.number) else { return former.unlock() }
          former.reclaimClosed()
          if isClosed { former.closeUnseen() } else { former.unlock() }
        },
        { second = try FakeQueue(on: system) },
      ]
      return Orders.Scenario(threads) {
        try #require(second).change(.user(1, .add, .trigger))
        #expect(try second?.collect().map(\.ident) == [1])
        for queue in [first, second] { queue?.close() }
      }
    }
    #expect(count > 50)
  }
}
