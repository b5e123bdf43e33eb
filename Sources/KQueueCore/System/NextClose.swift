import CKQueueShims

/// The closing functions that ours stand in front of, in the order of linking: another library's or libc's, or the system
/// call where there is none. They keep errno as theirs is.
public enum NextClose {
  /// What was found when the library was loaded.
  @inline(__always)
  private static var next: UnsafePointer<kq_next_functions> { kq_next() }

  /// - Returns: what a call of the C library gives: -1 with errno.
  @inline(never)
  private static func libcResult(_ result: Int) -> CInt {
    if result >= 0 { return CInt(truncatingIfNeeded: result) }
    kq_set_errno(CInt(truncatingIfNeeded: -result))
    return -1
  }

  @inline(__always)
  public static func close(_ descriptor: CInt) -> CInt {
    kq_next_close(descriptor)
  }

  public static func dup2(_ old: CInt, _ new: CInt) -> CInt {
    if let call = next.pointee.dup2 { return call(old, new) }
    if old == new { return kq_control(old, F_GETFD, 0) < 0 ? -1 : old }
    return libcResult(kq_system_call(KQ_SYS_DUP3, Int(old), Int(new), 0, 0, 0, 0))
  }

  /// musl does not look at flags that it does not know, and would replace a number whose knotes are still there.
  public static func dup3(_ old: CInt, _ new: CInt, _ flags: CInt) -> CInt {
    if flags & ~O_CLOEXEC != 0 { return libcResult(-Int(EINVAL)) }
    if let call = next.pointee.dup3 { return call(old, new, flags) }
    return libcResult(kq_system_call(KQ_SYS_DUP3, Int(old), Int(new), Int(flags), 0, 0, 0))
  }

  @inline(never)
  private static func callRange(_ first: CUnsignedInt, _ last: CUnsignedInt, _ flags: CInt) -> CInt {
    libcResult(
      KernelCall.closeRange.make(
        Int(truncatingIfNeeded: first), Int(truncatingIfNeeded: last), Int(flags)))
  }

  @inline(never)
  public static func range(_ first: CUnsignedInt, _ last: CUnsignedInt, _ flags: CInt) -> CInt {
    next.pointee.close_range?(first, last, flags) ?? callRange(first, last, flags)
  }

  /// Likewise but for the library's descriptors inside, of a range whose close is begun. A number that another thread
  /// gives back meanwhile, and that becomes a file of the program's, stays open, as if it was opened after the call.
  public static func rangeOutside(_ first: CUnsignedInt, _ last: CUnsignedInt, _ flags: CInt) -> CInt {
    var start = first
    var inside = nextInside(from: start, through: last)
    while inside >= 0 {
      let after = CUnsignedInt(inside)
      if start < after {
        let result = range(start, after - 1, flags)
        if result != 0 { return result }
      }
      start = after + 1
      if start > last { return 0 }
      inside = nextInside(from: start, through: last)
    }
    return range(start, last, flags)
  }

  private static func nextInside(from first: CUnsignedInt, through last: CUnsignedInt) -> CInt {
    guard first <= CUnsignedInt(CInt.max) else { return -1 }
    return OwnDescriptors.nextInside(from: CInt(first), through: CInt(min(last, CUnsignedInt(CInt.max))))
  }

  /// Whether close_range(2) with these flags closes anything now: an unknown one fails, CLOEXEC closes later.
  public static func rangeCloses(_ flags: CInt) -> Bool {
    flags & ~CInt(KQ_CLOSE_RANGE_UNSHARE) == 0 && (next.pointee.close_range == nil || KernelCall.closeRange.isThere)
  }

  /// libc's ends the process where it has neither the call nor /proc.
  public static func from(_ first: CInt) {
    let error = kq_errno()
    let start = first < 0 ? 0 : first
    if !KernelCall.closeRange.isThere {
      CloseFrom(keepsInside: false).closeEach(start)
    } else if let call = next.pointee.closefrom {
      call(first)
    } else if callRange(CUnsignedInt(start), .max, 0) != 0 {
      CloseFrom(keepsInside: false).closeEach(start)
    }
    kq_set_errno(error)
  }

  /// Likewise but for the library's descriptors inside, where their close is begun.
  public static func fromOutside(_ first: CInt) {
    let start = first < 0 ? 0 : first
    if OwnDescriptors.nextInside(from: start, through: .max) < 0 { return from(first) }
    let error = kq_errno()
    if !KernelCall.closeRange.isThere || rangeOutside(CUnsignedInt(start), .max, 0) != 0 {
      CloseFrom(keepsInside: true).closeEach(start)
    }
    kq_set_errno(error)
  }

  // MARK: Streams and directories, which no system call closes

  public static func stream(_ stream: UnsafeMutableRawPointer?) -> CInt {
    guard let call = next.pointee.fclose ?? kq_find_next().pointee.fclose else { bug("fclose is nowhere to be found") }
    return call(stream)
  }

