// What the documentation shows, compiled: each fenced block stands here between two comments, as a test checks.
//
// SPDX-License-Identifier: BSD-2-Clause
import KQueue

func waiting() throws {
  // snippet
  let queue = try KernelQueue()
  try queue.add(.timer(1, every: .seconds(1)))
  var buffer = KernelQueue.EventBuffer(capacity: 64)
  while try queue.wait(into: &buffer) > 0 {
    for event in buffer.events { print(event.source) }
  }
  // end
}

func events(_ queue: borrowing KernelQueue) async throws {
  // snippet
  for try await event in queue.events {
    print(event.source)
  }
  // end
}

func everyInput() async throws {
  // snippet
  let queue = try KernelQueue()
  try queue.add(.read(0), .clear)
  for try await event in queue.events {
    print(event.bytes, "bytes can be read")
  }
  // end
}

func batches(_ queue: borrowing KernelQueue) async throws {
  // snippet
  for try await batch in queue.batches(upTo: 256) {
    for event in batch { print(event.source) }
  }
  // end
}

func changes(_ queue: borrowing KernelQueue, _ socket: CInt) throws {
  // snippet
  try queue.apply([.add(.read(socket)), .add(.write(socket), .disabled), .delete(.timer(1))])
  // end
}

func fromEpoll(_ socket: CInt, serve: (CInt) -> Void) throws {
  // snippet
  let queue = try KernelQueue()
  try queue.add(.read(socket), .clear)  // EPOLLIN | EPOLLET

  var buffer = KernelQueue.EventBuffer(capacity: 64)
  try queue.wait(into: &buffer, timeout: .milliseconds(500))  // epoll_wait(..., 64, 500)
  for event in buffer.events {
    if event.isEndOfFile { print("no more than \(event.bytes) bytes") }
    if case .read(let socket) = event.source { serve(socket) }
  }
  // end
}

func inOneCall(_ queue: borrowing KernelQueue, _ socket: CInt) throws {
  var buffer = KernelQueue.EventBuffer(capacity: 64)
  // snippet
  try queue.wait(into: &buffer, applying: [.enable(.write(socket)), .delete(.timer(1))])
  // end
}

func receipts(_ queue: borrowing KernelQueue, _ sockets: [CInt]) throws {
  // snippet
  for receipt in try queue.receipts(for: sockets.map { .add(.read($0)) }) {
    if let error = receipt.error { print("\(receipt.key): \(error)") }
  }
  // end
}

func fromDispatch(_ socket: CInt, _ file: CInt, _ child: CInt, serve: (CInt) -> Void) async throws {
  // snippet
  let queue = try KernelQueue()
  try queue.apply([
    .add(.read(socket)),  // DispatchSource.makeReadSource
    .add(.timer(1, every: .seconds(5))),  // makeTimerSource
    .add(.signal(15)),  // makeSignalSource
    .add(.process(child, .exit)),  // makeProcessSource
    .add(.vnode(file, [.write, .delete]), .clear),  // makeFileSystemObjectSource
    .add(.user(1), .clear),  // makeUserDataOrSource
  ])
  for try await event in queue.events {
    switch event.source {
    case .read(let socket): serve(socket)
    case .timer(_, let count): print("\(count) times 5 seconds")
    case .process(let pid, _): print("\(pid): \(event.exitStatus!)")
    case .vnode(_, let what): print(what.contains(.delete) ? "deleted" : "written")
    case .signal: return
    default: continue
    }
  }
  // end
}

func handingOver() async throws {
  // snippet
  let queue = try KernelQueue()
  try queue.add(.user(1), .clear)
  let events = queue.events
  let consumer = Task {
    for try await event in events { print(event.source) }
  }
  try queue.trigger(1)
  try queue.close()  // The loop ends.
  try await consumer.value
  // end
}

func absolute(_ queue: borrowing KernelQueue) throws {
  // snippet
  try queue.add(.timer(2, at: .now.advanced(by: .seconds(3600))))
  // end
}
