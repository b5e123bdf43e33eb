import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// READ and WRITE on what cannot be polled: files, directories and devices (contract 6.1, 6.2).
extension LinuxBackend {
  /// Files and devices: always ready, but for READ on a file at its end.
  func sampleUnpollable(_ knote: LinuxKnoteRef) -> Readiness {
    guard knote.isRead else { return Readiness(data: 0) }
    let kind = knote.platform.kind(of: knote.descriptor)
    guard kind == .file || kind == .directory else { return Readiness(data: 0) }
    let remaining: Int64
    do throws(Errno) {
      remaining = try Self.remaining(knote.descriptor)
    } catch {
      return error.code == EBADF ? .inactive : .unsettled
    }
    let always = knote.fflags & UInt32(NOTE_FILE_POLL) != 0
    let isTold = knote.platform.place == .file
    if remaining == 0 && knote.fflags & UInt32(NOTE_EOF) != 0 { return sampleEndOfFile(knote, isTold) }
    knote.platform.isEndTold = false
    if isTold && knote.fflags & UInt32(NOTE_EOF) != 0 && knote.has(EV_CLEAR) {
      // Nobody tells that a reader has come to the end.
      return knote.status.contains(.again) ? .polled : .remaining(remaining).thenLeft
    }
    if !isTold && !always { return sampleUntold(knote, remaining) }
    // At its end: growth is told, but not that the program moves the offset.
    return remaining != 0 || always ? .remaining(remaining) : .unsettled
  }

  /// The size of a file or directory less the offset.
  @inline(never)
  private static func remaining(_ descriptor: CInt) throws(Errno) -> Int64 {
    guard let size = withStatus(of: descriptor, { $0?.pointee.st_size }) else { throw Errno(kq_errno()) }
    let offset = Int64(lseek(descriptor, 0, SEEK_CUR))
    if offset == -1 { throw Errno(kq_errno()) }
    let (remaining, isTooLarge) = Int64(size).subtractingReportingOverflow(offset)
    return isTooLarge ? .max : remaining  // /proc/PID/mem has offsets below 0
  }

  /// NOTE_EOF: the end of a file is told, too; under EV_CLEAR once (C-363).
  private func sampleEndOfFile(_ knote: LinuxKnoteRef, _ isTold: Bool) -> Readiness {
    if knote.has(EV_CLEAR) && knote.platform.isEndTold { return isTold ? .unsettled : .polled }
    knote.platform.isEndTold = true
    return isTold ? .fileHasEnded : .fileHasEnded.thenPolled
  }

  /// A file of which nobody tells that it has grown; under EV_CLEAR it is told again once it has changed.
  private func sampleUntold(_ knote: LinuxKnoteRef, _ remaining: Int64) -> Readiness {
    let mark = fileMark(knote.descriptor)
    guard remaining != 0 && !(knote.has(EV_CLEAR) && mark == knote.platform.toldMark) else {
      return .polled
    }
    knote.platform.toldMark = mark
    return .remaining(remaining).thenPolled
  }
}
