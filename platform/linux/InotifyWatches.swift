import CKQueueShims.Linux
import KQueueCore

/// One inotify instance a kqueue: tells that a file has changed for which READ waits at its end.
///
/// Knotes on one inode share a watch, since inotify has but one for each.
struct InotifyWatches: ~Copyable {
  typealias Knotes = KnoteSlab<LinuxKnote>

  private(set) var descriptor: CInt = -1
  /// Knotes by watch.
  private var knotesOfWatch = HashIndex()

  /// Grew, shrank, or had its content changed, and for a directory: an entry came or went.
  private static var mask: UInt32 {
    UInt32(IN_MODIFY) | UInt32(IN_ATTRIB) | UInt32(IN_CREATE) | UInt32(IN_DELETE) | UInt32(IN_MOVED_FROM)
      | UInt32(IN_MOVED_TO)
  }

  /// Watches the file behind a knote's descriptor.
  /// - Throws: EMFILE, ENFILE, ENOMEM; ENOTSUP where /proc is not to be had.
  mutating func add(_ index: UInt32, _ knotes: borrowing Knotes, in set: EpollSet) throws(Errno) {
    try open(in: set)
    try knotesOfWatch.reserve { Self.hash(knotes[$0].pointee.platform.watch) }
    let watch = kq_inotify_watch(descriptor, knotes[index].pointee.descriptor, Self.mask)
    switch watch {
    case -ENOSPC: throw Errno(ENOMEM)
    case -ENOENT, -ENOTDIR: throw Errno(ENOTSUP)
    default: knotes[index].pointee.platform.watch = try Errno.check(watch)
    }
    knotesOfWatch.insert(Self.hash(watch), index)
  }

  mutating func remove(_ index: UInt32, _ knotes: borrowing Knotes) {
    let watch = knotes[index].pointee.platform.watch
    knotesOfWatch.remove(Self.hash(watch), index)
    let shared = knotesOfWatch.find(Self.hash(watch)) { knotes[$0].pointee.platform.watch == watch } != nil
    if !shared { kq_inotify_remove(descriptor, watch) }
  }

  /// Writes a report for each knote whose file has changed; as many as fit.
  func gather(_ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>) -> Int {
    var written = 0
    withUnsafeTemporaryAllocation(byteCount: 1000, alignment: 8) { records in
      // Room for at least one knote must be left for each record, or its news would be lost.
      while written < buffer.count {
        let size = Int(kq_inotify_read(descriptor, records.baseAddress.unsafelyUnwrapped, records.count))
        guard size > 0 else { return }
        report(UnsafeRawBufferPointer(rebasing: records[..<size]), knotes, buffer, &written)
      }
    }
    return written
  }

  private func report(
    _ records: UnsafeRawBufferPointer, _ knotes: borrowing Knotes,
    _ buffer: UnsafeMutableBufferPointer<Happening>, _ written: inout Int
  ) {
    var place = 0
    while place < records.count {
      let watch = records.load(fromByteOffset: place, as: CInt.self)
      let nameLength = records.load(fromByteOffset: place + 12, as: UInt32.self)
      place += 16 + Int(nameLength)
      _ = knotesOfWatch.find(Self.hash(watch)) { index in
        if knotes[index].pointee.platform.watch == watch && written < buffer.count {
          buffer[written] = Happening(KnoteToken(index: index, generation: knotes[index].pointee.generation), bits: 0)
          written += 1
        }
        return false
      }
    }
  }

  private mutating func open(in set: EpollSet) throws(Errno) {
    guard descriptor < 0 else { return }
    let fresh = try Errno.check(kq_move_high(kq_inotify()))
    do throws(Errno) {
      try set.add(fresh, EPOLLIN.rawValue, EpollToken.source(.files))
    } catch {
      kq_close_descriptor(fresh)
      throw error
    }
    descriptor = fresh
  }

  /// Enters it into a set that takes another's place.
  func enter(_ set: EpollSet) {
    if descriptor >= 0 { try? set.add(descriptor, EPOLLIN.rawValue, EpollToken.source(.files)) }
  }

  /// Whether a knote's number names the file that it was registered for: one inode has one watch.
  func isSameFile(_ knote: LinuxKnotePointer) -> Bool {
    kq_inotify_watch(descriptor, knote.pointee.descriptor, Self.mask) == knote.pointee.platform.watch
  }

  mutating func close() {
    if descriptor >= 0 { kq_close_descriptor(descriptor) }
    descriptor = -1
    knotesOfWatch.removeAll()
  }

  @inline(__always)
  private static func hash(_ watch: CInt) -> UInt {
    HashIndex.hash(UInt(bitPattern: Int(watch)))
  }
}
