import CKQueueShims
import Synchronization

/// Which descriptors are the library's, for a forked child to close.
///
/// Everything else lies in memory that the child finds empty; these bits lie in static memory of C's on purpose. All of
/// this is async-signal-safe, but for `move` and `duplicate`, which are for calls that take locks: no closures, no ranges.
public enum OwnDescriptors {
  /// What there is of all of them, as C has it.
  struct State: ~Copyable {
    /// The process whose descriptors these are.
    let owner: Atomic<CInt>
    let highestPage: Atomic<CInt>
    /// INT_MAX less the lowest number that was ever inside. Kept so because static memory begins as 0, which then says
    /// none.
    let depth: Atomic<CInt>
    let lost: Atomic<CUnsignedInt>
    let replaced: Atomic<CUnsignedInt>
  }

  private typealias Word = Atomic<UInt64>

  private static var wordBits: CInt { 64 }
  private static var pageWords: CInt { CInt(KQ_OWN_PAGE_WORDS) }
  private static var pageBits: CInt { wordBits * pageWords }
  private static var pageBytes: Int { Int(pageWords) * 8 }

  @inline(__always)
  private static var state: UnsafeMutablePointer<State> {
    kq_own_state().assumingMemoryBound(to: State.self)
  }

  // MARK: Bits

  private static func place(_ page: CInt) -> UnsafeMutablePointer<Atomic<UInt>> {
    kq_own_pages().assumingMemoryBound(to: Atomic<UInt>.self) + Int(page)
  }

  /// The first is there without a pointer, which would have the whole list of pointers take room in memory: most programs
  /// need no other, and it takes no memory that might be lacking.
  @inline(__always)
  private static func page(_ number: CInt) -> UnsafeMutablePointer<Word>? {
    if number == 0 { return kq_own_first_page().assumingMemoryBound(to: Word.self) }
    return UnsafeMutablePointer(bitPattern: place(number).pointee.load(ordering: .sequentiallyConsistent))
  }

  /// - Returns: nil where there is no memory.
  @inline(never)
  private static func makePage(_ number: CInt) -> UnsafeMutablePointer<Word>? {
    guard let fresh = kq_map_inherited(pageBytes) else { return nil }
    let swap = place(number).pointee.compareExchange(
      expected: 0, desired: UInt(bitPattern: fresh), ordering: .sequentiallyConsistent)
    guard swap.exchanged else {
      kq_unmap(fresh, pageBytes)
      return UnsafeMutablePointer(bitPattern: swap.original)
    }
    _ = state.pointee.highestPage.max(number, ordering: .sequentiallyConsistent)
    return fresh.assumingMemoryBound(to: Word.self)
  }

  @inline(__always)
  private static func word(of descriptor: CInt, in page: UnsafeMutablePointer<Word>) -> UnsafeMutablePointer<Word> {
    page + Int(descriptor % pageBits / wordBits)
  }

  @inline(__always)
  private static func bit(of descriptor: CInt) -> UInt64 {
    1 << UInt64(descriptor % wordBits)
  }

  /// - Returns: false where there is no memory to note it in.
  @inline(never)
  @discardableResult
  public static func note(_ descriptor: CInt) -> Bool {
    guard descriptor >= 0 else { return false }
    let number = descriptor / pageBits
    guard let page = page(number) ?? makePage(number) else { return false }
    word(of: descriptor, in: page).pointee.bitwiseOr(bit(of: descriptor), ordering: .sequentiallyConsistent)
    return true
  }

  @inline(never)
  public static func forget(_ descriptor: CInt) {
    guard descriptor >= 0, let page = page(descriptor / pageBits) else { return }
    word(of: descriptor, in: page).pointee.bitwiseAnd(~bit(of: descriptor), ordering: .sequentiallyConsistent)
  }

  @inline(never)
  public static func contains(_ descriptor: CInt) -> Bool {
    guard descriptor >= 0, let page = page(descriptor / pageBits) else { return false }
    return word(of: descriptor, in: page).pointee.load(ordering: .sequentiallyConsistent) & bit(of: descriptor) != 0
  }

