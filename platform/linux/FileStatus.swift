import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// What a file was like when it was last looked at.
public struct FileStatus: BitwiseCopyable {
  /// What stat(2) says of a file, as far as changes are told from it; times in nanoseconds.
  struct Values: BitwiseCopyable {
    var device: UInt64 = 0
    var inode: UInt64 = 0
    /// When the inode became this file's; 0 where the system does not say.
    var born: Int64 = 0
    var size: Int64 = 0
    var blocks: Int64 = 0
    var modified: Int64 = 0
    var changed: Int64 = 0
    var links: UInt32 = 0
    var mode: UInt32 = 0
    var user: UInt32 = 0
    var group: UInt32 = 0
  }

  var values = Values()

  init() {}

  /// - Throws: EBADF, ENOMEM, and what else fstat(2) fails with.
  @inline(never)
  init(of descriptor: CInt) throws(Errno) {
    let result = readExtended(descriptor)
    if result == 0 { return }
    if result == -EBADF { throw Errno(EBADF) }
    try read(descriptor)
  }

  /// statx(2), the one call that tells a file's birth. Linux before 4.11 and some sandboxes have none.
  /// - Returns: 0, or a negative errno.
  private mutating func readExtended(_ descriptor: CInt) -> CInt {
    var got = kq_extended_status()
    let emptyPath = 0x1000
    let nothing: UInt8 = 0
    let result = withUnsafePointer(to: nothing) { path in
      withUnsafeMutablePointer(to: &got) { got in
        KernelCall.statx.make(
          Int(descriptor), Int(bitPattern: path), emptyPath, KQ_STATUS_BASICS | KQ_STATUS_BIRTH, Int(bitPattern: got))
      }
    }
    if result < 0 { return CInt(truncatingIfNeeded: result) }
    let (major, minor) = (UInt64(got.device_major), UInt64(got.device_minor))
    values.device = (major & ~0xfff) << 32 | (major & 0xfff) << 8 | (minor & ~0xff) << 12 | minor & 0xff
    values.inode = got.inode
    values.born = Int(got.mask) & KQ_STATUS_BIRTH != 0 ? nanoseconds(got.born) : 0
    values.size = Int64(truncatingIfNeeded: got.size)
    values.blocks = Int64(truncatingIfNeeded: got.blocks)
    values.modified = nanoseconds(got.modified)
    values.changed = nanoseconds(got.changed)
    values.links = got.links
    values.mode = UInt32(got.mode)
    values.user = got.user
    values.group = got.group
    return 0
  }

  private mutating func read(_ descriptor: CInt) throws(Errno) {
    var got = stat()
    if fstat(descriptor, &got) == -1 { throw Errno(kq_errno()) }
    values.device = UInt64(truncatingIfNeeded: got.st_dev)
    values.inode = UInt64(truncatingIfNeeded: got.st_ino)
    values.size = Int64(got.st_size)
    values.blocks = Int64(got.st_blocks)
    values.modified = nanoseconds(got.st_mtim)
    values.changed = nanoseconds(got.st_ctim)
    values.links = UInt32(truncatingIfNeeded: got.st_nlink)
    values.mode = UInt32(got.st_mode)
    values.user = UInt32(got.st_uid)
    values.group = UInt32(got.st_gid)
  }

  var isDirectory: Bool { values.mode & UInt32(S_IFMT) == UInt32(S_IFDIR) }

  // MARK: Names

  /// Whether a descriptor is of a file that has, had or could have a name: no pipe, socket, eventfd, ...
  func isNameable(_ descriptor: CInt) -> Bool {
    if values.mode & UInt32(S_IFMT) == 0 { return false }  // what is anonymous has no type
    // Only file systems with names fail, as those of a network do.
    guard let system = FileSystem(of: descriptor) else { return true }
    if system == .temporary { return values.links > 0 || !isMemory }
    return !system.isUnmountable
  }

  /// A file of memfd_create(2) looks like one of any tmpfs that was unlinked, but since Linux 6.13 nothing is told of it.
  /// Only its device gives it away.
  private var isMemory: Bool {
    let nothing: UInt8 = 0
    let closesOnExec = 1
    let descriptor = adopt(
      withUnsafePointer(to: nothing) { systemCall(KQ_SYS_MEMFD_CREATE, Int(bitPattern: $0), closesOnExec) })
    guard descriptor >= 0 else { return false }
    defer { kq_close_descriptor(descriptor) }
    return (try? FileStatus(of: descriptor))?.values.device == values.device
  }

  // MARK: Looks

  /// An inode that is free may be another file's at once; when it was made tells them apart. A sandbox entered
  /// meanwhile may keep that to itself.
  func isSameFile(as other: FileStatus) -> Bool {
    let (born, otherBorn) = (values.born, other.values.born)
    return values.inode == other.values.inode && values.device == other.values.device
      && (born == otherBorn || born == 0 || otherBorn == 0)
  }