  public static func process(_ stream: UnsafeMutableRawPointer?) -> CInt {
    guard let call = next.pointee.pclose ?? kq_find_next().pointee.pclose else { bug("pclose is nowhere to be found") }
    return call(stream)
  }

  public static func directory(_ directory: UnsafeMutableRawPointer?) -> CInt {
    guard let call = next.pointee.closedir ?? kq_find_next().pointee.closedir else {
      bug("closedir is nowhere to be found")
    }
    return call(directory)
  }

  public static func reopen(
    _ path: UnsafePointer<CChar>?, _ mode: UnsafePointer<CChar>?, _ stream: UnsafeMutableRawPointer?
  ) -> UnsafeMutableRawPointer? {
    guard let call = next.pointee.freopen ?? kq_find_next().pointee.freopen else {
      bug("freopen is nowhere to be found")
    }
    return call(path, mode, stream)
  }

  /// freopen64, which only some systems tell from the other.
  public static func reopenLarge(
    _ path: UnsafePointer<CChar>?, _ mode: UnsafePointer<CChar>?, _ stream: UnsafeMutableRawPointer?
  ) -> UnsafeMutableRawPointer? {
    guard let call = next.pointee.large_freopen else { return reopen(path, mode, stream) }
    return call(path, mode, stream)
  }
}

/// closefrom(3) where no system call closes a range: the descriptors that there are, one after the other.
/// Async-signal-safe.
private struct CloseFrom {
  /// Whether the library's descriptors inside stay.
  let keepsInside: Bool

  func closeEach(_ first: CInt) {
    if !closeListed(first) { closeUpToLimit(first) }
  }

  /// - Returns: whether the number is in use no more, and was.
  private func close(_ number: CInt) -> Bool {
    if keepsInside && OwnDescriptors.nextInside(from: number, through: number) == number { return false }
    return NextClose.close(number) == 0 || kq_errno() != EBADF
  }

  // MARK: By the list of them in /proc

  /// From the beginning after each batch, since what is listed changes with it.
  private func closeListed(_ first: CInt) -> Bool {
    var folder = Self.openList()
    if folder == -EMFILE {
      _ = close(first)  // there is none free: this one is in use
      folder = Self.openList()
    }
    guard folder >= 0 else { return false }
    var closed = closeSome(folder, first)
    while closed == .some {
      _ = lseek(folder, 0, SEEK_SET)
      closed = closeSome(folder, first)
    }
    // Not as one of the library's: a child of vfork(2) has the list of those in common with its parent.
    _ = NextClose.close(folder)
    return closed == .nothing
  }

  /// The thread's, which may have a table of its own.
  private static func openList() -> CInt {
    let thread = SentSignals.thread
    guard thread > 0 else { return -ENOTSUP }
    var path = ThreadPath(thread, "/fd")
    return path.open(O_DIRECTORY)
  }

  private enum Closed { case some, nothing, unknown }

  private func closeSome(_ folder: CInt, _ first: CInt) -> Closed {
    var room = InlineArray<256, UInt64>(repeating: 0)
    var span = room.mutableSpan
    return span.withUnsafeMutableBytes { room in
      let start = room.baseAddress.unsafelyUnwrapped
      var got = FolderEntry.read(folder, start, room.count)
      while got > 0 {
        if closeBatch(folder, first, UnsafeRawPointer(start), got) { return .some }
        got = FolderEntry.read(folder, start, room.count)
      }
      return got < 0 ? .unknown : .nothing
    }
  }

  private func closeBatch(_ folder: CInt, _ first: CInt, _ start: UnsafeRawPointer, _ size: Int) -> Bool {
    var isAny = false
    var place = 0
    while place < size {
      let entry = start + place
      place += FolderEntry.size(entry)
      guard let number = FolderEntry.number(entry), number >= first, number != folder else { continue }
      if close(number) { isAny = true }
    }
    return isAny
  }

  // MARK: By the limit

  /// A number above it was opened before the limit was lowered, and stays.
  private func closeUpToLimit(_ first: CInt) {
    let limit = kq_descriptor_limit()
    let end = limit > UInt64(CInt.max) ? Int64(CInt.max) + 1 : Int64(limit)
    var next = Int64(first)
    while next < end {
      next += closeOpen(CInt(next), most: end - next)
    }
  }

  /// Many at a time are asked for, as a limit of a thousand million is usual in containers.
  /// - Returns: how many numbers were looked at.
  private func closeOpen(_ first: CInt, most: Int64) -> Int64 {
    var room = InlineArray<512, pollfd>(repeating: pollfd())
    let count = most < Int64(room.count) ? Int(most) : room.count
    var place = 0
    while place < count {
      room[place].fd = first + CInt(place)
      place += 1
    }
    var span = room.mutableSpan
    let isTold = span.withUnsafeMutableBufferPointer { poll($0.baseAddress, nfds_t(count), 0) >= 0 }
    place = 0
    while place < count {
      let isOpen = !isTold || CInt(room[place].revents) & CInt(POLLNVAL) == 0
      if isOpen { _ = close(first + CInt(place)) }
      place += 1
    }
    return Int64(count)
  }
}
