import KQueue
import Testing

/// What print() says of events.
@Suite struct DescriptionTests {
  @Test func bytesAndTheEnd() throws {
    let queue = try KernelQueue()
    let pair = Pair.sockets
    try queue.add(.read(pair.other))
    pair.send("hello")
    pair.closeOne()
    // A program that another test starts has the other end until it has come to its exec().
    var event = try #require(try queue.events().first)
    while !event.isEndOfFile { event = try #require(try queue.events().first) }
    #expect("\(event)" == "read(\(pair.other)): 5 bytes, end of file")
  }

  @Test func whatHappened() throws {
    let queue = try KernelQueue()
    try queue.add(.user(3, flags: 5), tag: 1)
    try queue.trigger(3)
    #expect(try queue.events().map { "\($0)" } == ["user(3, flags: 5)"])
    #expect("\(KernelQueue.VnodeEvents([.write, .extend]))" == "[write, extend]")
    #expect("\(KernelQueue.VnodeEvents([.truncate, .delete]))" == "[delete, truncate]")
    #expect("\(KernelQueue.ProcessEvents([.exit, .fork, .child]))" == "[fork, exit, child]")
    #expect("\(KernelQueue.FileSystemEvents(rawValue: 0x108))" == "[mount, 0x100]")
    #expect("\(KernelQueue.VnodeEvents())" == "[]")
  }

  @Test func endsAndFailures() throws {
    let queue = try KernelQueue()
    let pid = try spawn("read line; exit 3")
    defer { pid.reap() }
    try queue.add(.process(pid.number, .exit))
    pid.letGo()
    #expect(try queue.events().map { "\($0)" } == ["process(\(pid.number), [exit]): exited(3)"])
    var buffer = KernelQueue.EventBuffer(capacity: 1)
    try queue.wait(into: &buffer, applying: [.delete(.timer(1))])
    #expect(buffer.events.map { "\($0)" } == ["timer(1): No such file or directory"])
  }
}
