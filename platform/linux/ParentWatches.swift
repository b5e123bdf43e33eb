import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// The removal of a directory that is open is told by the directory it was in, and by nothing else: its own event
/// waits for the last close. So the parent of one that is watched for NOTE_DELETE is watched, too (C-233).
extension InotifyWatches {
  /// Watches the parent of a knote's directory, where the knote asks for NOTE_DELETE.
  ///
  /// Where the program may not read the parent, the end is seen when something else happens to the directory.
  /// - Throws: ENOMEM.
  mutating func watchParent(of place: UInt32, for knote: LinuxKnoteRef) throws(Errno) {
    let status = table[place].pointee.status
    guard knote.kind == .vnode, knote.fflags & UInt32(NOTE_DELETE) != 0, status.isDirectory,
      status.values.links > 0, table[place].pointee.parent == 0
    else { return }
    try table.reserve()
    let events = FileEvents.removed.rawValue | UInt32(IN_MASK_ADD)
    let watch = Inotify.watchParent(descriptor, knote.descriptor, events)
    if watch == -ENOSPC || watch == -ENOMEM { throw Errno(ENOMEM) }
    guard watch >= 0, watch != table[place].pointee.number else { return }  // the root is its own
    let parent = table.find(watch) ?? table.insert(watch, FileStatus())
    table[parent].pointee.events.formUnion(.removed)
    adopt(place, by: parent)
  }

  private func adopt(_ place: UInt32, by parent: UInt32) {
    let next = table[parent].pointee.firstChild
    table[place].pointee.parent = parent + 1
    table[place].pointee.nextChild = next
    table[place].pointee.previousChild = 0
    if next != 0 { table[next - 1].pointee.previousChild = place + 1 }
    table[parent].pointee.firstChild = place + 1
  }

  mutating func leaveParent(_ place: UInt32) {
    let record = table[place]
    guard record.pointee.parent != 0 else { return }
    let parent = record.pointee.parent - 1
    let (next, previous) = (record.pointee.nextChild, record.pointee.previousChild)
    if next != 0 { table[next - 1].pointee.previousChild = previous }
    if previous != 0 { table[previous - 1].pointee.nextChild = next } else { table[parent].pointee.firstChild = next }
    (record.pointee.parent, record.pointee.nextChild, record.pointee.previousChild) = (0, 0, 0)
    if table[parent].pointee.isUseless { release(parent) }
  }

  /// Checks the watched directories of a parent that lost a subdirectory.
  mutating func tellChildren(of place: UInt32) {
    var child = table[place].pointee.firstChild
    while child != 0 {
      table.tell(child - 1, .deleted)
      child = table[child - 1].pointee.nextChild
    }
  }

  /// A directory that was moved is in another one by now.
  mutating func followMove(of place: UInt32, _ knote: LinuxKnoteRef?) {
    guard table[place].pointee.parent != 0, let knote else { return }
    leaveParent(place)
    try? watchParent(of: place, for: knote)
  }
}
