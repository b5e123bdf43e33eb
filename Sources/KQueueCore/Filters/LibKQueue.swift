import CKQueue
import CKQueueShims

/// LIBKQUEUE_VERSION.
private var version: Int {
  Int(LIBKQUEUE_VERSION_MAJOR) << 24 | Int(LIBKQUEUE_VERSION_MINOR) << 16 | Int(LIBKQUEUE_VERSION_PATCH) << 8
}

/// LIBKQUEUE: questions to the library, and its settings; no knote is made (contract 6.12).
extension KQueueHandle where Backend: ~Copyable {
  /// Answers one entry; `entry` becomes the answer, which always is written.
  /// - Throws: EINVAL for an unknown number, ENOENT without EV_ADD, ENOSYS for what this platform lacks.
  func answerQuery(_ entry: inout Kevent) throws(Errno) {
    try queue.pointee.requireSense(entry)
    guard entry.has(EV_ADD) else { throw Errno(ENOENT) }
    switch CInt(truncatingIfNeeded: entry.fflags) {
    case NOTE_VERSION: entry.data = version
    case NOTE_VERSION_STR: entry.udata = UnsafeMutableRawPointer(mutating: kq_version_text())
    case NOTE_THREAD_SAFE: entry.data = exchange(KQ_SETTING_THREAD_SAFE, entry.data)
    case NOTE_FORK_CLEANUP: entry.data = exchange(KQ_SETTING_FORK_CLEANUP, entry.data)
    case NOTE_DEBUG: entry.data = exchange(KQ_SETTING_DEBUG, entry.data)
    case NOTE_DEBUG_PREFIX: kq_trace_prefix(entry.udata?.assumingMemoryBound(to: CChar.self))
    case NOTE_DEBUG_FUNC: kq_trace_function(entry.udata)
    case NOTE_DECLINE_DATA: entry.data = queue.pointee.declineData(entry.data > 0) ? 1 : 0
    case NOTE_INTERPOSED: entry.data = Backend.closesGoUnseen ? 0 : 1
    case NOTE_FILE_POLL_INTERVAL: try Backend.setFilePollInterval(entry.data)
    default: throw Errno(EINVAL)
    }
    // Not EV_ERROR: data is an answer and must not be read as an errno.
    entry.flags |= UInt16(EV_RECEIPT)
  }

  private func exchange(_ setting: kq_setting, _ value: Int) -> Int {
    kq_exchange_setting(setting, value > 0) ? 1 : 0
  }
}

extension KQueue where Backend: ~Copyable {
  /// Sets whether READ says 1 in `data` where the platform would have to ask how much there is.
  /// - Returns: whether it did so before.
  fileprivate mutating func declineData(_ declines: Bool) -> Bool {
    let before = declinesData
    declinesData = declines
    return before
  }
}
