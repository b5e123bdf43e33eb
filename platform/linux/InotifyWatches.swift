import CKQueueShims.Linux
import KQueueCore

/// One inotify instance a kqueue: tells what happens to files, for VNODE, and for READ at the end of one.
///
/// inotify tells that a file was written, or that something of its attributes changed; how much, and what, is told
/// from its status before and after. It has one watch for a file, which all knotes on that file share.
struct InotifyWatches: ~Copyable {
  typealias Knotes = KnoteSlab<LinuxKnote>

  private(set) var descriptor: CInt = -1
  var table = WatchTable()
  /// Knotes by the place of their file's watch.
  var sharers = HashIndex()
  /// Where events are read to.
  private(set) var memory: UnsafeMutableRawPointer?

  static var memorySize: Int { 16384 }
  /// A mask is made narrower for the sake of quiet only while few share it: all of them have to be asked.
  private static var fewSharers: UInt32 { 16 }

  /// Counts the looks at what there is, from 1 to 255 and again, so that what one saw is not taken for another's.
  private(set) var looks: UInt8 = 1

  mutating func beginLook() {
    looks = looks == .max ? 1 : looks + 1
  }

  // MARK: Knotes

  /// Watches the file behind a knote's descriptor.
  /// - Throws: EBADF, EMFILE, ENFILE, ENOMEM; EINVAL for VNODE on what is no file, and for memory that never had a name,
  ///   of which inotify tells nothing; ENOTSUP where /proc is not to be had.
  mutating func add(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes, in set: EpollSet) throws(Errno) {
    let number = knote.descriptor
    let status = try FileStatus(of: number)
    // What has a link has a name; READ need not ask more.
    if (knote.kind == .vnode || status.values.links == 0) && !status.isNameable(number) { throw Errno(EINVAL) }
    try open(in: set)
    try table.reserve()
    try sharers.reserve { Self.hash(knotes[$0].fileWatch) }

    let place = try watch(number, FileEvents.wanted(by: knote, isDirectory: status.isDirectory))
    knote.fileWatch = place
    share(place, knote)
    do throws(Errno) {
      try watchParent(of: place, for: knote)
    } catch {
      remove(knote, knotes)
      throw error
    }
  }

  mutating func remove(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) {
    let place = knote.fileWatch
    knote.platform.watch = 0
    knote.platform.happened = 0
    unshare(place, knote, knotes)
    if table[place].pointee.sharers == 0 { leaveParent(place) }
    if table[place].pointee.isUseless { release(place) } else { narrow(place, knotes) }
  }

  /// Follows a knote's new mask. What was told already stays told.
  /// - Throws: EBADF where its number is closed, ENOENT where it names another file; ENOMEM.
  mutating func update(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) {
    _ = try FileStatus(of: knote.descriptor)
    guard isSame(knote) else { throw Errno(ENOENT) }
    watchAgain(knote.fileWatch, knote, knotes)
    let place = knote.fileWatch
    let wanted = FileEvents.wanted(by: knote, isDirectory: table[place].pointee.status.isDirectory)
    if !wanted.isSubset(of: table[place].pointee.events) { _ = try watch(knote.descriptor, wanted) }
    try watchParent(of: place, for: knote)
    narrow(place, knotes)
  }

  /// Whether a knote's number names the file that it was registered for; it is believed to, where an open file's status
  /// cannot be had.
  func isSame(_ knote: LinuxKnoteRef) -> Bool {
    do throws(Errno) {
      let status = try FileStatus(of: knote.descriptor)
      return isSame(status, knote.fileWatch) && (!LinuxBackend.closesGoUnseen || isWatched(knote, status))
    } catch {
      return error.code != EBADF
    }
  }

  /// Whether a status is of a watched file. One that lost its last name, which ends its watch, gets no other; what has
  /// its inode and a name is another file.
  func isSame(_ status: FileStatus, _ place: UInt32) -> Bool {
    let record = table[place]
    return status.isSameFile(as: record.pointee.status) && (record.pointee.number != 0 || status.values.links == 0)
  }

  /// Whether what a number names is watched here: where it is, a watch that must be new is refused. An inode can be
  /// another file's within one tick of the clock, and then looks the same but for that. Of a file without a name the
  /// watch may have ended.
  private func isWatched(_ knote: LinuxKnoteRef, _ status: FileStatus) -> Bool {
    guard table[knote.fileWatch].pointee.number != 0, status.values.links > 0 else { return true }
    let fresh = Inotify.watchNew(descriptor, knote.descriptor)
    guard fresh >= 0 else { return true }  // EEXIST, or a kernel that does not know
    Inotify.remove(descriptor, fresh)
    return false
  }

  // MARK: Watches

