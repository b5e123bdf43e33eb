import CKQueueShims
import Support
import Testing

@testable import KQueueCore

/// The static memory that C has for what handlers and forked children share: what the core keeps there fits.
@Suite("Shared memory") struct SharedMemoryTests {
  private static let wordBytes = MemoryLayout<UInt>.size

  @Test("A signal's record, and the actions behind it")
  func signals() {
    #expect(MemoryLayout<SignalRecord>.size <= SignalRecord.frontOffset)
    #expect(SignalRecord.frontOffset + MemoryLayout<StoredAction>.stride <= Int(KQ_SIGNAL_BYTES))
    #expect(MemoryLayout<StoredAction>.stride <= Int(KQ_FRONT_BYTES))
    #expect(MemoryLayout<SignalState>.size <= Int(KQ_SIGNAL_BYTES))
    #expect(SignalRecord.frontOffset % MemoryLayout<StoredAction>.alignment == 0)
    #expect(Int(KQ_SIGNAL_BYTES) % MemoryLayout<StoredAction>.alignment == 0)
    #expect(Int(KQ_FRONT_BYTES) % MemoryLayout<StoredAction>.alignment == 0)
  }

  @Test("Those who listen to signals: 24 bytes each, of 64-bit words")
  func listeners() {
    #expect(MemoryLayout<Listeners.Listener>.stride == 24)
    #expect(MemoryLayout<Listeners.Listener>.alignment <= MemoryLayout<UInt64>.alignment)
  }

  @Test("What C has as a struct of its own has the core's size and alignment")
  func structs() {
    #expect(MemoryLayout<KernelCall.Known>.size == MemoryLayout<kq_known_calls>.size)
    #expect(MemoryLayout<OwnDescriptors.State>.size == MemoryLayout<kq_own_numbers>.size)
    #expect(MemoryLayout<ChildTable.Counts>.size == MemoryLayout<kq_child_counts>.size)
    #expect(MemoryLayout<ChildTable.Place>.stride == MemoryLayout<kq_child_place>.stride)
    #expect(MemoryLayout<KernelCall.Known>.alignment == MemoryLayout<kq_known_calls>.alignment)
    #expect(MemoryLayout<OwnDescriptors.State>.alignment == MemoryLayout<kq_own_numbers>.alignment)
    #expect(MemoryLayout<ChildTable.Counts>.alignment == MemoryLayout<kq_child_counts>.alignment)
    #expect(MemoryLayout<ChildTable.Place>.alignment == MemoryLayout<kq_child_place>.alignment)
  }

  @Test("What is kept in words: the segments in two, what a fork copies in three")
  func words() {
    #expect(MemoryLayout<Kept>.size == 2 * Self.wordBytes)
    #expect(MemoryLayout<ForkedCopies<FakeBackend>>.size <= 3 * Self.wordBytes)
  }
}
