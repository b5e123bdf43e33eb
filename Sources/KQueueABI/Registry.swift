import CKQueueShims
import KQueueCore
import Synchronization

/// Where the process's kqueues are, once it has made one.
private let registryAddress = Atomic<UInt>(0)

@inline(__always)
func sharedRegistry() -> KQueueRegistry<NativeBackend>? {
  KQueueRegistry(address: registryAddress.load(ordering: .acquiring))
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
  let swap = registryAddress.compareExchange(
    expected: 0, desired: fresh.address, ordering: .acquiringAndReleasing)
  if !swap.exchanged { fresh.discard() }
  return try sharedRegistry().unsafelyUnwrapped.create(copies: copies)
}

// MARK: Forks

/// What the parent wrote down for the child; ordinary memory, so that the child has it.
nonisolated(unsafe) private var copies = ForkedCopies<NativeBackend>.none

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
    registryAddress.store(0, ordering: .releasing)
    Arena.abandonParentMemory()
  }
  restoreCopies()
}

private func restoreCopies() {
  guard copies.isAny else { return }
  if sharedRegistry() == nil {
    guard let fresh = try? KQueueRegistry<NativeBackend>() else { return }
    registryAddress.store(fresh.address, ordering: .releasing)
  }
  let registry = sharedRegistry().unsafelyUnwrapped
  registry.adopt()
  copies.restore(registry)
}
