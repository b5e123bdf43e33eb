import CKQueueShims
import KQueueCore
import Synchronization

/// Where the process's kqueues are, once it has made one. A closer in a handler reads it, so it lies in memory of C's and
/// is no global of Swift's, which the ordinary build would make when it is first used.
private var registryAddress: UnsafeMutablePointer<Atomic<UInt>> {
  @inline(__always) get { kq_registry_place().assumingMemoryBound(to: Atomic<UInt>.self) }
}

@inline(__always)
func sharedRegistry() -> KQueueRegistry<NativeBackend>? {
  KQueueRegistry(address: registryAddress.pointee.load(ordering: .acquiring))
}

/// Makes a kqueue, and before the first one what all of them need.
/// - Throws: EMFILE, ENFILE, ENOMEM.
func makeKQueue(copies: Bool) throws(Errno) -> CInt {
  if let registry = sharedRegistry() {
    // A fork that ran no handler may have left it empty.
    if !registry.isOwn { registry.adopt() }
    return try registry.create(copies: copies)
  }
  try handleForks()
  if kq_environment_says("KQUEUE_DEBUG") { _ = kq_exchange_setting(KQ_SETTING_DEBUG, true) }
  let fresh = try KQueueRegistry<NativeBackend>()
  let swap = registryAddress.pointee.compareExchange(
    expected: 0, desired: fresh.address, ordering: .acquiringAndReleasing)
  if swap.exchanged { fresh.provideSegment() } else { fresh.discard() }
  return try sharedRegistry().unsafelyUnwrapped.create(copies: copies)
}

// MARK: Forks

/// What the parent wrote down for the child, which has it in the same memory of C's; all zeroes are none.
private var copies: ForkedCopies<NativeBackend> {
  get { place.pointee }
  set { place.pointee = newValue }
}

private var place: UnsafeMutablePointer<ForkedCopies<NativeBackend>> {
  kq_fork_copies().assumingMemoryBound(to: ForkedCopies<NativeBackend>.self)
}

/// Every thread that finds no registry registers the fork handlers, since kqueue() must not return before they are in
/// place.
private func handleForks() throws(Errno) {
  let error = kq_at_fork(prepareFork, resumeParent, startChild)
  guard error == 0 else { throw Errno(error) }
}

private func prepareFork() {
  copies = .none
  // In a process that only inherited the handlers there is nothing to copy, and nothing to lock.
  if let registry = sharedRegistry(), registry.isOwn { copies = .take(registry) }
}

private func resumeParent() {
  if let registry = sharedRegistry(), registry.isOwn { copies.release(registry) }
}

/// Calls nothing that is not async-signal-safe: other threads of the parent may have been anywhere.
private func startChild() {
  Signals.forgetInChild()
  // A system may accept MADV_WIPEONFORK and not honour it. The child then abandons the parent's memory.
  if let registry = sharedRegistry(), !registry.isEmpty {
    registryAddress.pointee.store(0, ordering: .releasing)
    Arena.abandonParentMemory()
  }
  restoreCopies()
}

private func restoreCopies() {
  guard copies.isAny else { return }
  if sharedRegistry() == nil {
    guard let fresh = try? KQueueRegistry<NativeBackend>() else { return }
    registryAddress.pointee.store(fresh.address, ordering: .releasing)
    fresh.provideSegment()
  }
  let registry = sharedRegistry().unsafelyUnwrapped
  registry.adopt()
  copies.restore(registry)
}
