import CKQueueShims.POSIX
import KQueueCore

/// A file that a knote of the kqueue is on.
struct SampledFile: Listed {
  let token: KnoteToken
  var sample: FileSample
}

/// VNODE (contract 6.5): nothing in POSIX tells of files, so they are looked at, at each call and now and then while
/// one waits. What was done and undone between two looks is not seen.
extension POSIXBackend {
  /// - Throws: EBADF; EINVAL where it is no file; ENOMEM.
  mutating func attachVnode(_ knote: POSIXKnoteRef) throws(Errno) {
    let sample = try FileSample(of: knote.descriptor)
    var values = sample.values
    guard kq_can_have_name(&values, pipe.device) else { throw Errno(EINVAL) }
    try files.reserve()
    knote.platform.place = .sampled
    knote.platform.position = files.append(
      SampledFile(token: knote.token, sample: sample))
    noteChange()
  }

  mutating func detachVnode(_ knote: POSIXKnoteRef, _ knotes: borrowing Knotes) {
    let position = knote.platform.position
    if let moved = files.remove(position) { knotes[moved.index].platform.position = position }
  }

  public mutating func isGone(_ knote: POSIXKnoteRef) -> Bool {
    knote.kind == .vnode && !isSameFile(knote)
  }

  func isSameSampledFile(_ knote: POSIXKnoteRef) throws(Errno) -> Bool {
    let now = try FileSample(of: knote.descriptor)
    return files[Int(knote.platform.position)].sample.isSameFile(as: now)
  }

  public mutating func earlier(_ knote: POSIXKnoteRef, _ knotes: borrowing Knotes) -> Happening? {
    guard knote.platform.place == .sampled else { return nil }
    return change(Int(knote.platform.position), knotes)
  }

  public func baseline(_ knote: POSIXKnoteRef) -> FileSample {
    return knote.platform.place == .sampled ? files[Int(knote.platform.position)].sample : FileSample()
  }

  public func changes(_ knote: POSIXKnoteRef, since baseline: FileSample) -> Happening? {
    guard knote.platform.place == .sampled else { return nil }
    let now = files[Int(knote.platform.position)].sample
    let notes = now.isSameFile(as: baseline) ? baseline.notes(now) : 0
    return notes == 0 ? nil : Happening(knote.token, bits: notes)
  }

  /// What has changed of a file since it was last looked at.
  private func change(_ place: Int, _ knotes: borrowing Knotes) -> Happening? {
    let file = files[place]
    let descriptor = knotes[file.token.index].descriptor
    // Closed unseen: a delivery or a change finds that out.
    guard let now = try? FileSample(of: descriptor), now.isSameFile(as: file.sample) else { return nil }
    files[place].sample = now
    let notes = file.sample.notes(now)
    return notes == 0 ? nil : Happening(file.token, bits: notes)
  }

  /// Few are looked at in each call, as nobody notices; many, in a tenth of the time at most.
  mutating func beginFiles() {
    let start = now(.monotonic)
    areFilesLeft = files.count > Self.fewFiles && start < filesDue
    if areFilesLeft { return }
    filesStart = start
    files.beginRound()
  }

  private static var fewFiles: Int { 256 }

  mutating func gatherFiles(
    _ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>, _ written: inout Int
  ) {
    guard files.left > 0 else { return }
    while written < buffer.count, let place = files.next() {
      guard let happening = change(place, knotes) else { continue }
      buffer[written] = happening
      written += 1
    }
    let finish = now(.monotonic)
    filesDue = finish + (finish - filesStart) * 9
  }

  public static func setFilePollInterval(_ nanoseconds: Int) throws(Errno) {
    guard nanoseconds >= 0 else { throw Errno(EINVAL) }
    kq_set_sample_interval(UInt64(nanoseconds))
  }
}
