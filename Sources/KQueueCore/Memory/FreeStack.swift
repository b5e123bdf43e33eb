import Synchronization

/// A place that can stand in a `FreeStack`, and in memory that is never unmapped.
protocol Stackable: ~Copyable {
  var nextFree: UnsafeMutablePointer<Self>? { get set }
}

/// Places to use again. Any thread may add one, at any time, also in a signal handler; a thread that takes one holds a
/// lock that all takers hold. All-zero bytes are an empty stack.
struct FreeStack<Place: Stackable & ~Copyable>: ~Copyable {
  private let first: Atomic<UInt>

  /// Async-signal-safe.
  func push(_ place: UnsafeMutablePointer<Place>) {
    var address = first.load(ordering: .relaxed)
    while true {
      place.pointee.nextFree = UnsafeMutablePointer(bitPattern: address)
      let swap = first.compareExchange(
        expected: address, desired: UInt(bitPattern: place), ordering: .acquiringAndReleasing)
      if swap.exchanged { return }
      address = swap.original
    }
  }

  /// Takes a place, or nil where there is none. The takers' lock is held.
  func pop() -> UnsafeMutablePointer<Place>? {
    while true {
      let address = first.load(ordering: .acquiring)
      guard let place = UnsafeMutablePointer<Place>(bitPattern: address) else { return nil }
      // Nobody else takes, so what stands first stays in the stack, and its successor is right.
      let next = UInt(bitPattern: place.pointee.nextFree)
      let swap = first.compareExchange(expected: address, desired: next, ordering: .acquiringAndReleasing)
      if swap.exchanged { return place }
    }
  }
}
