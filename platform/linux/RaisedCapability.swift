import CKQueueShims.Linux
import KQueueCore

/// CAP_NET_ADMIN, raised from what is permitted, which older kernels want of who uses the process connector. Until it
/// is lowered no signal handler of the program's runs on this thread, with more than the program has.
///
/// Libcap takes memory for it, by malloc(3). So a program must not close a kqueue in a signal handler where its
/// connector was opened with the capability raised.
struct RaisedCapability: ~Copyable {
  private let state: UnsafeMutableRawPointer
  private let signals: kq_wait_signals

  private init(_ state: UnsafeMutableRawPointer, _ signals: kq_wait_signals) {
    self.state = state
    self.signals = signals
  }

  /// nil where it is not permitted, or is in effect already: there is nothing to lower then.
  static func raise() -> RaisedCapability? {
    let signals = kq_block_signals()
    if let state = kq_capabilities() {
      if isPermittedAlone(state) && kq_put_capability(state, true) { return RaisedCapability(state, signals) }
      kq_free_capabilities(state)
    }
    kq_unblock_signals(signals)
    return nil
  }

  func lower() {
    guard kq_put_capability(state, false) else { bug("a capability was raised and cannot be lowered") }
    kq_free_capabilities(state)
    kq_unblock_signals(signals)
  }

  private static func isPermittedAlone(_ state: UnsafeMutableRawPointer) -> Bool {
    kq_has_capability(state, false) && !kq_has_capability(state, true)
  }
}
