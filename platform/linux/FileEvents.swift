import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// Events of inotify: what a file is watched for, or all that it had since it was last looked at.
struct FileEvents: OptionSet, BitwiseCopyable {
  let rawValue: UInt32

  init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  private init(_ bits: some BinaryInteger) {
    rawValue = UInt32(truncatingIfNeeded: bits)
  }

  static var accessed: FileEvents { FileEvents(IN_ACCESS) }
  static var modified: FileEvents { FileEvents(IN_MODIFY) }
  /// Mode, owner, times, extended attributes, and the number of links.
  static var changed: FileEvents { FileEvents(IN_ATTRIB) }
  static var closedAfterWriting: FileEvents { FileEvents(IN_CLOSE_WRITE) }
  static var closed: FileEvents { FileEvents(IN_CLOSE_NOWRITE) }
  static var opened: FileEvents { FileEvents(IN_OPEN) }
  static var moved: FileEvents { FileEvents(IN_MOVE_SELF) }
  /// Told by inotify once nothing has it open any more; here also of a directory that may have been removed.
  static var deleted: FileEvents { FileEvents(IN_DELETE_SELF) }
  static var unmounted: FileEvents { FileEvents(IN_UNMOUNT) }
  /// The watch has ended.
  static var ended: FileEvents { FileEvents(IN_IGNORED) }
  /// More happened than the queue holds.
  static var overflow: FileEvents { FileEvents(IN_Q_OVERFLOW) }

  /// Of a directory's entries.
  static var created: FileEvents { FileEvents(IN_CREATE) }
  static var removed: FileEvents { FileEvents(IN_DELETE) }
  static var movedFrom: FileEvents { FileEvents(IN_MOVED_FROM) }
  static var movedTo: FileEvents { FileEvents(IN_MOVED_TO) }
  static var entries: FileEvents { created.union(removed).union(movedFrom).union(movedTo) }
  /// An entry that came or went is a directory.
  static var directory: FileEvents { FileEvents(IN_ISDIR) }

  /// What an entry's own event tells of its directory; nothing, where the child was written, opened, ... (C-232).
  var ofEntry: FileEvents { intersection(.entries) }

  @inline(__always)
  func has(_ event: FileEvents) -> Bool {
    rawValue & event.rawValue != 0
  }
}

extension FileEvents {
  /// What a knote's file must be watched for. What it does not ask for is not watched, so that it wakes nobody.
  static func wanted(by knote: LinuxKnoteRef, isDirectory: Bool) -> FileEvents {
    // Something must be; this comes only where nothing else can.
    var events = FileEvents.deleted
    if knote.isRead { return events.union(isDirectory ? .entries : .modified) }
    let fflags = knote.fflags
    if isDirectory { events.insert(ofDirectory(fflags)) } else { events.insert(ofFile(fflags)) }
    if fflags & UInt32(NOTE_RENAME) != 0 { events.insert(.moved) }
    if fflags & UInt32(NOTE_OPEN) != 0 { events.insert(.opened) }
    if fflags & UInt32(NOTE_READ) != 0 { events.insert(.accessed) }
    if fflags & UInt32(NOTE_CLOSE) != 0 { events.insert(.closed) }
    if fflags & UInt32(NOTE_CLOSE_WRITE) != 0 { events.insert(.closedAfterWriting) }
    return events
  }

  private static func ofFile(_ fflags: UInt32) -> FileEvents {
    var events = FileEvents()
    if fflags & UInt32(NOTE_WRITE | NOTE_EXTEND | NOTE_TRUNCATE) != 0 { events.insert(.modified) }
    if fflags & UInt32(NOTE_DELETE | NOTE_LINK) != 0 { events.insert(.changed) }
    guard fflags & UInt32(NOTE_ATTRIB) != 0 else { return events }
    // utimensat(2) of one time alone is told as reading or writing; renaming moves ctime, too.
    return events.union(.changed).union(.modified).union(.accessed).union(.moved)
  }

  /// Events of a directory's children come with its own, so no more than must be: times that are set one alone
  /// are not told of a directory.
  private static func ofDirectory(_ fflags: UInt32) -> FileEvents {
    var events = FileEvents()
    if fflags & UInt32(NOTE_WRITE | NOTE_EXTEND | NOTE_LINK) != 0 { events.insert(.entries) }
    if fflags & UInt32(NOTE_ATTRIB) != 0 { events.insert(.changed) }
    // It is told itself when another takes its name, but its parent tells of its removal, and it must be known when
    // that is another one (C-233).
    if fflags & UInt32(NOTE_DELETE) != 0 { events = events.union(.changed).union(.moved) }
    return events
  }
}
