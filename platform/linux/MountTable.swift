import CKQueueShims.Linux
import KQueueCore

/// The mounts that a process sees, for FS: /proc tells that they changed, and a comparison with what they were tells
/// how (contract 6.11).
struct MountTable: BitwiseCopyable {
  private(set) var descriptor: CInt = -1
  private var users = 0
  private var mounts = Mounts()

  /// One more knote wants to know.
  /// - Throws: EINVAL where there is no /proc, EMFILE, ENFILE, ENOMEM.
  mutating func open(in set: EpollSet) throws(Errno) {
    if descriptor < 0 { try start(in: set) }
    users += 1
  }

  private mutating func start(in set: EpollSet) throws(Errno) {
    let fresh = try Errno.check(OwnDescriptors.move(Self.openFile()))
    OwnFiles.note(fresh)
    do throws(Errno) {
      try set.add(fresh, Self.events, EpollToken.source(.mounts))
      _ = try mounts.readAnew(fresh)
    } catch {
      mounts.free()
      kq_close_descriptor(fresh)
      throw error
    }
    descriptor = fresh
  }

  private static func openFile() -> CInt {
    let file = openToRead("/proc/self/mountinfo")
    return file >= 0 || file == -EMFILE || file == -ENFILE || file == -ENOMEM ? file : -EINVAL
  }

  mutating func leave() {
    users -= 1
    if users == 0 { close() }
  }

  /// Enters it into a set that takes another's place.
  func enter(_ set: EpollSet) {
    if descriptor >= 0 { try? set.add(descriptor, Self.events, EpollToken.source(.mounts)) }
  }

  /// Makes epoll report it once more.
  func update(in set: EpollSet) {
    try? set.modify(descriptor, Self.events, EpollToken.source(.mounts))
  }

  /// Writes one happening, of any knote: the core tells all of the filter.
  mutating func gather(
    _ knotes: borrowing KnoteSlab<LinuxKnote>, _ buffer: UnsafeMutableBufferPointer<Happening>
  ) -> Int {
    guard let bits = try? mounts.readAnew(descriptor), bits != 0 else { return 0 }
    var place: UInt32 = 0
    while let knote = knotes.next(&place) {
      guard knote.kind == .fs else { continue }
      let token = knote.token
      buffer[0] = Happening(token, bits: bits)
      return 1
    }
    return 0
  }

  mutating func close() {
    if descriptor >= 0 { OwnDescriptors.close(descriptor) }
    descriptor = -1
    mounts.free()
  }

  /// A change wakes, whatever the bits. The table can always be read, so that an entry that is new or modified is
  /// reported at once, and compared.
  private static var events: UInt32 { EPOLLIN.rawValue | EPOLLET.rawValue }
}

extension LinuxBackend {
  mutating func attachMounts(_ knote: LinuxKnoteRef) throws(Errno) -> Backing {
    try mounts.open(in: main)
    knote.platform.place = .facility
    watched += 1
    return .kernel
  }

  mutating func detachMounts(_ knote: LinuxKnoteRef) {
    guard knote.platform.place == .facility else { return }
    knote.platform.place = .none
    mounts.leave()
    watched -= 1
  }
}
