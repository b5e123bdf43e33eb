import CKQueue
import CKQueueShims.POSIX
import KQueueCore

/// What a file was like when it was last looked at.
public struct FileSample: BitwiseCopyable {
  var values = kq_sample()

  init() {}

  /// - Throws: EBADF, ENOMEM, and what else fstat(2) fails with.
  init(of descriptor: CInt) throws(Errno) {
    try Errno.check(kq_take_sample(descriptor, &values))
  }

  func isSameFile(as other: FileSample) -> Bool {
    values.inode == other.values.inode && values.device == other.values.device
  }

  /// The NOTE_ bits of what happened since (contract 6.5). A rename leaves nothing that could be told from a chmod.
  /// - Parameter now: what it is like by now.
  func notes(_ now: FileSample) -> UInt32 {
    guard now.values.changed != values.changed || now.values.modified != values.modified || differs(now) else {
      return 0
    }
    var notes = links(now) | (values.is_directory ? entries(now) : content(now))
    if isChanged(now) || notes == 0 { notes |= NOTE_ATTRIB }
    return UInt32(notes)
  }

  /// Beside the times, which a quick succession of changes may leave as they are.
  private func differs(_ now: FileSample) -> Bool {
    now.values.size != values.size || now.values.links != values.links || isChanged(now)
  }

  private func isChanged(_ now: FileSample) -> Bool {
    now.values.mode != values.mode || now.values.user != values.user || now.values.group != values.group
  }

  private func links(_ now: FileSample) -> CInt {
    guard now.values.links != values.links else { return 0 }
    return now.values.links == 0 || values.is_directory && now.values.links == 1 ? NOTE_DELETE : NOTE_LINK
  }

  private func entries(_ now: FileSample) -> CInt {
    guard now.values.modified != values.modified else { return 0 }
    if now.values.links == 0 { return 0 }  // its own end changes it as well
    return NOTE_WRITE | (now.values.size > values.size ? NOTE_EXTEND : 0)
  }

  /// Whether a file was written or its time was set cannot be told, but by the times (contract 6.5).
  private func content(_ now: FileSample) -> CInt {
    if now.values.size < values.size { return NOTE_TRUNCATE | NOTE_ATTRIB | NOTE_WRITE }
    if now.values.size > values.size { return NOTE_WRITE | NOTE_EXTEND | (endsInNewHole(now) ? NOTE_ATTRIB : 0) }
    guard now.values.modified != values.modified else { return 0 }
    return NOTE_WRITE | (setsTimes(now) ? NOTE_ATTRIB : 0)
  }

  /// Whether a file grew beyond its blocks and got none, which a write would have taken: it was ftruncate(2). A file
  /// system of a program's own may tell of any number of blocks.
  private func endsInNewHole(_ now: FileSample) -> Bool {
    now.values.blocks <= values.blocks && (now.values.size &- 1) / 512 >= values.blocks
  }

  /// A write sets mtime as it sets ctime, and leaves atime alone.
  private func setsTimes(_ now: FileSample) -> Bool {
    now.values.modified != now.values.changed
      || now.values.accessed != values.accessed && now.values.accessed == now.values.modified
  }
}
