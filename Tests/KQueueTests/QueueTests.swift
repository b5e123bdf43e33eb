import Foundation
import KQueue
import Testing

/// A queue's life, its buffer and its errors.
@Suite struct QueueTests {
  @Test func closes() throws {
    let queue = try KernelQueue()
    let descriptor = queue.descriptor
    #expect(fcntl(descriptor, F_GETFD) == FD_CLOEXEC)
    // A duplicate tells whether the queue's own was closed: number and file alone may be another test's by then.
    let copy = dup(descriptor)
    defer { close(copy) }
    try queue.close()
    #expect(!isSameFile(descriptor, copy))
  }

  @Test func closesWhenItGoes() throws {
    let copy: CInt
    let descriptor: CInt
    do {
      let queue = try KernelQueue()
      descriptor = queue.descriptor
      copy = dup(descriptor)
      #expect(isSameFile(descriptor, copy))
      try queue.add(.user(1))
    }
    defer { close(copy) }
    #expect(!isSameFile(descriptor, copy))
  }

  @Test func moves() throws {
    func consume(_ queue: consuming KernelQueue) throws -> [Event.Source] {
      try queue.trigger(1)
      return try queue.sources()
    }
    let queue = try KernelQueue()
    let copy = dup(queue.descriptor)
    let descriptor = queue.descriptor
    defer { close(copy) }
    try queue.add(.user(1))
    let moved = queue
    #expect(isSameFile(descriptor, copy))
    #expect(try consume(moved) == [.user(1, flags: 0)])
    #expect(!isSameFile(descriptor, copy))
  }

  /// The number is the same, and so is what it names: kcmp(2).
  private func isSameFile(_ one: CInt, _ other: CInt) -> Bool {
    kcmp(312, Int(getpid()), Int(getpid()), 0, Int(one), Int(other)) == 0
  }

  @Test func reusesItsBuffer() throws {
    let queue = try KernelQueue()
    var buffer = KernelQueue.EventBuffer(capacity: 4)
    #expect(buffer.capacity == 4 && buffer.isEmpty && buffer.events.isEmpty)
    for id in 0..<10 as Range<UInt> {
      try queue.apply([.add(.user(id), .oneShot), .trigger(id)])
    }
    var seen: [[UInt]] = []
    var kept: [KernelQueue.Batch] = []
    while try queue.wait(into: &buffer, timeout: .zero) > 0 {
      seen.append(ids(buffer.events))
      if seen.count == 1 { kept.append(buffer.events) }
    }
    #expect(seen == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]])
    // What was kept is as it was.
    #expect(kept.map(ids) == [[0, 1, 2, 3]])
    #expect(buffer.isEmpty && buffer.count == 0)
  }

  private func ids(_ events: KernelQueue.Batch) -> [UInt] {
    events.compactMap { if case .user(let id, _) = $0.source { id } else { nil } }
  }

  @Test(arguments: [Duration.zero, .seconds(-5), .milliseconds(30), .nanoseconds(1)])
  func timesOut(timeout: Duration) throws {
    let queue = try KernelQueue()
    let clock = SuspendingClock()
    let start = clock.now
    #expect(try queue.events(within: timeout).isEmpty)
    #expect(clock.now - start >= timeout)
  }

  /// A change wakes a thread that waits for ever, or for longer than there are seconds.
  @Test(arguments: [nil, Duration.seconds(Int64.max)])
  func wakesAThread(timeout: Duration?) throws {
    let queue = try KernelQueue()
    try queue.add(.user(1), .clear)
    let events = Shared(queue)
    let done = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      var buffer = KernelQueue.EventBuffer(capacity: 1)
      #expect(throws: Never.self) { try events.queue.wait(into: &buffer, timeout: timeout) }
      #expect(buffer.count == 1)
      done.signal()
    }
    usleep(20_000)
    try events.queue.trigger(1)
    #expect(done.wait(timeout: .now() + 10) == .success)
  }

  final class Shared: Sendable {
    let queue: KernelQueue
    init(_ queue: consuming KernelQueue) { self.queue = queue }
  }

  @Test func closedDescriptorsGo() throws {
    let queue = try KernelQueue()
    let pair = Pair.sockets
    try queue.add(.read(pair.other))
    pair.send("x")
    let copy = dup(pair.other)
    defer { close(copy) }
    let other = pair.other
    pair.closeOther()
    #expect(try queue.events(within: .zero).isEmpty)
    #expect(throws: Errno.badDescriptor) { try queue.delete(.read(other)) }
  }

  @Test func errors() {
    #expect(Errno.badDescriptor.rawValue == EBADF)
    #expect("\(Errno.badDescriptor)" == "Bad file descriptor")
    let named: [(Errno, CInt)] = [
      (.invalidArgument, EINVAL), (.noSuchRegistration, ENOENT), (.noSuchProcess, ESRCH), (.notAllowed, EACCES),
      (.notSupported, ENOTSUP), (.noMemory, ENOMEM), (.tooManyDescriptors, EMFILE), (.interrupted, EINTR),
      (.brokenPipe, EPIPE), (.busy, EBUSY),
    ]
    for (error, code) in named { #expect(error.rawValue == code) }
  }
}

@_silgen_name("syscall") private func kcmp(_ n: Int, _ a: Int, _ b: Int, _ kind: Int, _ one: Int, _ other: Int) -> Int
