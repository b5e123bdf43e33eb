// Says what happens to files, until all are deleted: file-watcher FILE...
//
// SPDX-License-Identifier: BSD-2-Clause
import Glibc
import KQueue

let names = Array(CommandLine.arguments.dropFirst())
let words: [(KernelQueue.VnodeEvents, String)] = [
  (.delete, "deleted"), (.write, "written"), (.extend, "longer"), (.truncate, "shorter"),
  (.attributes, "attributes"), (.link, "links"), (.rename, "renamed"), (.revoke, "revoked"),
]
let everything = words.reduce(into: KernelQueue.VnodeEvents()) { $0.formUnion($1.0) }

let queue = try KernelQueue()
for (number, name) in names.enumerated() {
  let file = open(name, O_RDONLY)
  guard file >= 0 else { fatalError("\(name): \(String(cString: strerror(errno)))") }
  // The tag comes back with every event: here the file's place among the names.
  try queue.add(.vnode(file, everything), .clear, tag: UInt(number))
}
print("watching \(names.count) files")
fflush(nil)

var left = names.count
for try await event in queue.events {
  guard left > 0, case .vnode(let file, let events) = event.source else { break }
  print("\(names[Int(event.tag)]):", words.filter { events.contains($0.0) }.map(\.1).joined(separator: ", "))
  fflush(nil)
  guard events.contains(.delete) else { continue }
  close(file)  // It takes the registration along.
  left -= 1
  if left == 0 { break }
}
