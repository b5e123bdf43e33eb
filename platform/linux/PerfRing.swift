import CKQueueShims.Linux
import KQueueCore

/// A ring into which perf writes the forks and execs of watched threads on one processor.
struct PerfRing: BitwiseCopyable {
  /// Descriptor + 1; 0 where the processor is switched off.
  var number: CInt
  var memory: UnsafeMutableRawPointer?

  var hasNews: Bool { written != taken }

  // MARK: Opening

  private static var pages: Int { 4 }
  private static var pageSize: Int { sysconf(CInt(_SC_PAGESIZE)) }
  private static var size: Int { pageSize * (pages + 1) }

  /// Processors that there may be, each of which needs a ring.
  static var processors: Int { max(sysconf(CInt(_SC_NPROCESSORS_CONF)), 1) }

  /// Maps a ring for a processor, which need not be switched on.
  /// - Throws: EACCES, ENOTSUP, ... where it may not be; EMFILE, ENFILE, ENOMEM.
  @inline(never)
  init(processor: Int) throws(Errno) {
    if kq_environment_says("KQUEUE_NO_PERF") { throw Errno(ENOTSUP) }  // for the tests
    // Of the first thread, which ends last as a rule; what it is about itself does not matter.
    let descriptor = PerfEvent.open(kq_process(), processor, 0)
    number = 0
    if descriptor == -ENODEV { return }
    try Errno.check(descriptor)
    guard let fresh = Self.map(descriptor) else {
      let error = Errno(kq_errno())
      kq_close_descriptor(descriptor)
      throw error
    }
    number = descriptor + 1
    memory = fresh
  }

  private static func map(_ descriptor: CInt) -> UnsafeMutableRawPointer? {
    let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
    return Int(bitPattern: memory) == -1 ? nil : memory
  }

  func close() {
    _ = munmap(memory, Self.size)
    OwnDescriptors.close(number - 1)
  }

  // MARK: Reading

  private var head: UnsafeMutablePointer<kq_ring_head> {
    memory.unsafelyUnwrapped.assumingMemoryBound(to: kq_ring_head.self)
  }

  /// What was written, and what was read, in bytes since it was made.
  private var written: UInt64 { kq_ring_written(head) }
  private var taken: UInt64 { head.pointee.tail }

  /// Reads what was written.
  /// - Returns: how many events were written to the buffer; 0 where there is none, -ENOBUFS where some were lost. A
  ///   loss is told alone, after what came before it.
  func read(_ events: UnsafeMutablePointer<ProcessEvent>) -> CInt {
    let end = self.written
    var place = taken
    var written = 0
    defer { kq_ring_take(head, place) }
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

  /// A record may go on at the ring's beginning, after any 8 bytes of it.
  @inline(never)
  private func record(at place: UInt64) -> kq_ring_record {
    let pageSize = Self.pageSize
    let size = Self.pages * pageSize
    let data = memory.unsafelyUnwrapped + pageSize
    var record = kq_ring_record()
    withUnsafeMutableBytes(of: &record) { bytes in
      var index = 0
      while index < bytes.count {
        let offset = Int(truncatingIfNeeded: (place &+ UInt64(index)) % UInt64(size))
        bytes.storeBytes(
          of: data.loadUnaligned(fromByteOffset: offset, as: UInt64.self), toByteOffset: index, as: UInt64.self)
        index += 8
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
