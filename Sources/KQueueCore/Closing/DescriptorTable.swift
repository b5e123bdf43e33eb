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

/// Descriptor number -> what refers to it: two levels of pages. The first of the lower and the upper one lie behind the
/// registry, in one mapping with it, so that a forked child goes on with all three as it finds them, empty; others are
/// mapped when first needed, and never given back.
///
/// Reading takes no lock, so it may happen in a signal handler. All-zero bytes are an empty table.
struct DescriptorTable: BitwiseCopyable {
  private static var pageBits: Int { 12 }
  private static var pageSize: Int { 1 << pageBits }
  private static var pageCount: Int { 1 << (31 - pageBits) }
  private static var pagesBytes: Int { MemoryLayout<Atomic<UInt>>.stride * pageCount }
  private static var pageBytes: Int { MemoryLayout<DescriptorRecord>.stride * pageSize }

  /// How much memory a table begins with.
  static var bytes: Int { pagesBytes + pageBytes }

  /// Zeroed memory, aligned for a word.
  let memory: UnsafeMutableRawPointer

  /// The record of a number, or nil where the table has none.
  @inline(__always)
  func find(_ number: CInt) -> UnsafeMutablePointer<DescriptorRecord>? {
    guard let page = page(Int(number) >> Self.pageBits) else { return nil }
    return page + (Int(number) & (Self.pageSize - 1))
  }

  /// The record of a number, made where there is none.
  /// - Throws: ENOMEM.
  @inline(__always)
  func make(_ number: CInt) throws(Errno) -> UnsafeMutablePointer<DescriptorRecord> {
    if let record = find(number) { return record }
    let page = try publish(pages[Int(number) >> Self.pageBits])
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
    if place == 0 { return firstPage }
    return UnsafeMutablePointer(bitPattern: pages[place].load(ordering: .acquiring))
  }

  private var pages: UnsafeMutablePointer<Atomic<UInt>> {
    @inline(__always) get { (memory + Self.pageBytes).assumingMemoryBound(to: Atomic<UInt>.self) }
  }

  private var firstPage: UnsafeMutablePointer<DescriptorRecord> {
    @inline(__always) get { memory.assumingMemoryBound(to: DescriptorRecord.self) }
  }

  /// Maps a page for a place that has none. Of two threads that map, one wins.
  @inline(never)
  private func publish(_ place: borrowing Atomic<UInt>) throws(Errno) -> UnsafeMutablePointer<DescriptorRecord> {
    let fresh = try Arena.map(DescriptorRecord.self, count: Self.pageSize)
    let swap = place.compareExchange(
      expected: 0, desired: UInt(bitPattern: fresh), ordering: .acquiringAndReleasing)
    if swap.exchanged { return fresh }
    Arena.unmap(fresh, count: Self.pageSize)
    return UnsafeMutablePointer(bitPattern: swap.original).unsafelyUnwrapped
  }
}
