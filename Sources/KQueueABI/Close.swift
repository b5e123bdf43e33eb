import CKQueueShims
import KQueueCore

// The functions that close descriptors, in front of libc's (contract 4). Each has the library begin the
// close of the numbers, and then calls the definition that it stands in front of.
//
// close, dup2, dup3, close_range and closefrom are async-signal-safe, as POSIX has close: they take no memory, and wait
// for nothing that the interrupted thread may hold (docs/locking.md). In a child of vfork(2) they only call the next
// definition. They do the same where the process resolves close(2) to another library, so that every caller gets one
// behaviour.

@_cdecl("close")
public func exportedClose(_ descriptor: CInt) -> CInt {
  let close = beginClose(descriptor)
  if close == .ofInside { return 0 }
  defer { endClose(descriptor, close == .ofKnown) }
  return NextClose.close(descriptor)
}

@_cdecl("dup2")
public func exportedDup2(_ old: CInt, _ new: CInt) -> CInt {
  let isKnown = old != new && beginReplacement(of: new, by: old)
  defer { endClose(new, isKnown) }
  return NextClose.dup2(old, new)
}

@_cdecl("dup3")
public func exportedDup3(_ old: CInt, _ new: CInt, _ flags: CInt) -> CInt {
  let isKnown = old != new && flags & ~O_CLOEXEC == 0 && beginReplacement(of: new, by: old)
  defer { endClose(new, isKnown) }
  return NextClose.dup3(old, new, flags)
}

@_cdecl("close_range")
public func exportedCloseRange(_ first: CUnsignedInt, _ last: CUnsignedInt, _ flags: CInt) -> CInt {
  guard first <= last && NextClose.rangeCloses(flags) else { return NextClose.range(first, last, flags) }
  if SeparateTables.separates(flags) { return SeparateTables.closeApart(first, last, flags) }
  let isProcess = beginClose(from: first, through: last)
  defer { endClose(from: first, through: last) }
  return isProcess ? NextClose.rangeOutside(first, last, flags) : NextClose.range(first, last, flags)
}

@_cdecl("closefrom")
public func exportedCloseFrom(_ first: CInt) {
  let start = CUnsignedInt(max(first, 0))
  let isProcess = beginClose(from: start, through: .max)
  defer { endClose(from: start, through: .max) }
  if isProcess { NextClose.fromOutside(first) } else { NextClose.from(first) }
}

/// unshare(CLONE_FILES) gives the thread a descriptor table of its own; its later closes concern no kqueue of the
/// process (C-356).
@_cdecl("unshare")
public func exportedUnshare(_ flags: CInt) -> CInt {
  SeparateTables.unshare(flags)
}

// MARK: Streams and directories, whose own close does not pass through the one above

@_cdecl("fclose")
public func exportedFclose(_ stream: UnsafeMutableRawPointer?) -> CInt {
  closing(kq_stream_descriptor(stream)) { NextClose.stream(stream) }
}

@_cdecl("pclose")
public func exportedPclose(_ stream: UnsafeMutableRawPointer?) -> CInt {
  closing(kq_stream_descriptor(stream)) { NextClose.process(stream) }
}

@_cdecl("freopen")
public func exportedFreopen(
  _ path: UnsafePointer<CChar>?, _ mode: UnsafePointer<CChar>?, _ stream: UnsafeMutableRawPointer?
) -> UnsafeMutableRawPointer? {
  closing(kq_stream_descriptor(stream)) { NextClose.reopen(path, mode, stream) }
}

/// What freopen is to a program of 32 bits that asks for large files, or whose header says so regardless.
@_cdecl("freopen64")
public func exportedFreopen64(
  _ path: UnsafePointer<CChar>?, _ mode: UnsafePointer<CChar>?, _ stream: UnsafeMutableRawPointer?
) -> UnsafeMutableRawPointer? {
  closing(kq_stream_descriptor(stream)) { NextClose.reopenLarge(path, mode, stream) }
}

@_cdecl("closedir")
public func exportedClosedir(_ directory: UnsafeMutableRawPointer?) -> CInt {
  closing(kq_directory_descriptor(directory)) { NextClose.directory(directory) }
}

