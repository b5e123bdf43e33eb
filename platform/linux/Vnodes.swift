import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// VNODE knotes, and READ on files, which inotify tells about, too (contract 6.1, 6.5).
extension LinuxBackend {
  mutating func attachVnode(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) -> Backing {
    try attachFile(index, knotes)
    watched += 1
    return .recorded
  }

  mutating func attachFile(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) {
    try files.add(index, knotes, in: main)
    knotes[index].pointee.platform.place = .file
  }

  /// A file with data is ready, whether anybody tells of it or not: without inotify, or /proc to name the file by, its
  /// end is looked at now and then.
  /// - Throws: EBADF.
  mutating func attachReadOfFile(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) {
    do throws(Errno) {
      try attachFile(index, knotes)
    } catch {
      if error.code == EBADF { throw error }
      knotes[index].pointee.standAlways()
    }
  }

  mutating func abandonFile(_ index: UInt32, _ knotes: borrowing Knotes) {
    if knotes[index].pointee.kind == .vnode { watched -= 1 }
    files.remove(index, knotes)
  }

  /// - Throws: EBADF, ENOENT.
  mutating func detachFile(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) {
    let isSame = files.isSame(knotes[index])
    abandonFile(index, knotes)
    if !isSame { try refuseGone(knotes[index].pointee.descriptor) }
  }

  public mutating func isGone(_ index: UInt32, _ knotes: borrowing Knotes) -> Bool {
    let knote = knotes[index]
    guard knote.pointee.platform.place == .file else { return false }
    defer { knote.pointee.platform.verifiedIn = 0 }
    // What was looked at in an earlier pass may have been closed unseen since.
    return (validates || knote.pointee.platform.verifiedIn != files.looks) && !files.isSame(knote)
  }

  public func baseline(_ index: UInt32, _ knotes: borrowing Knotes) -> FileStatus {
    let knote = knotes[index]
    return knote.pointee.platform.place == .file ? files.table[knote.pointee.fileWatch].pointee.status : FileStatus()
  }

  public func changes(_ index: UInt32, _ knotes: borrowing Knotes, since baseline: FileStatus) -> Happening? {
    let knote = knotes[index]
    guard knote.pointee.platform.place == .file else { return nil }
    let now = files.table[knote.pointee.fileWatch].pointee.status
    let notes = baseline.isSameFile(as: now) ? baseline.notes(.overflow, now) : 0
    return notes == 0 ? nil : Happening(KnoteToken(index: index, generation: knote.pointee.generation), bits: notes)
  }

  public func source(of filter: Filter) -> UInt32? {
    filter == .vnode && files.descriptor >= 0 ? EpollSource.files.rawValue : nil
  }
}
