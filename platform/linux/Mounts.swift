import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// The mounts of /proc/self/mountinfo as they were read last: each as a hash of what it is and where, in order.
struct Mounts: BitwiseCopyable {
  private var hashes: UnsafeMutablePointer<UInt64>?
  private var count = 0
  private var room = 0
  private var isKnown = false

  /// - Returns: VQ_MOUNT, VQ_UNMOUNT, as the mounts differ from what was read before.
  /// - Throws: ENOMEM, or what the system says.
  mutating func readAnew(_ descriptor: CInt) throws(Errno) -> UInt32 {
    var now = Mounts()
    do throws(Errno) {
      try now.readAll(descriptor)
    } catch {
      now.free()
      throw error
    }
    now.sort()
    now.isKnown = true
    let bits = isKnown ? difference(to: now) : 0
    free()
    self = now
    return bits
  }

  mutating func free() {
    if let hashes { Arena.unmap(hashes, count: room) }
    self = Mounts()
  }

  // MARK: Reading

  private mutating func readAll(_ descriptor: CInt) throws(Errno) {
    let text = try Arena.map(UInt8.self, count: Self.pieceSize)
    defer { Arena.unmap(text, count: Self.pieceSize) }
    try Errno.check(rewind(descriptor))
    var line = MountLine()
    while true {
      let got = try Errno.check(CInt(readFile(descriptor, text, Self.pieceSize)))
      if got == 0 { return }
      for place in 0..<Int(got) {
        guard let hash = line.take(text[place]) else { continue }
        try append(hash)
      }
    }
  }

  private static var pieceSize: Int { 4096 }

  private mutating func append(_ hash: UInt64) throws(Errno) {
    if count == room { try grow() }
    hashes.unsafelyUnwrapped[count] = hash
    count += 1
  }

  private mutating func grow() throws(Errno) {
    let size = max(room * 2, 512)
    let fresh = try Arena.map(UInt64.self, count: size)
    if let hashes {
      fresh.update(from: hashes, count: count)
      Arena.unmap(hashes, count: room)
    }
    (hashes, room) = (fresh, size)
  }

  // MARK: Comparing

  /// Shell's way: the standard library's takes memory of malloc.
  private func sort() {
    guard let hashes else { return }
    var gap = count / 2
    while gap > 0 {
      for start in gap..<count {
        let hash = hashes[start]
        var place = start
        while place >= gap && hashes[place - gap] > hash {
          hashes[place] = hashes[place - gap]
          place -= gap
        }
        hashes[place] = hash
      }
      gap /= 2
    }
  }

  private func difference(to now: Mounts) -> UInt32 {
    var bits: UInt32 = 0
    var (old, new) = (0, 0)
    while old < count || new < now.count {
      let isGone = new == now.count || old < count && self[old] < now[new]
      let isFresh = old == count || new < now.count && now[new] < self[old]
      if isGone { bits |= UInt32(VQ_UNMOUNT) }
      if isFresh { bits |= UInt32(VQ_MOUNT) }
      if !isFresh { old += 1 }
      if !isGone { new += 1 }
    }
    return bits
  }

  private subscript(place: Int) -> UInt64 { hashes.unsafelyUnwrapped[place] }
}

/// A line of mountinfo as it is read. Its first fields name the mount (its number, its parent's, the device, the root
/// and where it is mounted): a remount leaves them alone.
private struct MountLine {
  private var hash = Self.basis
  private var fields = 0

  /// FNV-1a.
  private static var basis: UInt64 { 0xcbf2_9ce4_8422_2325 }
  private static var naming: Int { 5 }

  /// - Returns: the hash of a line that ends here.
  mutating func take(_ byte: UInt8) -> UInt64? {
    if byte == UInt8(ascii: "\n") {
      defer { self = MountLine() }
      return hash
    }
    if fields < Self.naming { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    if byte == UInt8(ascii: " ") { fields += 1 }
    return nil
  }
}
