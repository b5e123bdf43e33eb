// Says which names come to a folder, go from it and are another file than before: folder-watcher FOLDER.
//
// kqueue tells that a folder has changed, not how; the names are compared with those of before. A file is known by its
// number, so that one that was replaced under its name is told. It ends when the folder is deleted.
//
// SPDX-License-Identifier: BSD-2-Clause
import Glibc
import KQueue

let path = CommandLine.arguments.count == 2 ? CommandLine.arguments[1] : "."
let folder = open(path, O_RDONLY | O_DIRECTORY)
guard folder >= 0 else { fatalError("\(path): \(String(cString: strerror(errno)))") }

func names() -> [String: UInt64] {
  var found: [String: UInt64] = [:]
  guard let listing = opendir(path) else { return found }
  defer { closedir(listing) }
  while let entry = readdir(listing) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
      pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    }
    if name != "." && name != ".." { found[name] = UInt64(entry.pointee.d_ino) }
  }
  return found
}

let queue = try KernelQueue()
// Watched before it is read: what comes between is told.
try queue.add(.vnode(folder, [.write, .delete]), .clear)
var known = names()
print("watching \(known.count) names")
fflush(nil)

for try await event in queue.events {
  guard case .vnode(_, let what) = event.source, !what.contains(.delete) else { break }
  let now = names()
  for name in known.keys.sorted() where now[name] == nil { print("- \(name)") }
  for name in now.keys.sorted() where known[name] != now[name] { print("\(known[name] == nil ? "+" : "*") \(name)") }
  known = now
  fflush(nil)
}
