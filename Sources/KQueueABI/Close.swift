import CKQueueShims
import KQueueCore

/// close(2): a kqueue among the numbers gives back what it holds before its number is free again.
///
/// Async-signal-safe, as POSIX has it: it takes no lock that it would have to wait for.
@c(close)
public func exportedClose(_ descriptor: CInt) -> CInt {
  if let registry = sharedRegistry(), registry.close(descriptor) {
    // The numbers inside may have been closed with errno set; the caller's is close's own.
  }
  return kq_next_close(descriptor)
}
