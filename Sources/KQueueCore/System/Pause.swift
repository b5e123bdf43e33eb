import CKQueue
import CKQueueShims

/// Sleeps for 50 us, or until a handler ran, for what another thread is about to end; callers look again in either case.
/// Not a cancellation point, and keeps errno. Async-signal-safe.
@inline(never)
func pauseBriefly() {
  let error = kq_errno()
  let state = kq_hold_cancellation()
  var moment = timespec(tv_sec: 0, tv_nsec: 50_000)
  nanosleep(&moment, nil)
  kq_release_cancellation(state)
  kq_set_errno(error)
}
