import Foundation
import KQueue
import Testing

/// Each filter by its registration, its key and its event.
@Suite struct FilterTests {
  @Test func reading() throws {
    let queue = try KernelQueue()
    let pair = Pair.sockets
    try queue.add(.read(pair.other), tag: 7)
    #expect(try queue.events(within: .zero).isEmpty)
    pair.send("hello")
    let event = try #require(try queue.events().first)
    #expect(event.source == .read(pair.other) && event.key == .read(pair.other))
    #expect(event.bytes == 5 && event.tag == 7 && !event.isEndOfFile && event.error == nil && !event.isFailedChange)
    pair.closeOne()
    #expect(try queue.events().map(\.isEndOfFile) == [true])
  }

  @Test func readingAtLeast() throws {
    let queue = try KernelQueue()
    let pair = Pair.sockets
    try queue.add(.read(pair.other, atLeast: 4))
    pair.send("123")
    #expect(try queue.events(within: .milliseconds(20)).isEmpty)
    pair.send("4")
    #expect(try queue.events().map(\.bytes) == [4])
  }

  @Test func readingWithoutTheNumber() throws {
    let queue = try KernelQueue()
    let pair = Pair.sockets
    try queue.declineData()
    try queue.add(.read(pair.other))
    pair.send("hello")
    // Where closes go unseen the number is asked for all the same.
    #expect(try [[1], [5]].contains(queue.events().map(\.bytes)))
    try queue.declineData(false)
    #expect(try queue.events().map(\.bytes) == [5])
  }

  @Test func writing() throws {
    let queue = try KernelQueue()
    let pair = Pair.pipe
    try queue.add(.write(pair.other))
    let event = try #require(try queue.events().first)
    #expect(event.source == .write(pair.other) && event.key == .write(pair.other))
    #expect(event.bytes > 1)
  }

  /// A refused connection: the end, and why.
  @Test func refusedConnection() throws {
    let queue = try KernelQueue()
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    let client = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
    defer { for descriptor in [bound, client] { close(descriptor) } }
    withUnsafeMutableBytes(of: &address) { bytes in
      let address = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!
      // A number that is taken, where nobody listens.
      #expect(bind(bound, address, length) == 0 && getsockname(bound, address, &length) == 0)
      _ = connect(client, address, length)
    }
    try queue.add(.write(client))
    let event = try #require(try queue.events().first)
    #expect(event.isEndOfFile && event.error == Errno(rawValue: ECONNREFUSED) && !event.isFailedChange)
  }

  @Test func urgentData() throws {
    let queue = try KernelQueue()
    let (client, server) = connectedTCP()
    defer { for descriptor in [client, server] { close(descriptor) } }
    try queue.add(.except(server))
    #expect(send(client, "x", 1, 0) == 1)
    #expect(try queue.events(within: .milliseconds(20)).isEmpty)
    #expect(send(client, "!", 1, CInt(MSG_OOB)) == 1)
    #expect(try queue.sources() == [.except(server)])
  }

  @Test func emptySendQueue() throws {
    let queue = try KernelQueue()
    let (client, server) = connectedTCP()
    defer { for descriptor in [client, server] { close(descriptor) } }
    try queue.add(.empty(client))
    let event = try #require(try queue.events().first)
    #expect(event.source == .empty(client) && event.key == .empty(client) && event.bytes == 0)
    let pipe = Pair.pipe
    #expect(throws: Errno.invalidArgument) { try queue.add(.empty(pipe.other)) }
  }

  @Test func files() throws {
    let queue = try KernelQueue()
    let file = TemporaryFile()
    try queue.add(.vnode(file.descriptor, [.write, .extend, .delete, .attributes]), .clear)
    #expect(write(file.descriptor, "x", 1) == 1)
    #expect(try queue.sources() == [.vnode(file.descriptor, [.write, .extend])])
    fchmod(file.descriptor, 0o400)
    #expect(try queue.sources() == [.vnode(file.descriptor, .attributes)])
    unlink(file.path)
    #expect(try queue.sources() == [.vnode(file.descriptor, .delete)])
    #expect(try queue.sources(within: .zero) == [])
  }

  @Test(arguments: [("exit 3", Event.ExitStatus.exited(3)), ("kill -9 $$", .killed(9)), ("exit 0", .exited(0))])
  func processes(script: String, status: Event.ExitStatus) throws {
    let queue = try KernelQueue()
    let pid = try spawn("read line; \(script)")
    try queue.add(.process(pid.number, .exit), tag: 1)
    #expect(try queue.events(within: .zero).isEmpty)
    pid.letGo()
    let event = try #require(try queue.events().first)
    #expect(event.source == .process(pid.number, .exit) && event.key == .process(pid.number))
    #expect(event.exitStatus == status && event.isEndOfFile && event.error == nil && event.parent == nil)
    #expect(throws: Errno.noSuchRegistration) { try queue.delete(.process(pid.number)) }
    pid.reap()
    #expect(throws: Errno.noSuchProcess) { try queue.add(.process(pid.number, .exit)) }
  }

  @Test func processDescriptors() throws {
    let queue = try KernelQueue()
    let pid = try spawn("read line; exit 5")
    defer {
      kill(pid.number, SIGKILL)  // where it was not let go
      pid.reap()
    }
    let descriptor = CInt(truncatingIfNeeded: syscallPidfdOpen(pid.number))
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    try queue.add(.processDescriptor(descriptor))
    pid.letGo()
    let event = try #require(try queue.events().first)
    #expect(event.source == .processDescriptor(descriptor, .exit) && event.exitStatus == .exited(5))
    #expect(event.key == .processDescriptor(descriptor))
  }

