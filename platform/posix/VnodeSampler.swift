import CKQueue
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
  mutating func attachVnode(_ index: UInt32, _ knotes: borrowing Knotes) throws(Errno) {
    let knote = knotes[index]
    let sample = try FileSample(of: knote.pointee.descriptor)
    var values = sample.values
    guard kq_can_have_name(&values, pipe.device) else { throw Errno(EINVAL) }
    try files.reserve()
    knote.pointee.platform.place = .sampled
    knote.pointee.platform.position = files.append(
      SampledFile(token: KnoteToken(index: index, generation: knote.pointee.generation), sample: sample))
    noteChange()
  }

  mutating func detachVnode(_ index: UInt32, _ knotes: borrowing Knotes) {
    let position = knotes[index].pointee.platform.position
    if let moved = files.remove(position) { knotes[moved.index].pointee.platform.position = position }
  }

  public mutating func isGone(_ index: UInt32, _ knotes: borrowing Knotes) -> Bool {
    knotes[index].pointee.kind == .vnode && !isSameFile(knotes[index])
  }

  func isSameSampledFile(_ knote: POSIXKnotePointer) throws(Errno) -> Bool {
    let now = try FileSample(of: knote.pointee.descriptor)
    return files[Int(knote.pointee.platform.position)].sample.isSameFile(as: now)
  }

  public mutating func earlier(_ index: UInt32, _ knotes: borrowing Knotes) -> Happening? {
    guard knotes[index].pointee.platform.place == .sampled else { return nil }
    return change(Int(knotes[index].pointee.platform.position), knotes)
  }

  public func baseline(_ index: UInt32, _ knotes: borrowing Knotes) -> FileSample {
    let knote = knotes[index]
    return knote.pointee.platform.place == .sampled ? files[Int(knote.pointee.platform.position)].sample : FileSample()
  }

  public func changes(_ index: UInt32, _ knotes: borrowing Knotes, since baseline: FileSample) -> Happening? {
    let knote = knotes[index]
    guard knote.pointee.platform.place == .sampled else { return nil }
    let now = files[Int(knote.pointee.platform.position)].sample
    let notes = now.isSameFile(as: baseline) ? baseline.notes(now) : 0
    return notes == 0 ? nil : Happening(KnoteToken(index: index, generation: knote.pointee.generation), bits: notes)
  }

  /// What has changed of a file since it was last looked at.
  private func change(_ place: Int, _ knotes: borrowing Knotes) -> Happening? {
    let file = files[place]
    let descriptor = knotes[file.token.index].pointee.descriptor
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
