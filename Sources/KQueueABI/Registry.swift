import CKQueueShims
import KQueueCore
import Synchronization

/// Where the process's kqueues are, once it has made one.
private let registryAddress = Atomic<UInt>(0)

@inline(__always)
func sharedRegistry() -> KQueueRegistry<NativeBackend>? {
  KQueueRegistry(address: registryAddress.load(ordering: .acquiring))
}

/// Makes a kqueue, and before the first one the registry. Of two threads that do so, one wins.
func makeKQueue() throws(Errno) -> CInt {
  if let registry = sharedRegistry() { return try registry.create() }
  kq_trace_start()
  let fresh = try KQueueRegistry<NativeBackend>()
  let swap = registryAddress.compareExchange(
    expected: 0, desired: fresh.address, ordering: .acquiringAndReleasing)
  if !swap.exchanged { fresh.discard() }
  return try sharedRegistry().unsafelyUnwrapped.create()
}
