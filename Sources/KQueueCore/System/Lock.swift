import CKQueueShims
import Synchronization

/// The slow ways of a lock: one that another thread has, and one that a handler may have jumped out of.
///
/// Whoever sleeps is counted before it looks at the lock, and whoever drops the lock looks at that count after: so one of
/// the two sees the other.
private struct LockWords: ~Copyable {
  let owner, frame, link: Atomic<UInt>
  /// Threads that may sleep for it.
  let sleepers: Atomic<UInt32>
  /// Changes when one of them is to look again.
  let turns: Atomic<UInt32>

  @inline(__always)
  static func of(_ lock: UnsafeMutablePointer<kq_lock>) -> UnsafeMutablePointer<LockWords> {
    UnsafeMutableRawPointer(lock).assumingMemoryBound(to: LockWords.self)
  }

  /// Holders drop the lock after a system call or two, most of them sooner than a thread falls asleep and is woken.
  static func takeBySpinning(_ lock: UnsafeMutablePointer<kq_lock>) -> Bool {
    var left = 60
    while left > 0 {
      if of(lock).pointee.owner.load(ordering: .relaxed) == 0 && kq_lock_try(lock) { return true }
      kq_relax()
      left -= 1
    }
    return false
  }

  /// Where there is no futex, for a moment.
  static func sleep(_ lock: UnsafeMutablePointer<kq_lock>, until turn: UInt32) {
    if kq_futex(lock, KQ_FUTEX_WAIT, turn) == -Int(ENOSYS) { pauseBriefly() }
  }
}

/// Sleeps until the lock is the caller's.
@_cdecl("kq_lock_await")
public func awaitLock(_ lock: UnsafeMutablePointer<kq_lock>) {
  let error = kq_errno()
  if LockWords.takeBySpinning(lock) { return }
  let words = LockWords.of(lock)
  words.pointee.sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
  while true {
    let turn = words.pointee.turns.load(ordering: .sequentiallyConsistent)
    if kq_lock_try(lock) { break }
    LockWords.sleep(lock, until: turn)
  }
  words.pointee.sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
  kq_set_errno(error)
}

/// Wakes one who sleeps.
@_cdecl("kq_lock_wake")
public func wakeForLock(_ lock: UnsafeMutablePointer<kq_lock>) {
  let error = kq_errno()
  LockWords.of(lock).pointee.turns.wrappingAdd(1, ordering: .sequentiallyConsistent)
  _ = kq_futex(lock, KQ_FUTEX_WAKE, 1)
  kq_set_errno(error)
}

/// Whether a handler can be running on this thread: a signal is blocked that has one.
@_cdecl("kq_may_be_in_handler")
public func mayBeInHandler() -> Bool {
  let blocked = BlockedSignals.here
  var action = kq_action()
  for number in 1..<CInt(KQ_SIGNALS) where blocked.contains(number) {
    if kq_next_action(number, nil, &action) == 0 && action.isHandler { return true }
  }
  return false
}

/// Whether some call was jumped out of in this process. From then on calls hold signals back while they change anything,
/// so that it happens while they wait, where nothing is half done.
enum Jumps {
  private static var flag: UnsafeMutablePointer<Atomic<CInt>> {
    kq_jump_flag().assumingMemoryBound(to: Atomic<CInt>.self)
  }

  @inline(__always)
  static var areKnown: Bool { flag.pointee.load(ordering: .relaxed) != 0 }

  static func note() {
    flag.pointee.store(1, ordering: .sequentiallyConsistent)
  }
}
