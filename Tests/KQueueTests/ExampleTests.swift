import Foundation
import Testing

/// The programs of docs/examples/swift, as they are used.
@Suite struct ExampleTests {
  @Test(arguments: ["swift-echo-server", "task-server"]) func echoServer(name: String) throws {
    // A busy machine may keep a client longer than the server's usual ten seconds.
    let server = try Program(name, name == "task-server" ? ["600"] : [])
    defer { server.process.terminate() }
    let words = server.line().split(separator: ":")
    let port = try #require(words.last.flatMap { UInt16($0) })
    let clients = try (0..<20).map { _ in try connect(to: port) }
    for (number, client) in clients.enumerated() { #expect(try echo(client, "client \(number)") == "client \(number)") }
    // One that hangs up harms nobody, nor does one that sends more than it takes.
    close(clients[0])
    #expect(try echo(clients[1], "still there") == "still there")
    try sendMuch(clients[2])
    #expect(try echo(clients[1], "and still") == "and still")
    // It lets go of those that are still connected.
    for client in clients.dropFirst(4) { close(client) }
    server.process.terminate()
    #expect(server.result().status == 0)
    for client in clients[1..<4] { close(client) }
  }

  @Test func fileWatcher() throws {
    let file = TemporaryFile()
    let watcher = try Program("file-watcher", [file.path])
    #expect(watcher.line() == "watching 1 files")
    #expect(write(file.descriptor, "x", 1) == 1)
    #expect(watcher.line() == "\(file.path): written, longer")
    #expect(ftruncate(file.descriptor, 0) == 0)
    #expect(watcher.line().contains("shorter"))
    unlink(file.path)
    #expect(watcher.line() == "\(file.path): deleted")
    let result = watcher.result()
    #expect(result.status == 0 && result.output.isEmpty)
  }

  @Test func folderWatcher() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let first = folder.appendingPathComponent("first")
    let second = folder.appendingPathComponent("second")
    try Data("1".utf8).write(to: first)
    let watcher = try Program("folder-watcher", [folder.path])
    #expect(watcher.line() == "watching 1 names")
    try Data("2".utf8).write(to: second)
    #expect(watcher.line() == "+ second")
    // Another file under a name that was there.
    #expect(rename(second.path, first.path) == 0)
    #expect(watcher.line() == "- second")
    #expect(watcher.line() == "* first")
    try FileManager.default.removeItem(at: first)
    #expect(watcher.line() == "- first")
    try FileManager.default.removeItem(at: folder)
    #expect(watcher.result().status == 0)
  }

  private func connect(to port: UInt16) throws -> CInt {
    let client = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    var limit = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
    let result = withUnsafeBytes(of: &address) { bytes in
      Glibc.connect(client, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
    }
    try #require(result == 0)
    return client
  }

  private func echo(_ client: CInt, _ text: String) throws -> String {
    try #require(write(client, text, text.utf8.count) == text.utf8.count)
    return String(decoding: try receive(client, text.utf8.count), as: UTF8.self)
  }

  private func receive(_ client: CInt, _ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var received = 0
    while received < count {
      let part = bytes.withUnsafeMutableBytes { read(client, $0.baseAddress! + received, count - received) }
      try #require(part > 0)
      received += part
    }
    return bytes
  }

  /// More than the sockets hold, read only when nothing more can be sent.
  private func sendMuch(_ client: CInt) throws {
    let bytes = (0..<64 * 1024).map { UInt8(truncatingIfNeeded: $0 / 7) }
    _ = fcntl(client, F_SETFL, O_NONBLOCK)
    var sent = 0
    var full = 0
    while full < 20 {
      let from = sent % bytes.count
      let count = bytes.withUnsafeBytes { write(client, $0.baseAddress! + from, bytes.count - from) }
      sent += max(count, 0)
      full = count > 0 ? 0 : full + 1
      if count < 0 { usleep(5000) }
    }
    _ = fcntl(client, F_SETFL, 0)
    let echoed = try receive(client, sent)
    #expect(sent > 1_000_000)
    #expect(echoed.indices.allSatisfy { echoed[$0] == bytes[$0 % bytes.count] })
  }
}
