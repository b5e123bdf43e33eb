// A TCP echo server on a free port of 127.0.0.1. It says which, and ends on SIGTERM.
//
// SPDX-License-Identifier: BSD-2-Clause
import Glibc
import KQueue

let queue = try KernelQueue()
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
signal(SIGPIPE, SIG_IGN)  // A client that is gone is an error of write().
try queue.apply([.add(.read(listener)), .add(.signal(SIGTERM))])

/// What came from a client and has not gone back yet. While there is something, nothing more is read from it.
var unsent: [CInt: ArraySlice<UInt8>] = [:]
var buffer = [UInt8](repeating: 0, count: 16384)

@MainActor func acceptClient() throws {
  let client = accept(listener, nil, nil)
  guard client >= 0, fcntl(client, F_SETFL, O_NONBLOCK) == 0 else { return }
  try queue.apply([.add(.read(client)), .add(.write(client), .disabled)])
}

@MainActor func receive(_ client: CInt) throws {
  guard unsent[client]?.isEmpty != false else { return }  // An event from before it was disabled.
  let count = read(client, &buffer, buffer.count)
  if count > 0 { try send(client, buffer[..<count]) } else if count == 0 || errno != EAGAIN { close(client) }
}

@MainActor func send(_ client: CInt, _ bytes: ArraySlice<UInt8>) throws {
  let count = bytes.withUnsafeBytes { write(client, $0.baseAddress, $0.count) }
  if count < 0 && errno != EAGAIN {
    unsent[client] = nil
    close(client)  // It takes the registrations along.
    return
  }
  let rest = bytes.dropFirst(max(count, 0))
  let isWaiting = unsent.updateValue(rest, forKey: client)?.isEmpty == false
  guard isWaiting == rest.isEmpty else { return }
  try queue.apply(
    rest.isEmpty
      ? [.disable(.write(client)), .enable(.read(client))] : [.disable(.read(client)), .enable(.write(client))])
}

for try await event in queue.events {
  switch event.source {
  case .read(listener): try acceptClient()
  case .read(let client): try receive(client)
  case .write(let client): try send(client, unsent[client] ?? [])
  default: exit(0)
  }
}
