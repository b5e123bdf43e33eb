import CKQueue
import CKQueueShims
import Foundation
import KQueueCore
import NullPlatform
import Support
import Testing

/// The least that a platform can be (docs/adding-a-platform.md): TIMER and USER are whole on it.
@Suite("Null platform") struct NullPlatformTests {
  let queue: PlatformQueue<NullBackend>

  init() throws {
    queue = try PlatformQueue()
  }

  @Test("USER: triggered, cleared, level, oneshot")
  func user() throws {
    #expect(try queue.exchange(.user(1, [.add, .clear], .bits(3))) == [])
    #expect(try queue.exchange(.user(1, [], .trigger, udata: 7)) == [.user(1, [.add, .clear], .bits(3), udata: 7)])
    #expect(try queue.exchange() == [])
    #expect(try queue.exchange(.user(2, .add, .trigger)).map(\.ident) == [2])
    #expect(try queue.exchange().map(\.ident) == [2])
    #expect(try queue.exchange(.user(2, .delete), .user(3, [.add, .oneshot], .trigger)).map(\.ident) == [3])
    #expect(try queue.refusal(.user(3, .delete)) == Int(ENOENT))
  }

  @Test("TIMER: on both clocks, one at a time where there is room for one")
  func timers() throws {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    let absolute = Entry.timer(2, [.add, .oneshot], now.tv_sec, [.absolute, .seconds])
    _ = try queue.kevent([.timer(1, [.add, .oneshot], 1), absolute], room: 0)
    var told: [UInt] = []
    for _ in 0..<2 { told += try queue.kevent([], room: 1, timeout: 5_000_000_000).map(\.ident) }
    #expect(told.sorted() == [1, 2])
    #expect(try queue.kevent([], timeout: 2_000_000) == [])
  }

  @Test("TIMER: a period counts on, and a deleted one is silent")
  func period() throws {
    _ = try queue.kevent([.timer(1, .add, 1)], room: 0)
    var ticks = 0
    while ticks < 5 { ticks += try queue.next().map(\.data).reduce(0, +) }
    #expect(try queue.exchange(.timer(1, .delete)) == [])
    #expect(try queue.kevent([], timeout: 5_000_000) == [])
  }

  @Test("a trigger, a shorter timer and a close reach who waits already", arguments: [1, 2])
  func wakes(waiters: Int) async throws {
    let queue = self.queue
    _ = try queue.kevent([.timer(1, [.add, .oneshot], 3_600_000), .user(1, [.add, .clear])], room: 0)
    for change in [Entry.user(1, [], .trigger), .timer(2, [.add, .oneshot], 1)] {
      let told = try await waiting(1) { _ = try queue.kevent([change], room: 0) }
      #expect(told == [.success([change.ident])])
    }
    let ends = try await waiting(waiters) { queue.close() }
    #expect(ends == Array(repeating: .failure(Errno(EBADF)), count: waiters))
  }

  /// What so many threads get that wait, most likely, before something is done.
  private func waiting(_ count: Int, _ body: () throws -> Void) async throws -> [Result<[UInt], Errno>] {
    let queue = self.queue
    let results = AsyncStream.makeStream(of: Result<[UInt], Errno>.self)
    for _ in 0..<count {
      // Not on one of the threads that tests run on, of which there are few.
      Thread.detachNewThread {
        do { results.continuation.yield(.success(try queue.next().map(\.ident))) } catch {
          results.continuation.yield(.failure(error as? Errno ?? Errno(EINVAL)))
        }
      }
    }
    usleep(10_000)
    try body()
    var got: [Result<[UInt], Errno>] = []
    for await result in results.stream.prefix(count) { got.append(result) }
    return got
  }

  @Test(
    "whatever needs a platform is EINVAL, and no knote is made",
    arguments: [
      EVFILT_READ, EVFILT_WRITE, EVFILT_VNODE, EVFILT_PROC, EVFILT_SIGNAL, EVFILT_FS, EVFILT_EMPTY, EVFILT_EXCEPT,
    ])
  func refused(filter: CInt) throws {
    #expect(try queue.refusal(Entry(Int16(filter), 0, .add)) == Int(EINVAL))
    #expect(try queue.refusal(Entry(Int16(filter), 0, .delete)) == Int(EINVAL))
  }

  @Test("NOTE_FILE_POLL_INTERVAL is ENOSYS where files are not sampled (C-341)")
  func interval() throws {
    let question = Entry(Int16(EVFILT_LIBKQUEUE), 0, .add, Notes(rawValue: UInt32(NOTE_FILE_POLL_INTERVAL)))
    #expect(try queue.refusal(question) == Int(ENOSYS))
  }

  // MARK: The page

  @Test("docs/adding-a-platform.md lists the files that there are")
  func page() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let page = try String(
      contentsOf: root.deletingLastPathComponent().appendingPathComponent("docs/adding-a-platform.md"), encoding: .utf8)
    let listed = Set(page.matches(of: /`Tests\/NullPlatform\/([\w\/.]+\.\w+)`/).map { String($0.1) })
    let names = FileManager.default.enumerator(atPath: root.appendingPathComponent("NullPlatform").path)
    let there = Set((names?.allObjects as? [String] ?? []).filter { !URL(fileURLWithPath: $0).pathExtension.isEmpty })
    #expect(listed == there)
    #expect(there.count > 4)
  }
}