  @Test func signals() throws {
    let queue = try KernelQueue()
    try queue.add(.signal(SIGURG))
    #expect(kill(getpid(), SIGURG) == 0)
    let event = try #require(try queue.events().first)
    guard case .signal(SIGURG, let count) = event.source else { throw Unexpected(event: event) }
    #expect(count >= 1 && event.key == .signal(SIGURG))
    try queue.delete(.signal(SIGURG))
    #expect(throws: Errno.invalidArgument) { try queue.add(.signal(9999)) }
  }

  @Test func userEvents() throws {
    let queue = try KernelQueue()
    try queue.add(.user(.max, flags: 0xff00_0008), .clear, tag: 3)
    #expect(try queue.events(within: .zero).isEmpty)
    try queue.trigger(.max)
    try queue.trigger(.max, flags: .or(0b11))
    let event = try #require(try queue.events().first)
    // The top bits are none of the program's, and a trigger leaves the tag.
    #expect(event.source == .user(.max, flags: 0b1011) && event.tag == 3 && event.key == .user(.max))
    try queue.trigger(.max, flags: .and(0b1))
    #expect(try queue.sources() == [.user(.max, flags: 1)])
    try queue.trigger(.max, flags: .copy(0x0100_0005))
    #expect(try queue.sources() == [.user(.max, flags: 5)])
    #expect(throws: Errno.noSuchRegistration) { try queue.trigger(1) }
  }

  /// Nothing may be mounted here: it is taken, told nothing, and deleted.
  @Test func fileSystems() throws {
    let queue = try KernelQueue()
    try queue.add(.fileSystems([.mount, .unmount]))
    #expect(try queue.events(within: .milliseconds(20)).isEmpty)
    try queue.delete(.fileSystems)
    #expect(throws: Errno.noSuchRegistration) { try queue.delete(.fileSystems) }
  }

  /// A queue is watched like any other descriptor.
  @Test func queuesInQueues() throws {
    let outer = try KernelQueue()
    let inner = try KernelQueue()
    try outer.add(.read(inner.descriptor))
    try inner.add(.user(1), .clear)
    #expect(try outer.events(within: .milliseconds(20)).isEmpty)
    try inner.trigger(1)
    #expect(try outer.sources() == [.read(inner.descriptor)])
    #expect(throws: Errno.invalidArgument) { try outer.add(.read(outer.descriptor)) }
  }

  /// Types such as swift-system's FileDescriptor stand for their number.
  @Test func descriptorTypes() throws {
    struct FileDescriptor: RawRepresentable { let rawValue: CInt }
    let queue = try KernelQueue()
    let pair = Pair.sockets
    let descriptor = FileDescriptor(rawValue: pair.other)
    try queue.apply([.add(.read(descriptor)), .add(.write(descriptor))])
    #expect(try queue.sources() == [.write(pair.other)])
    try queue.apply([.delete(.read(descriptor)), .delete(.write(descriptor))])
    #expect(throws: Errno.noSuchRegistration) { try queue.delete(.read(descriptor)) }
    #expect(KernelQueue.Key.vnode(descriptor) == .vnode(pair.other))
    #expect(KernelQueue.Key.except(descriptor) == .except(pair.other))
    #expect(KernelQueue.Key.empty(descriptor) == .empty(pair.other))
    #expect(KernelQueue.Registration.vnode(descriptor, .write).key == .vnode(pair.other))
    #expect(KernelQueue.Registration.except(descriptor).key == .except(pair.other))
    #expect(KernelQueue.Registration.empty(descriptor).key == .empty(pair.other))
  }
}

struct Unexpected: Error {
  let event: Event
}

/// A connection through 127.0.0.1.
func connectedTCP() -> (client: CInt, server: CInt) {
  let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
  let client = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
  defer { close(listener) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  withUnsafeMutableBytes(of: &address) { bytes in
    let address = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!
    precondition(bind(listener, address, length) == 0 && listen(listener, 1) == 0)
    precondition(getsockname(listener, address, &length) == 0 && connect(client, address, length) == 0)
  }
  let server = accept(listener, nil, nil)
  precondition(server >= 0)
  return (client, server)
}

/// A shell that waits to be let go.
struct Child {
  let number: pid_t
  let input: Pair

  func letGo() {
    precondition(write(input.other, "\n", 1) == 1)
  }

  func reap() {
    waitpid(number, nil, 0)
  }
}

func spawn(_ script: String) throws -> Child {
  let input = Pair.pipe
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  posix_spawn_file_actions_adddup2(&actions, input.one, 0)
  var pid = pid_t()
  let arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), strdup("-c"), strdup(script), nil]
  defer { for argument in arguments { free(argument) } }
  try #require(posix_spawn(&pid, "/bin/sh", &actions, nil, arguments, environ) == 0)
  return Child(number: pid, input: input)
}

/// pidfd_open(2), of which not every libc has a function.
func syscallPidfdOpen(_ pid: pid_t) -> Int {
  pidfdOpen(434, Int(pid), 0)
}

@_silgen_name("syscall") private func pidfdOpen(_ number: Int, _ pid: Int, _ flags: Int) -> Int