  /// Widens the mask of a file's watch, or begins one; `reserve` made room.
  /// - Returns: the place of its watch.
  private mutating func watch(_ number: CInt, _ events: FileEvents) throws(Errno) -> UInt32 {
    let watch = try Self.check(Inotify.watch(descriptor, number, events.rawValue | UInt32(IN_MASK_ADD)))
    // Looked at when the watch is there, so that nothing falls between.
    let status: FileStatus
    do throws(Errno) {
      status = try FileStatus(of: number)
    } catch {
      if table.find(watch) == nil { Inotify.remove(descriptor, watch) }
      throw error
    }
    let place = table.find(watch) ?? table.insert(watch, status)
    let record = table[place]
    if record.pointee.sharers == 0 || record.pointee.isStale {
      record.pointee.status = status
      record.pointee.isStale = false
    } else {
      record.pointee.status.catchUp(status, watchedFor: record.pointee.events)
    }
    record.pointee.events.formUnion(events)
    return place
  }

  /// Narrows the mask of a file's watch to what its knotes ask for.
  private func narrow(_ place: UInt32, _ knotes: borrowing Knotes) {
    let record = table[place]
    guard record.pointee.number != 0, 1...Self.fewSharers ~= record.pointee.sharers else { return }
    let events = wanted(place, knotes)
    guard events != record.pointee.events, let knote = sharerInPlace(place, knotes) else { return }
    let watch = Inotify.watch(descriptor, knote.descriptor, events.rawValue)
    if watch == record.pointee.number {
      record.pointee.events = events
      return
    }
    // The number was closed in between and names another file.
    if let other = table.find(watch) {
      _ = Inotify.watch(descriptor, knote.descriptor, table[other].pointee.events.rawValue)
    } else if watch >= 0 {
      Inotify.remove(descriptor, watch)
    }
  }

  /// What the knotes of a file ask for.
  private func wanted(_ place: UInt32, _ knotes: borrowing Knotes) -> FileEvents {
    let record = table[place]
    var events = record.pointee.firstChild == 0 ? FileEvents() : FileEvents.removed
    forEachSharer(place, knotes) { events.formUnion(.wanted(by: $0, isDirectory: record.pointee.status.isDirectory)) }
    return events
  }

  /// Watches a file on whose watch ended though it is open: the kernel ends it with the file's last name where that is
  /// not the one that it was opened by.
  /// - Parameter knote: one whose number names the file.
  mutating func watchAgain(_ place: UInt32, _ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) {
    guard table[place].pointee.number == 0, (try? table.reserve()) != nil else { return }
    let events = wanted(place, knotes)
    let watch = Inotify.watch(descriptor, knote.descriptor, events.rawValue | UInt32(IN_MASK_ADD))
    guard watch >= 0 else { return }
    if let younger = table.find(watch) { return join(place, younger, knotes) }
    table.renew(place, watch)
    table[place].pointee.events = events
  }

  /// Moves the knotes of a file whose watch ended to the watch that a younger knote brought in the meantime.
  private mutating func join(_ place: UInt32, _ younger: UInt32, _ knotes: borrowing Knotes) {
    table[younger].pointee.events.formUnion(wanted(place, knotes))
    while let knote = firstSharer(place, knotes, where: { _ in true }) {
      // Where there is no memory the rest stays, and hears nothing more until its next change.
      guard (try? sharers.reserve { Self.hash(knotes[$0].fileWatch) }) != nil else { return }
      knote.fileWatch = younger
      unshare(place, knote, knotes)
      share(younger, knote)
    }
    table.tell(younger, FileEvents())  // so that what they were marked with is handed out
    leaveParent(place)
    if table[place].pointee.isUseless { release(place) }
  }

  /// Ends a watch that no knote needs.
  mutating func release(_ place: UInt32) {
    let watch = table[place].pointee.number
    table.end(place)
    if watch != 0 { Inotify.remove(descriptor, watch) }
    table.free(place)
  }

  // MARK: The instance

  private mutating func open(in set: EpollSet) throws(Errno) {
    guard descriptor < 0 else { return }
    guard let memory = kq_map(Self.memorySize) else { throw Errno(ENOMEM) }
    do throws(Errno) {
      let fresh = try Errno.check(OwnDescriptors.move(Inotify.open()))
      descriptor = fresh
      try set.add(fresh, EPOLLIN.rawValue, EpollToken.source(.files))
    } catch {
      if descriptor >= 0 { OwnDescriptors.close(descriptor) }
      descriptor = -1
      kq_unmap(memory, Self.memorySize)
      throw error
    }
    self.memory = memory
  }

  /// Enters it into a set that takes another's place.
  func enter(_ set: EpollSet) {
    if descriptor >= 0 { try? set.add(descriptor, EPOLLIN.rawValue, EpollToken.source(.files)) }
  }

  mutating func close() {
    if descriptor >= 0 { OwnDescriptors.close(descriptor) }
    if let memory { kq_unmap(memory, Self.memorySize) }
    descriptor = -1
    memory = nil
    table.removeAll()
    sharers.removeAll()
  }

  /// The system's limit on watches is a lack of memory to BSD (contract 1.2).
  static func check(_ result: CInt) throws(Errno) -> CInt {
    try Errno.check(result == -ENOSPC ? -ENOMEM : result)
  }
}

extension KnoteRef<LinuxKnote> {
  /// The place of the watch of a knote's file.
  var fileWatch: UInt32 {
    @inline(__always) get { UInt32(bitPattern: platform.watch) &- 1 }
    nonmutating set { platform.watch = CInt(bitPattern: newValue &+ 1) }
  }
}
