import CKQueue
import CKQueueShims
import Foundation
import KQueueCore
import KQueuePOSIX
import Support
import Testing

/// The POSIX platform under the core, in this process. The whole contract is passed by the program of the C ABI.
@Suite("POSIX", .serialized) struct POSIXTests {
  let queue: PlatformQueue<POSIXBackend>

  init() throws {
    queue = try PlatformQueue()
  }

  @Test("it serves what poll(2), sigaction(2), waitid(2) and fstat(2) can tell of")
  func filters() throws {
    for filter in [Filter.read, .write, .vnode, .proc, .signal] {
      #expect(POSIXBackend.filters.contains(FilterSet(filter)), "\(filter)")
    }
    for filter in [Filter.procdesc, .fs, .empty] where !POSIXBackend.filters.contains(FilterSet(filter)) {
      #expect(try queue.refusal(Entry(filter.rawValue, 0, .add)) == Int(EINVAL), "\(filter)")
    }
  }

  @Test("READ counts the bytes of a pipe, and is silent once they are taken")
  func reads() throws {
    let pipe = try Pair.pipe()
    #expect(try queue.exchange(.read(pipe.reading, .add)) == [])
    pipe.put(5)
    #expect(try queue.next() == [.read(pipe.reading, .add, data: 5)])
    pipe.take(5)
    #expect(try queue.exchange() == [])
  }

  @Test("WRITE tells room, and none where there is none")
  func writes() throws {
    let pipe = try Pair.pipe()
    let ready = try queue.next(.write(pipe.writing, .add))
    #expect(ready.map(\.ident) == [UInt(pipe.writing)])
    pipe.fill()
    #expect(try queue.exchange() == [])
  }

  @Test("where there is no room for all, each is told before any comes again")
  func fairness() throws {
    let pipes = try (0..<10).map { _ in try Pair.pipe() }
    for pipe in pipes {
      pipe.put(1)
      _ = try queue.kevent([.read(pipe.reading, .add)], room: 0)
    }
    var told: [UInt] = []
    for _ in 0..<5 { told += try queue.exchange(room: 2).map(\.ident) }
    #expect(Set(told) == Set(pipes.map { UInt($0.reading) }))
  }

  @Test("a change wakes who waits already")
  func changeWhileWaiting() async throws {
    let pipe = try Pair.pipe()
    pipe.put(1)
    let queue = self.queue
    let told = try await withCheckedThrowingContinuation { continuation in
      // Not on one of the threads that tests run on, of which there are few.
      Thread.detachNewThread { continuation.resume(with: Result { try queue.next() }) }
      usleep(20_000)  // so that it most likely waits by then
      do { _ = try queue.kevent([.read(pipe.reading, .add)], room: 0) } catch { Issue.record(error) }
    }
    #expect(told == [.read(pipe.reading, .add, data: 1)])
  }

  @Test("USER and TIMER need no descriptor")
  func coreFilters() throws {
    #expect(try queue.next(.user(1, [.add, .clear]), .user(1, [], .trigger)).map(\.ident) == [1])
    #expect(try queue.next(.timer(2, [.add, .oneshot], 1)) == [.timer(2, [.add, .clear, .oneshot], 1)])
  }

  @Test("VNODE tells that a file grew")
  func vnode() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("posix-\(UUID().uuidString)").path
    let descriptor = open(path, O_RDWR | O_CREAT, 0o600)
    defer { _ = (unlink(path), Foundation.close(descriptor)) }
    try #require(descriptor >= 0)
    #expect(try queue.exchange(.vnode(descriptor, [.add, .clear], [.written, .extended])) == [])
    write(descriptor, "abc", 3)
    #expect(try queue.next().map(\.notes) == [[.written, .extended]])
    _ = try queue.kevent([.vnode(descriptor, .delete)], room: 0)
  }

  @Test("PROC tells a child's end and leaves it to be waited for; other processes are ENOTSUP")
  func process() throws {
    var child: pid_t = 0
    let arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), strdup("-c"), strdup("read a; exit 3"), nil]
    defer { for argument in arguments { free(argument) } }
    let input = try Pair.pipe()
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, input.reading, 0)
    try #require(posix_spawn(&child, "/bin/sh", &actions, nil, arguments, environ) == 0)
    #expect(try queue.exchange(.process(UInt(child), .add, .exit)) == [])
    write(input.writing, "\n", 1)
    let end = try queue.next()
    #expect(end.map(\.data) == [3 << 8])
    var status: CInt = 0
    #expect(waitpid(child, &status, 0) == child && status == 3 << 8)
    #expect(try queue.refusal(.process(UInt(getppid()), .add, .exit)) == Int(ENOTSUP))
  }

  @Test("SIGNAL counts")
  func signal() throws {
    #expect(try queue.exchange(.signal(UInt(SIGWINCH), .add)) == [])
    kill(getpid(), SIGWINCH)
    #expect(try queue.next().map(\.data) == [1])
    _ = try queue.kevent([.signal(UInt(SIGWINCH), .delete)], room: 0)
  }

  @Test("C-125: a number names no kqueue where it is open and no pipe's reading end")
  func numbers() throws {
    let pipe = try Pair.pipe()
    let file = open("/dev/null", O_RDONLY | O_CLOEXEC)
    let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    #expect(POSIXBackend.namesNoKQueue(file))
    #expect(POSIXBackend.namesNoKQueue(socket))
    #expect(POSIXBackend.namesNoKQueue(pipe.writing))
    #expect(!POSIXBackend.namesNoKQueue(pipe.reading))
    #expect(!POSIXBackend.namesNoKQueue(CInt.max), "what is closed is nothing")
    for number in [file, socket] { close(number) }
  }

  @Test("NOTE_FILE_POLL_INTERVAL is the platform's")
  func interval() throws {
    try POSIXBackend.setFilePollInterval(250_000_000)
    #expect(throws: Errno(EINVAL)) { try POSIXBackend.setFilePollInterval(-1) }
  }
}

/// A pipe whose ends outlive the kqueue that watches them, and close then.
final class Pair {
  let reading: CInt
  let writing: CInt

  private init(_ reading: CInt, _ writing: CInt) {
    (self.reading, self.writing) = (reading, writing)
  }

  static func pipe() throws -> Pair {
    var ends: [CInt] = [0, 0]
    try #require(Foundation.pipe(&ends) == 0)
    return Pair(ends[0], ends[1])
  }

  deinit {
    _ = (Foundation.close(reading), Foundation.close(writing))
  }

  func put(_ count: Int) {
    let bytes = [UInt8](repeating: 0, count: count)
    #expect(write(writing, bytes, count) == count)
  }

  func take(_ count: Int) {
    var bytes = [UInt8](repeating: 0, count: count)
    #expect(read(reading, &bytes, count) == count)
  }

  func fill() {
    _ = fcntl(writing, F_SETFL, O_NONBLOCK)
    let bytes = [UInt8](repeating: 0, count: 4096)
    while write(writing, bytes, bytes.count) > 0 {}
  }
}
