import CKQueueShims
import Synchronization

/// What the library knows of a descriptor number. All-zero bytes: nothing.
struct DescriptorRecord: ~Copyable {
  /// The slot of the kqueue that the number names, or 0; `closing` while a kqueue's number is being closed, and with
  /// `moving` while the number is given another set of the same kqueue.
  let kqueue: Atomic<UInt>
  /// The kqueues that have knotes on the number; see `Watchers`.
  let watchers: Atomic<UInt>

  static var closing: UInt { 1 }
  static var moving: UInt { 2 }
}

/// Descriptor number -> what refers to it: two levels of pages that are mapped when first needed.
///
/// Reading takes no lock, so it may happen in a signal handler. Pages are never given back. All-zero bytes
/// are an empty table.
struct DescriptorTable: ~Copyable {
  private static var pageBits: Int { 12 }
  private static var pageSize: Int { 1 << pageBits }
  private static var pageCount: Int { 1 << (31 - pageBits) }

  private let pages: Atomic<UInt>

  /// The record of a number, or nil where the table has none.
  @inline(__always)
  func find(_ number: CInt) -> UnsafeMutablePointer<DescriptorRecord>? {
    guard let page = page(Int(number) >> Self.pageBits) else { return nil }
    return page + (Int(number) & (Self.pageSize - 1))
  }

  /// The record of a number, made where there is none.
  /// - Throws: ENOMEM.
  func make(_ number: CInt) throws(Errno) -> UnsafeMutablePointer<DescriptorRecord> {
    let pages = try Self.publish(Atomic<UInt>.self, count: Self.pageCount, pages)
    let place = pages + Int(number) >> Self.pageBits
    let page = try Self.publish(DescriptorRecord.self, count: Self.pageSize, place.pointee)
    return page + (Int(number) & (Self.pageSize - 1))
  }

  /// Calls `body` with each number of a range that has a record. Async-signal-safe where `body` is.
  func forEach(from first: CInt, through last: CInt, _ body: (CInt) -> Void) {
    guard first <= last else { return }
    for place in Int(first) >> Self.pageBits...Int(last) >> Self.pageBits where page(place) != nil {
      let start = CInt(place << Self.pageBits)
      for number in max(start, first)...min(start + CInt(Self.pageSize - 1), last) { body(number) }
    }
  }

  @inline(__always)
  private func page(_ place: Int) -> UnsafeMutablePointer<DescriptorRecord>? {
    guard let pages = UnsafeMutablePointer<Atomic<UInt>>(bitPattern: pages.load(ordering: .acquiring)) else {
      return nil
    }
    return UnsafeMutablePointer(bitPattern: pages[place].load(ordering: .acquiring))
  }

  /// What an address leads to, mapped now where it is 0. Of two threads that map, one wins.
  private static func publish<Element: ~Copyable>(
    _: Element.Type, count: Int, _ address: borrowing Atomic<UInt>
  ) throws(Errno) -> UnsafeMutablePointer<Element> {
    if let there = UnsafeMutablePointer<Element>(bitPattern: address.load(ordering: .acquiring)) { return there }
    let fresh = try Arena.map(Element.self, count: count)
    let swap = address.compareExchange(
      expected: 0, desired: UInt(bitPattern: fresh), ordering: .acquiringAndReleasing)
    if swap.exchanged { return fresh }
    Arena.unmap(fresh, count: count)
    return UnsafeMutablePointer(bitPattern: swap.original).unsafelyUnwrapped
  }
}
