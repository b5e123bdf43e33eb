import CKQueueShims
import Testing

@testable import KQueueCore

/// Actions of signals in memory that threads and handlers share.
@Suite("Stored actions", .serialized) struct StoredActionTests {
  /// Nobody watches it here.
  private let number: CInt = 40
  private var place: UnsafeMutablePointer<StoredAction> { SignalRecord.front(number, 0) }

  private func action(_ value: UInt, _ flags: Int = 0) -> kq_action {
    kq_action(
      handler: value, flags: CInt(flags), mask: kq_signal_numbers(low: UInt64(value) << 1, high: UInt64(value)))
  }

  @Test("What was stored last is read")
  func last() {
    for value in 1...5 as ClosedRange<UInt> {
      place.pointee.store(action(value))
      #expect(place.pointee.load().handler == value)
      #expect(place.pointee.load().mask.high == UInt64(value))
    }
  }

  @Test("SA_RESETHAND: taken once, the handler is the default one until another is stored")
  func resets() {
    place.pointee.store(action(7, KQ_SA_RESETHAND))
    #expect(place.pointee.load().handler == 7)
    #expect(place.pointee.take().handler == 7)
    #expect(place.pointee.take().handler == kq_default_action())
    #expect(place.pointee.load().handler == kq_default_action())
    place.pointee.store(action(8))
    #expect(place.pointee.take().handler == 8)
    #expect(place.pointee.take().handler == 8)
  }

  @Test("A reader never finds parts of two actions")
  func whole() async {
    place.pointee.store(action(1))
    let number = number
    let reader = Task.detached {
      var torn = 0
      for _ in 0..<200_000 {
        let read = SignalRecord.front(number, 0).pointee.load()
        if read.mask.low != UInt64(read.handler) << 1 || read.mask.high != UInt64(read.handler) { torn += 1 }
      }
      return torn
    }
    for value in 1...200_000 as ClosedRange<UInt> { place.pointee.store(action(value)) }
    #expect(await reader.value == 0)
  }
}
