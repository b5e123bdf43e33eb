import Synchronization

/// Descriptor numbers that were closed, as a kqueue finds them at its next call.
///
/// A close may happen in a signal handler, so it only leaves the number here; the kqueue then removes the
/// knotes. Where more were left than there is room for, all knotes are gone through. All-zero bytes: none.
struct ClosedNumbers: ~Copyable {
  static var room: UInt32 { 64 }

  /// How many were ever left.
  let count: Atomic<UInt32>
  private let numbers: InlineArray<64, Atomic<CInt>>  // number + 1; 0 is none

  /// Leaves a number. Async-signal-safe.
  func leave(_ number: CInt) {
    let place = count.add(1, ordering: .acquiringAndReleasing).oldValue
    numbers[Int(place % Self.room)].store(number + 1, ordering: .releasing)
  }

  /// Takes the number that was left as the n-th, or nil where its closer has not come to write it yet.
  func take(_ place: UInt32) -> CInt? {
    let number = numbers[Int(place % Self.room)].exchange(0, ordering: .acquiring)
    return number == 0 ? nil : number - 1
  }
}