// MARK: Before and after a close

/// Calls what closes a number. The functions here seldom run, so they call one copy of what comes before and after a
/// close, where close() has its own inlined.
@inline(__always)
private func closing<Result>(_ number: CInt, _ close: () -> Result) -> Result {
  let isKnown = beginCloseApart(number)
  defer { endCloseApart(number, isKnown) }
  return close()
}

@inline(never)
private func beginCloseApart(_ number: CInt) -> Bool {
  begin(number) { $0.beginClose(number) } ?? false
}

@inline(never)
private func endCloseApart(_ number: CInt, _ wasKnown: Bool) { endClose(number, wasKnown) }

/// What close(2) is to do with a number.
private enum Close {
  /// Nothing refers to it.
  case ofUnknown
  /// Something did; `endClose` is to follow the close.
  case ofKnown
  /// The program was never given it: no close is to follow.
  case ofInside
}

/// Begins the close of a number.
@inline(__always)
private func beginClose(_ number: CInt) -> Close {
  begin(number) { registry in
    if registry.keeps(number) { return .ofInside }
    return registry.beginClose(number) ? .ofKnown : .ofUnknown
  } ?? .ofUnknown
}

/// Begins the close of a number that becomes a duplicate of another, unless the call will fail.
/// - Returns: whether anything referred to it; then `endClose` is to follow the close.
@inline(__always)
private func beginReplacement(of number: CInt, by old: CInt) -> Bool {
  begin(number) { kq_is_open(old) && isAllowed(number) && $0.beginClose(number) } ?? false
}

/// Calls `body` with errno as it was, where the library uses the number.
@inline(__always)
private func begin<Result>(_ number: CInt, _ body: (KQueueRegistry<NativeBackend>) -> Result) -> Result? {
  guard let registry = sharedRegistry(), registry.knows(number), kq_is_interposed() else { return nil }
  let error = kq_errno()
  defer { kq_set_errno(error) }
  return body(registry)
}

/// Whether a number is below the limit for descriptors, so that dup2(2) can make it.
@inline(never)
private func isAllowed(_ number: CInt) -> Bool {
  UInt64(truncatingIfNeeded: number) < kq_descriptor_limit()
}

/// After a close. Somebody may have begun to watch the number since `beginClose` found nothing that referred to it.
@inline(__always)
private func endClose(_ number: CInt, _ wasKnown: Bool) {
  kq_order_with_system()
  if wasKnown { return endClose(number) }
  guard let registry = sharedRegistry(), registry.knows(number), kq_is_interposed() else { return }
  doubt(number, registry)
}

@inline(never)
private func endClose(_ number: CInt) {
  let error = kq_errno()
  sharedRegistry()?.endClose(number)
  kq_set_errno(error)
}

@inline(never)
private func doubt(_ number: CInt, _ registry: KQueueRegistry<NativeBackend>) {
  let error = kq_errno()
  registry.doubt(number)
  kq_set_errno(error)
}

/// - Returns: as `KQueueRegistry.beginClose(from:through:)`.
private func beginClose(from first: CUnsignedInt, through last: CUnsignedInt) -> Bool {
  forRange(first, last) { $0.beginClose(from: $1, through: $2) } ?? false
}

private func endClose(from first: CUnsignedInt, through last: CUnsignedInt) {
  kq_order_with_system()
  _ = forRange(first, last) { $0.endClose(from: $1, through: $2) }
}

/// Calls `body` with the part of a range that can be descriptor numbers, with errno as it was.
private func forRange<Result>(
  _ first: CUnsignedInt, _ last: CUnsignedInt, _ body: (KQueueRegistry<NativeBackend>, CInt, CInt) -> Result
) -> Result? {
  guard let registry = sharedRegistry(), first <= CUnsignedInt(CInt.max), kq_is_interposed() else { return nil }
  let error = kq_errno()
  defer { kq_set_errno(error) }
  return body(registry, CInt(first), CInt(min(last, CUnsignedInt(CInt.max))))
}
