// Copies standard input to standard output, with the descriptors and errors of swift-system.
//
// SPDX-License-Identifier: BSD-2-Clause
import KQueue
import SystemPackage

@main
struct Copier {
  static func main() async throws {
    let queue = try KernelQueue()
    let input = FileDescriptor.standardInput
    do {
      // Whatever has a descriptor's number can be watched.
      try queue.add(.read(input))
    } catch {
      // Both have an Errno; this one is KernelQueue's, and its number is the same.
      throw SystemPackage.Errno(rawValue: error.rawValue)
    }
    for try await event in queue.events {
      guard try copy(input, event.bytes) else { break }
    }
  }

  /// Returns whether more may come. A device does not tell how much there is.
  private static func copy(_ input: FileDescriptor, _ count: Int) throws -> Bool {
    let room = min(max(count, 1), 65536)
    let bytes = try [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
      count = try input.read(into: UnsafeMutableRawBufferPointer(buffer))
    }
    try FileDescriptor.standardOutput.writeAll(bytes)
    return !bytes.isEmpty
  }
}