  /// Takes over what these events tell of, and nothing else: what changed meanwhile has an event to come, which
  /// must find it changed.
  mutating func follow(_ now: FileStatus, _ events: FileEvents) {
    if events.has(.overflow) { self = now }
    if events.has(.modified) || events.has(.entries) {
      values.size = now.values.size
      values.blocks = now.values.blocks
      values.modified = now.values.modified
    }
    if events.has(.changed) || events.has(.deleted) {
      values.links = now.values.links
      values.mode = now.values.mode
      values.user = now.values.user
      values.group = now.values.group
      values.modified = now.values.modified
    }
    values.changed = now.values.changed
  }

  /// Takes over what nobody watched it for, so that it may be old.
  mutating func catchUp(_ now: FileStatus, watchedFor events: FileEvents) {
    if !events.has(.modified) && !events.has(.entries) { follow(now, .modified) }
    if !events.has(.changed) { follow(now, .changed) }
  }
}

private func nanoseconds(_ time: kq_extended_time) -> Int64 {
  time.seconds &* 1_000_000_000 &+ Int64(time.nanoseconds)
}

// MARK: What happened

extension FileStatus {
  /// The NOTE_ bits of what happened to a file (the table of contract 6.5).
  /// - Parameter now: what it is like after these events.
  func notes(_ events: FileEvents, _ now: FileStatus) -> UInt32 {
    var notes: CInt = 0
    if events.has(.overflow) { notes |= differences(now) }
    if events.has(.entries) {
      notes |= NOTE_WRITE | (grew(now) ? NOTE_EXTEND : 0) | (events.has(.directory) ? NOTE_LINK : 0)
    }
    if events.has(.modified) { notes |= isDirectory ? NOTE_ATTRIB : content(events, now) }
    if events.has(.changed) { notes |= attributes(now) }
    if events.has(.deleted) { notes |= links(now) & NOTE_DELETE }
    if events.has(.accessed) { notes |= NOTE_READ | (setsAccessTime(events, now) ? NOTE_ATTRIB : 0) }
    if events.has(.moved) { notes |= NOTE_RENAME }
    if events.has(.opened) { notes |= NOTE_OPEN }
    if events.has(.closed) { notes |= NOTE_CLOSE }
    if events.has(.closedAfterWriting) { notes |= NOTE_CLOSE_WRITE }
    if events.has(.unmounted) { notes |= NOTE_REVOKE }
    return UInt32(notes)
  }

  private func grew(_ now: FileStatus) -> Bool {
    now.values.size > values.size
  }

  private func content(_ events: FileEvents, _ now: FileStatus) -> CInt {
    if now.values.size < values.size { return NOTE_TRUNCATE | NOTE_ATTRIB | NOTE_WRITE }
    if grew(now) { return NOTE_WRITE | NOTE_EXTEND | (endsInNewHole(now) ? NOTE_ATTRIB : 0) }
    // A write sets both times alike; utimensat(2) may set this one alone (C-221).
    let setsTime = now.values.modified != now.values.changed && !events.has(.changed) && !events.has(.moved)
    return NOTE_WRITE | (setsTime ? NOTE_ATTRIB : 0)
  }

  /// Whether a file grew beyond its blocks and got none, which a write would have taken: it was ftruncate(2). A file
  /// system of a program's own may tell of any number of blocks.
  private func endsInNewHole(_ now: FileStatus) -> Bool {
    now.values.blocks <= values.blocks && (now.values.size &- 1) / 512 >= values.blocks
  }

  /// What an event of attributes was about; the number of links is one of them.
  private func attributes(_ now: FileStatus) -> CInt {
    let links = links(now)
    return links == 0 || isChanged(now) ? links | NOTE_ATTRIB : links
  }

  private func links(_ now: FileStatus) -> CInt {
    guard now.values.links != values.links else { return 0 }
    if now.values.links == 0 { return NOTE_DELETE }
    // A directory's links are its subdirectories' names for it.
    return isDirectory ? 0 : NOTE_LINK
  }

  private func isChanged(_ now: FileStatus) -> Bool {
    now.values.mode != values.mode || now.values.user != values.user || now.values.group != values.group
  }

  /// Whether a file was touched rather than read: reading leaves ctime alone.
  private func setsAccessTime(_ events: FileEvents, _ now: FileStatus) -> Bool {
    !events.has(.modified) && !events.has(.changed) && !events.has(.moved)
      && now.values.changed != values.changed && now.values.modified == values.modified
  }

  /// What can be told without events.
  private func differences(_ now: FileStatus) -> CInt {
    let isWritten = now.values.modified != values.modified
    var notes = links(now)
    if isDirectory {
      if isWritten { notes |= NOTE_WRITE | (grew(now) ? NOTE_EXTEND : 0) }
      if notes & NOTE_DELETE == 0 && now.values.links != values.links { notes |= NOTE_LINK }
    } else if isWritten || now.values.size != values.size {
      notes |= content(.changed, now)
    }
    let isUnexplained = notes == 0 && now.values.changed != values.changed
    return notes | (isChanged(now) || isUnexplained ? NOTE_ATTRIB : 0)
  }
}