  // MARK: Inner ones, which the program does not know

  /// - Returns: what `adopt` does.
  private static func adoptInside(_ descriptor: CInt) -> CInt {
    _ = state.pointee.depth.max(.max - descriptor, ordering: .sequentiallyConsistent)
    if contains(descriptor) {  // it was another's, and closed unseen
      lose(descriptor)
      state.pointee.replaced.wrappingAdd(1, ordering: .sequentiallyConsistent)
    }
    return adopt(descriptor)
  }

  /// Lower ones are the program's.
  @inline(__always)
  private static var lowestInside: CInt { .max - state.pointee.depth.load(ordering: .relaxed) }

  @inline(__always)
  public static func isInside(_ descriptor: CInt) -> Bool {
    descriptor >= lowestInside && contains(descriptor)
  }

  /// The program takes its number.
  @inline(never)
  static func lose(_ descriptor: CInt) {
    forget(descriptor)
    Signals.lose(descriptor)
    state.pointee.lost.wrappingAdd(1, ordering: .sequentiallyConsistent)
  }

  /// The lowest number of a range that is the library's and no lower than any inside, or -1.
  @inline(never)
  static func next(from first: CInt, through last: CInt) -> CInt {
    let lowest = lowestInside
    var number = first < lowest ? lowest : first
    while number <= last && number / pageBits <= state.pointee.highestPage.load(ordering: .sequentiallyConsistent) {
      if let page = page(number / pageBits) {
        let word = word(of: number, in: page).pointee.load(ordering: .sequentiallyConsistent)
        let left = word >> UInt64(number % wordBits)
        if left != 0 {
          number += CInt(left.trailingZeroBitCount)
          return number <= last ? number : -1
        }
        number |= wordBits - 1
      } else {
        number |= pageBits - 1
      }
      if number == .max { return -1 }
      number += 1
    }
    return -1
  }

  /// The lowest descriptor inside of a range in which no kqueue has its number, or -1. A number that was closed unseen
  /// may be another file's by now.
  @inline(never)
  static func nextInside(from first: CInt, through last: CInt) -> CInt {
    var number = next(from: first, through: last)
    while number >= 0 && !OwnFiles.contain(number) {
      number = number < last ? next(from: number + 1, through: last) : -1
    }
    return number
  }

  /// How often one was lost; it wraps.
  public static var lost: CUnsignedInt { state.pointee.lost.load(ordering: .relaxed) }

  /// How often a new descriptor inside had the number of one that was closed unseen; it wraps.
  public static var replaced: CUnsignedInt { state.pointee.replaced.load(ordering: .relaxed) }

  // MARK: New ones

  /// Notes a descriptor that was just made. One that is not noted would be left open in a child, and not be closed with
  /// its kqueue.
  /// - Parameter descriptor: a negative errno where the system made none.
  /// - Returns: the descriptor; that errno, or -ENOMEM with the descriptor closed.
  @inline(never)
  public static func adopt(_ descriptor: CInt) -> CInt {
    if descriptor < 0 || note(descriptor) { return descriptor }
    kq_close_descriptor(descriptor)
    return -ENOMEM
  }

  /// High enough for programs that use low numbers, low enough for a small table in the kernel.
  private static var base: CInt { 1024 }

  /// - Returns: a negative errno where the upper half is full.
  private static func duplicateHigh(_ descriptor: CInt) -> CInt {
    let high = kq_control(descriptor, F_DUPFD_CLOEXEC, Int(base))
    if high >= 0 { return high }
    // A low limit, or nearly no room above.
    let half = kq_descriptor_limit() / 2
    guard half < UInt64(base) && descriptor < CInt(half) else { return high }
    return kq_control(descriptor, F_DUPFD_CLOEXEC, Int(half))
  }

  /// Moves one out of the low numbers, which are the program's, and makes it an inner one; passes a negative errno on.
  @inline(never)
  public static func move(_ descriptor: CInt) -> CInt {
    if descriptor < 0 { return descriptor }
    let high = descriptor < base ? duplicateHigh(descriptor) : descriptor
    // The upper half may be full: a low number serves as well.
    if high == descriptor || high < 0 { return adoptInside(descriptor) }
    let moved = adoptInside(high)
    kq_close_descriptor(descriptor)
    return moved
  }

