import CKQueueShims
import Synchronization

/// One of several kqueues that have knotes on a descriptor number.
struct Watcher<Backend: PlatformBackend & ~Copyable>: ~Copyable, Stackable {
  var slot: UnsafeMutablePointer<KQueueSlot<Backend>>?
  var next: UnsafeMutablePointer<Watcher>?
  var nextFree: UnsafeMutablePointer<Watcher>?
}

/// Which kqueues have knotes on a number (a word of its record), so that a close can tell them.
///
/// The word is 0, the one kqueue's slot, or with its lowest bit set a chain of `Watcher`s. Adding to a chain
/// takes the registry's lock; a close takes the whole word away at once and needs none. A kqueue may stand
/// in a chain that has no knote on the number any more; that costs the close a system call and nothing else.
extension KQueueRegistry where Backend: ~Copyable {
  /// Notes that a kqueue has a knote on a number.
  /// - Returns: whether that was not noted already: it had none, or the number was closed since.
  /// - Throws: ENOMEM.
  func watch(_ number: CInt, _ slot: UnsafeMutablePointer<Slot>) throws(Errno) -> Bool {
    let record = try descriptors.make(number)
    let own = UInt(bitPattern: slot)
    let swap = record.pointee.watchers.compareExchange(
      expected: 0, desired: own, ordering: .acquiringAndReleasing)
    if swap.exchanged || swap.original == own { return swap.exchanged }
    return try watchTogether(record, slot)
  }

  /// Notes that a kqueue has no knote on a number any more.
  func unwatch(_ number: CInt, _ slot: UnsafeMutablePointer<Slot>) {
    guard let record = descriptors.find(number) else { return }
    _ = record.pointee.watchers.compareExchange(
      expected: UInt(bitPattern: slot), desired: 0, ordering: .acquiringAndReleasing)
  }

  /// Whether the number has stayed open since the kqueue registered. A close takes every watcher away, and only EV_ADD
  /// registers again. This tells which knotes a close took; a hint only says where to look.
  @inline(__always)
  func isWatching(_ number: CInt, _ slot: UnsafeMutablePointer<Slot>) -> Bool {
    guard let record = descriptors.find(number) else { return false }
    let word = record.pointee.watchers.load(ordering: .acquiring)
    return word & 1 == 0 ? word == UInt(bitPattern: slot) : isInChain(record, slot)
  }

  /// Reads a chain under the lock of those who reuse its places.
  @inline(never)
  private func isInChain(
    _ record: UnsafeMutablePointer<DescriptorRecord>, _ slot: UnsafeMutablePointer<Slot>
  ) -> Bool {
    let lock = lock()
    defer { lock.end() }
    return Self.contains(record.pointee.watchers.load(ordering: .acquiring), slot)
  }

  /// Calls `body` with each kqueue that stands with a number; for a closer, which waits for no lock. Async-signal-safe
  /// where `body` is.
  /// - Returns: false where there are several and another thread changes a chain in this moment: nobody was called.
  func visitWatchersIfFree(_ number: CInt, _ body: (UnsafeMutablePointer<Slot>) -> Void) -> Bool {
    let word = descriptors.find(number)?.pointee.watchers.load(ordering: .acquiring) ?? 0
    if word & 1 == 0 {
      if let slot = UnsafeMutablePointer<Slot>(bitPattern: word) { body(slot) }
      return true
    }
    guard let lock = Held(trying: &state.pointee.lock) else { return false }
    defer { lock.end() }
    visitWatchers(number, body)
    return true
  }

  /// The lock is held.
  func visitWatchers(_ number: CInt, _ body: (UnsafeMutablePointer<Slot>) -> Void) {
    let word = descriptors.find(number)?.pointee.watchers.load(ordering: .acquiring) ?? 0
    if word & 1 == 0, let slot = UnsafeMutablePointer<Slot>(bitPattern: word) { return body(slot) }
    var chain = Self.chain(word)
    while let watcher = chain {
      if let slot = watcher.pointee.slot { body(slot) }
      chain = watcher.pointee.next
    }
  }

  /// Takes the watchers of a number away and calls `body` for each. Async-signal-safe where `body` is.
  @inline(__always)
  func takeWatchers(
    _ record: UnsafeMutablePointer<DescriptorRecord>, _ body: (UnsafeMutablePointer<Slot>) -> Void
  ) {
    guard record.pointee.watchers.load(ordering: .relaxed) != 0 else { return }
    let word = record.pointee.watchers.exchange(0, ordering: .acquiringAndReleasing)
    if word & 1 == 0, let slot = UnsafeMutablePointer<Slot>(bitPattern: word) { return body(slot) }
    var chain = Self.chain(word)
    while let watcher = chain {
      chain = watcher.pointee.next
      if let slot = watcher.pointee.slot { body(slot) }
      state.pointee.freeWatchers.push(watcher)
    }
  }

  // MARK: Chains

  private static func chain(_ word: UInt) -> UnsafeMutablePointer<Watcher<Backend>>? {
    word & 1 == 0 ? nil : UnsafeMutablePointer(bitPattern: word & ~1)
  }

  private static func contains(_ word: UInt, _ slot: UnsafeMutablePointer<Slot>) -> Bool {
    var chain = chain(word)
    while let watcher = chain {
      if watcher.pointee.slot == slot { return true }
      chain = watcher.pointee.next
    }
    return word == UInt(bitPattern: slot)
  }

  private func watchTogether(
    _ record: UnsafeMutablePointer<DescriptorRecord>, _ slot: UnsafeMutablePointer<Slot>
  ) throws(Errno) -> Bool {
    let lock = lock()
    defer { lock.end() }
    while true {
      let word = record.pointee.watchers.load(ordering: .acquiring)
      if Self.contains(word, slot) { return false }
      let fresh = try link(slot, before: word)
      let swap = record.pointee.watchers.compareExchange(
        expected: word, desired: UInt(bitPattern: fresh) | 1, ordering: .acquiringAndReleasing)
      if swap.exchanged { return true }
      // The number was closed meanwhile; what was linked goes back, and the word is looked at anew.
      if word & 1 == 0, let other = fresh.pointee.next { state.pointee.freeWatchers.push(other) }
      state.pointee.freeWatchers.push(fresh)
    }
  }

  /// A chain of a slot and what a word names. The lock is held.
  private func link(
    _ slot: UnsafeMutablePointer<Slot>, before word: UInt
  ) throws(Errno) -> UnsafeMutablePointer<Watcher<Backend>> {
    let first = try takeWatcher(slot)
    if word & 1 != 0 {
      first.pointee.next = Self.chain(word)
    } else if let other = UnsafeMutablePointer<Slot>(bitPattern: word) {
      do throws(Errno) {
        first.pointee.next = try takeWatcher(other)
      } catch {
        state.pointee.freeWatchers.push(first)
        throw error
      }
    }
    return first
  }

  private func takeWatcher(
    _ slot: UnsafeMutablePointer<Slot>
  ) throws(Errno) -> UnsafeMutablePointer<Watcher<Backend>> {
    let watcher: UnsafeMutablePointer<Watcher<Backend>>
    if let free = state.pointee.freeWatchers.pop() {
      watcher = free
    } else {
      let count = 128
      watcher = try Arena.map(Watcher<Backend>.self, count: count)
      for place in 1..<count { state.pointee.freeWatchers.push(watcher + place) }
    }
    watcher.pointee.slot = slot
    watcher.pointee.next = nil
    return watcher
  }
}
