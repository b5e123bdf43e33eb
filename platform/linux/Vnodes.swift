import CKQueueShims.Linux
import KQueueCore

/// VNODE knotes, and READ on files, which inotify tells about, too (contract 6.1, 6.5).
extension LinuxBackend {
  mutating func attachVnode(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) -> Backing {
    try attachFile(knote, knotes)
    watched += 1
    return .recorded
  }

  mutating func attachFile(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) {
    try files.add(knote, knotes, in: main)
    knote.platform.place = .file
  }

  /// A file with data is ready, whether anybody tells of it or not: without inotify, or /proc to name the file by, its
  /// end is looked at now and then.
  /// - Throws: EBADF.
  mutating func attachReadOfFile(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) {
    do throws(Errno) {
      try attachFile(knote, knotes)
    } catch {
      if error.code == EBADF { throw error }
      knote.standAlways()
    }
  }

  mutating func abandonFile(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) {
    if knote.kind == .vnode { watched -= 1 }
    files.remove(knote, knotes)
  }

  /// - Throws: EBADF, ENOENT.
  mutating func detachFile(_ knote: LinuxKnoteRef, _ knotes: borrowing Knotes) throws(Errno) {
    let isSame = files.isSame(knote)
    abandonFile(knote, knotes)
    if !isSame { try refuseGone(knote.descriptor) }
  }

  public mutating func isGone(_ knote: LinuxKnoteRef) -> Bool {
    guard knote.platform.place == .file else { return false }
    defer { knote.platform.verifiedIn = 0 }
    // What was looked at in an earlier pass may have been closed unseen since.
    return (validates || knote.platform.verifiedIn != files.looks) && !files.isSame(knote)
  }

  public func baseline(_ knote: LinuxKnoteRef) -> FileStatus {
    return knote.platform.place == .file ? files.table[knote.fileWatch].pointee.status : FileStatus()
  }

  public func changes(_ knote: LinuxKnoteRef, since baseline: FileStatus) -> Happening? {
    guard knote.platform.place == .file else { return nil }
    let now = files.table[knote.fileWatch].pointee.status
    let notes = baseline.isSameFile(as: now) ? baseline.notes(.overflow, now) : 0
    return notes == 0 ? nil : Happening(knote.token, bits: notes)
  }

  public func source(of filter: Filter) -> ReportSource? {
    filter == .vnode && files.descriptor >= 0 ? ReportSource(.files) : nil
  }
}
