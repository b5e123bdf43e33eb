import CKQueue

/// An event that must come.
struct Expected {
  let source: Source
  /// What the event's `data` may be.
  var data: ClosedRange<Int>
  var flags: CInt = 0
  var fflags: UInt32 = 0

  func isMet(by event: Kevent, of other: Source) -> Bool {
    other.kind == source.kind && other.ident == source.ident && data.contains(event.data)
      && event.has(flags) == (flags != 0) && event.fflags == fflags
  }
}
