// A TCP echo server in tasks: one a connection, no more than a hundred, each of which is dropped after ten idle
// seconds, or as many as its argument says. It says its port, and on SIGTERM lets go of all of them and ends.
//
// SPDX-License-Identifier: BSD-2-Clause
import Glibc
import KQueue

let readiness = try Readiness()
let limit = Duration.seconds(CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 10)
let listener = makeListener()
signal(SIGPIPE, SIG_IGN)  // A client that is gone is an error of write().

try await withThrowingTaskGroup(of: Void.self) { group in
  group.addTask { try await readiness.run() }
  group.addTask { try await acceptAll() }
  _ = try await readiness.event(of: .signal(SIGTERM))
  group.cancelAll()  // Every task that waits is woken by it, and closes what it has.
  while case .failure = await group.nextResult() {}
}

/// Takes connections while there are less than the most; those that wait meanwhile stay in the kernel's queue.
func acceptAll() async throws {
  try await withThrowingTaskGroup(of: Void.self) { clients in
    var count = 0
    while !Task.isCancelled {
      _ = try await readiness.event(of: .read(listener))
      let client = accept(listener, nil, nil)
      guard client >= 0, fcntl(client, F_SETFL, O_NONBLOCK) == 0 else { continue }
      if count == 100 { _ = await clients.nextResult() } else { count += 1 }
      clients.addTask { await serve(client) }
    }
  }
}

/// Sends back what comes. Nothing is read before what was read has gone: who does not take it, sends no more.
func serve(_ client: CInt) async {
  var buffer = [UInt8](repeating: 0, count: 16384)
  while true {
    let count = read(client, &buffer, buffer.count)
    if count < 0 && errno == EAGAIN {
      guard await isReady(.read(client)) else { break }
    } else if count <= 0 {
      break
    } else if await !send(buffer[..<count], to: client) {
      break
    }
  }
  close(client)
}

func send(_ bytes: ArraySlice<UInt8>, to client: CInt) async -> Bool {
  var rest = bytes
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { write(client, $0.baseAddress, $0.count) }
    if count >= 0 {
      rest = rest.dropFirst(count)
    } else {
      guard errno == EAGAIN, await isReady(.write(client)) else { return false }
    }
  }
  return true
}

/// Whether it came, and not the end: of the time or of the server.
func isReady(_ registration: KernelQueue.Registration) async -> Bool {
  (try? await readiness.event(of: registration, within: limit)) != nil
}

func makeListener() -> CInt {
  let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  withUnsafeMutableBytes(of: &address) { bytes in
    let address = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
    guard bind(listener, address, length) == 0, listen(listener, 99) == 0 else { fatalError("listen: \(errno)") }
    getsockname(listener, address, &length)
  }
  print("listening on 127.0.0.1:\(UInt16(bigEndian: address.sin_port))")
  fflush(nil)
  return listener
}
