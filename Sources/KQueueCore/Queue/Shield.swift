import CKQueueShims

/// A section that no signal handler interrupts, so that none jumps out of it: of what a repair cannot make anew from
/// the knotes. It costs two system calls, so the way of an ordinary event has none.
struct Shield: ~Copyable {
  private let signals: kq_wait_signals
  private let isUp: Bool

  init(if isNeeded: Bool = true) {
    isUp = isNeeded
    signals = isNeeded ? kq_block_signals() : kq_wait_signals()
  }

  @inline(__always)
  func end() {
    if isUp { kq_unblock_signals(signals) }
  }
}

/// Calls of the platform that change what it has of a knote.
extension KQueue where Backend: ~Copyable {
  /// Whether the platform keeps more of a knote than a repair makes anew: files, processes, signals.
  @inline(__always)
  private func isIntricate(_ knote: KnoteRef) -> Bool {
    knote.kind.recordsOccurrences || knote.status.contains(.recorded)
  }

  mutating func attachWatch(_ knote: KnoteRef) throws(Errno) -> Backing {
    let shield = Shield(if: isIntricate(knote))
    defer { shield.end() }
    return try backend.attach(knote, knotes)
  }

  mutating func updateWatch(_ knote: KnoteRef) throws(Errno) {
    let shield = Shield(if: isIntricate(knote))
    defer { shield.end() }
    try backend.update(knote, knotes)
  }

  mutating func detach(_ knote: KnoteRef) throws(Errno) {
    let shield = Shield(if: isIntricate(knote))
    defer { shield.end() }
    try backend.detach(knote, knotes)
  }

  /// Takes what waking for a knote needs, which is attached and will be recorded. Where that fails, it is detached.
  /// - Throws: EMFILE, ENFILE, ENOMEM.
  mutating func prepareWake(for knote: KnoteRef) throws(Errno) {
    do throws(Errno) {
      try backend.prepareWake()
    } catch {
      try? detach(knote)
      throw error
    }
  }

  mutating func abandonWatch(_ knote: KnoteRef) {
    let shield = Shield(if: isIntricate(knote))
    defer { shield.end() }
    backend.abandon(knote, knotes)
  }
}

/// A lock that is held under a shield, so that it is never left behind: other threads need it as well.
struct Held: ~Copyable {
  private let lock: UnsafeMutablePointer<kq_lock>
  private let shield: Shield

  init(_ lock: UnsafeMutablePointer<kq_lock>) {
    shield = Shield()
    self.lock = lock
    _ = kq_lock_take(lock)
  }

  /// Takes it where it is free.
  init?(trying lock: UnsafeMutablePointer<kq_lock>) {
    let shield = Shield()
    guard kq_lock_try(lock) else {
      shield.end()
      return nil
    }
    self.lock = lock
    self.shield = shield
  }

  func end() {
    kq_lock_drop(lock)
    shield.end()
  }
}
