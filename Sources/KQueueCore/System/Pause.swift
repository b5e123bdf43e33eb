import CKQueue
import CKQueueShims

/// Sleeps for a moment, for what another thread is about to end. Neither a cancellation point nor ended by a signal of the
/// caller's. Async-signal-safe.
@inline(never)
func pauseBriefly() {
  let error = kq_errno()
  let state = kq_hold_cancellation()
  var moment = timespec(tv_sec: 0, tv_nsec: 50_000)
  nanosleep(&moment, nil)
  kq_release_cancellation(state)
  kq_set_errno(error)
}