  /// An inner duplicate.
  /// - Returns: a descriptor, or a negative errno.
  @inline(never)
  public static func duplicate(_ descriptor: CInt) -> CInt {
    var duplicate = duplicateHigh(descriptor)
    if duplicate < 0 { duplicate = kq_control(descriptor, F_DUPFD_CLOEXEC, 0) }
    return duplicate < 0 ? duplicate : adoptInside(duplicate)
  }

  /// Gives a descriptor another number, which need not be free; closes what had that unseen by our own dup3(2).
  /// - Returns: the number, or a negative errno.
  @inline(never)
  public static func renumber(_ descriptor: CInt, _ number: CInt) -> CInt {
    CInt(
      truncatingIfNeeded: kq_system_call(
        KQ_SYS_DUP3, Int(descriptor), Int(number), Int(O_CLOEXEC), 0, 0, 0))
  }

  // MARK: Ends

  /// Whether one was not closed behind our back, as far as that can be told.
  @inline(never)
  public static func isStillOwn(_ descriptor: CInt) -> Bool {
    contains(descriptor) && (kq_is_interposed() || OwnFiles.contain(descriptor))
  }

  /// Closes it if so; otherwise the number is the program's.
  @inline(never)
  public static func close(_ descriptor: CInt) {
    if isStillOwn(descriptor) { kq_close_descriptor(descriptor) } else { forget(descriptor) }
  }

  /// Closes one of any kind that was opened in the same call.
  public static func closeTemporary(_ descriptor: CInt) {
    if contains(descriptor) { kq_close_descriptor(descriptor) }
  }

  // MARK: Processes

  /// Begins the list for this process. Bits of another process came through a fork that ran no handler.
  static func start(_ process: CInt) {
    let former = state.pointee.owner.exchange(process, ordering: .sequentiallyConsistent)
    if former != process && former != 0 { takeAll(closes: false) }
  }

  /// In a forked child. Of a parent that never had a kqueue there is nothing, and to read the pages would have the
  /// system put them in place.
  static func closeAll(ofParent parent: CInt) {
    let owner = state.pointee.owner.load(ordering: .sequentiallyConsistent)
    if owner != 0 { takeAll(closes: owner == parent) }
  }

  private static func takeAll(closes: Bool) {
    var number: CInt = 0
    while number <= state.pointee.highestPage.load(ordering: .sequentiallyConsistent) {
      if let page = page(number) { take(page, from: number * pageBits, closes) }
      number += 1
    }
  }

  private static func take(_ page: UnsafeMutablePointer<Word>, from start: CInt, _ closes: Bool) {
    var number: CInt = 0
    while number < pageWords {
      var bits = (page + Int(number)).pointee.load(ordering: .sequentiallyConsistent)
      // In a forked child the kernel copies a page that is written to.
      if bits != 0 { bits = (page + Int(number)).pointee.exchange(0, ordering: .sequentiallyConsistent) }
      while bits != 0 && closes {
        let descriptor = start + number * wordBits + CInt(bits.trailingZeroBitCount)
        if kq_is_interposed() || OwnFiles.contain(descriptor) { kq_close_descriptor(descriptor) }
        bits &= bits - 1
      }
      number += 1
    }
  }
}

// MARK: For C

@_cdecl("kq_disown")
public func forgetOwnDescriptor(_ descriptor: CInt) {
  OwnDescriptors.forget(descriptor)
}

@_cdecl("kq_duplicate_inside")
public func duplicateInside(_ descriptor: CInt) -> CInt {
  OwnDescriptors.duplicate(descriptor)
}

@_cdecl("kq_close_temporary")
public func closeTemporary(_ descriptor: CInt) {
  OwnDescriptors.closeTemporary(descriptor)
}

/// What a forked child does first: it closes its parent's.
@_cdecl("kq_close_own_in_child")
public func closeOwnInChild(_ parent: CInt) {
  OwnDescriptors.closeAll(ofParent: parent)
}
