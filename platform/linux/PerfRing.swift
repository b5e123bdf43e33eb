import CKQueueShims.Linux
import KQueueCore

/// A ring into which perf writes the forks and execs of watched threads on one processor.
struct PerfRing: BitwiseCopyable {
  /// Descriptor + 1; 0 where the processor is switched off.
  var number: CInt
  var memory: UnsafeMutableRawPointer?

  var hasNews: Bool { kq_ring_written(memory) != kq_ring_taken(memory) }

  /// Reads what was written.
  /// - Returns: how many events were written to the buffer; 0 where there is none, -ENOBUFS where some were lost. A
  ///   loss is told alone, after what came before it.
  func read(_ events: UnsafeMutablePointer<ProcessEvent>) -> CInt {
    let end = kq_ring_written(memory)
    var place = kq_ring_taken(memory)
    var written = 0
    defer { kq_ring_take(memory, place) }
    while place < end && written < ProcessEvent.batch {
      let record = record(at: place)
      if record.isLoss && written > 0 { break }
      place += UInt64(record.size)
      if record.isLoss { return -ENOBUFS }
      guard let event = record.event else { continue }
      events[written] = event
      written += 1
    }
    return CInt(written)
  }

  /// A record may go on at the ring's beginning.
  private func record(at place: UInt64) -> kq_ring_record {
    var size = 0
    let data = kq_ring_data(memory, &size).unsafelyUnwrapped
    var record = kq_ring_record()
    withUnsafeMutableBytes(of: &record) { bytes in
      for index in 0..<bytes.count {
        let offset = Int((place + UInt64(index)) % UInt64(size))
        bytes[index] = data.load(fromByteOffset: offset, as: UInt8.self)
      }
    }
    return record
  }
}

extension kq_ring_record {
  fileprivate var isLoss: Bool { Int(kind) == KQ_RING_LOSS }

  /// A process that was made, or a name that was given by exec(3); nil of anything else, as of threads.
  fileprivate var event: ProcessEvent? {
    switch Int(kind) {
    case KQ_RING_FORK where process != parent: return ProcessEvent(kind: .forked, process: parent, child: process)
    case KQ_RING_NAME where Int(misc) & KQ_RING_OF_EXEC != 0: return ProcessEvent(kind: .execed, process: process)
    default: return nil
    }
  }
}
