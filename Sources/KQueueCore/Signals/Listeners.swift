import CKQueueShims
import Synchronization

/// Who listens to which signals, by a pipe or by a set with a signalfd: any number for one signal, since where a descriptor
/// cannot stand in several kqueues' sets each has its own. Places are taken and given up without a lock, as handlers read
/// them. The memory is one that a child inherits: it has to find there what it is to forget.
public enum Listeners {
  struct Listener: ~Copyable {
    /// + 1; 0 is free.
    let descriptor: Atomic<CInt>
    let low, high: Atomic<UInt64>
  }

  /// There without a page, which most processes then do without.
  private static var firstPlaces: CInt { CInt(KQ_LISTENER_PLACES) }
  private static var pagePlaces: CInt { 128 }
  private static var places: CInt { firstPlaces + CInt(KQ_LISTENER_PAGES) * pagePlaces }
  private static var pageBytes: Int { Int(pagePlaces) * MemoryLayout<Listener>.stride }
  /// How often what a handler is about to do is waited for: it never takes so long.
  private static var tries: Int { 20_000 }

  /// Handlers that may be about to write.
  @inline(__always)
  private static var telling: UnsafeMutablePointer<Atomic<CInt>> {
    kq_listeners_telling().assumingMemoryBound(to: Atomic<CInt>.self)
  }

  @inline(__always)
  private static func page(_ number: CInt) -> UnsafeMutablePointer<Atomic<UInt>> {
    kq_listener_pages().assumingMemoryBound(to: Atomic<UInt>.self) + Int(number)
  }

  /// Pages up to the last that anybody tried to make. It grows first, so that who finds the page's address also counts
  /// it.
  @inline(__always)
  private static var pageCount: UnsafeMutablePointer<Atomic<CInt>> {
    kq_listener_page_count().assumingMemoryBound(to: Atomic<CInt>.self)
  }

  /// nil behind the last page.
  @inline(__always)
  private static func listener(_ place: CInt) -> UnsafeMutablePointer<Listener>? {
    place < firstPlaces
      ? kq_first_listeners().assumingMemoryBound(to: Listener.self) + Int(place) : furtherListener(place - firstPlaces)
  }

  @inline(never)
  private static func furtherListener(_ place: CInt) -> UnsafeMutablePointer<Listener>? {
    let number = place / pagePlaces
    // Few processes have any: then the list of them takes no memory.
    guard number < pageCount.pointee.load(ordering: .sequentiallyConsistent) else { return nil }
    let address = page(number).pointee.load(ordering: .sequentiallyConsistent)
    guard let page = UnsafeMutablePointer<Listener>(bitPattern: address) else { return nil }
    return page + Int(place % pagePlaces)
  }

  // MARK: Places

  /// Makes the page of a place where there is none.
  /// - Returns: false where there is no memory.
  private static func makePage(of place: CInt) -> Bool {
    if listener(place) != nil { return true }
    let number = (place - firstPlaces) / pagePlaces
    _ = pageCount.pointee.max(number + 1, ordering: .sequentiallyConsistent)
    guard let fresh = kq_map_inherited(pageBytes) else { return false }
    let swap = page(number).pointee.compareExchange(
      expected: 0, desired: UInt(bitPattern: fresh), ordering: .sequentiallyConsistent)
    if !swap.exchanged { kq_unmap(fresh, pageBytes) }
    return true
  }

  /// Takes a place for a descriptor, a pipe's writing end or a set with a signalfd.
  /// - Returns: its number, or -ENOMEM.
  public static func add(_ descriptor: CInt) -> CInt {
    var place: CInt = 0
    while place < places && makePage(of: place) {
      let taken = listener(place).unsafelyUnwrapped.pointee.descriptor.compareExchange(
        expected: 0, desired: descriptor + 1, ordering: .sequentiallyConsistent)
      if taken.exchanged { return place }
      place += 1
    }
    return -ENOMEM
  }

  public static func listen(_ place: CInt, to number: CInt, _ listens: Bool) {
    guard let listener = listener(place) else { return }
    let bit: UInt64 = 1 << UInt64(number % 64)
    if number < 64 { set(listener.pointee.low, bit, listens) } else { set(listener.pointee.high, bit, listens) }
  }

  private static func set(_ word: borrowing Atomic<UInt64>, _ bit: UInt64, _ isSet: Bool) {
    if isSet {
      word.bitwiseOr(bit, ordering: .sequentiallyConsistent)
    } else {
      word.bitwiseAnd(~bit, ordering: .sequentiallyConsistent)
    }
  }

  /// Gives a place up. The descriptor can be closed then: no handler is about to write to it.
  public static func remove(_ place: CInt) {
    if let listener = listener(place) { clear(listener) }
    var left = tries
    while left > 0 && telling.pointee.load(ordering: .sequentiallyConsistent) != 0 {
      pauseBriefly()
      left -= 1
    }
  }

  private static func clear(_ listener: UnsafeMutablePointer<Listener>) {
    // In a forked child the kernel copies a page that is written to. A free place listens to nothing.
    if listener.pointee.descriptor.load(ordering: .sequentiallyConsistent) == 0 { return }
    listener.pointee.low.store(0, ordering: .sequentiallyConsistent)
    listener.pointee.high.store(0, ordering: .sequentiallyConsistent)
    listener.pointee.descriptor.store(0, ordering: .sequentiallyConsistent)
  }

  /// In a forked child. Async-signal-safe.
  @inline(never)
  static func forgetAll() {
    var place: CInt = 0
    while let listener = listener(place) {
      clear(listener)
      place += 1
    }
    telling.pointee.store(0, ordering: .sequentiallyConsistent)
  }

  // MARK: Telling

  /// Makes the pipe of each readable that listens to a signal. Async-signal-safe.
  static func tell(_ number: CInt) {
    telling.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
    var place: CInt = 0
    while let listener = listener(place) {
      let low = listener.pointee.low.load(ordering: .sequentiallyConsistent)
      let high = listener.pointee.high.load(ordering: .sequentiallyConsistent)
      let descriptor = listener.pointee.descriptor.load(ordering: .sequentiallyConsistent) - 1
      if descriptor >= 0 && kq_signal_numbers(low: low, high: high).contains(number) { Notification.make(descriptor) }
      place += 1
    }
    telling.pointee.wrappingSubtract(1, ordering: .sequentiallyConsistent)
  }

  /// Drops what they were told of signals that were taken. A listener of the Linux platform is an epoll set with nothing
  /// but a signalfd in it, which goes on reporting what was taken until the set is polled. One of the POSIX platform is a
  /// pipe, of which epoll_pwait(2) refuses to tell.
  static func dropReports() {
    telling.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
    var place: CInt = 0
    while let listener = listener(place) {
      let descriptor = listener.pointee.descriptor.load(ordering: .sequentiallyConsistent) - 1
      if descriptor >= 0 && OwnDescriptors.isStillOwn(descriptor) { dropReports(descriptor) }
      place += 1
    }
    telling.pointee.wrappingSubtract(1, ordering: .sequentiallyConsistent)
  }

  private static func dropReports(_ set: CInt) {
    var event: (UInt64, UInt64) = (0, 0)
    while poll(set, &event) > 0 {}
  }

  private static func poll(_ set: CInt, _ event: UnsafeMutableRawPointer) -> Int {
    kq_system_call(KQ_SYS_EPOLL_PWAIT, Int(set), Int(bitPattern: event), 1, 0, 0, 0)
  }
}

/// What a handler writes to an inner descriptor. Async-signal-safe.
public enum Notification {
  /// Makes a pipe readable, unless closes go unseen and the number is a file of the program's by now.
  @inline(never)
  public static func make(_ pipe: CInt) {
    var byte: UInt8 = 0
    if isSafe(pipe, mayBeAnonymous: false) { _ = kq_write(pipe, &byte, 1) }
  }

  /// Counts in an eventfd, which has no type.
  static func count(_ notifier: CInt) {
    var one: UInt64 = 1
    if isSafe(notifier, mayBeAnonymous: true) { _ = kq_write(notifier, &one, 8) }
  }

  @inline(never)
  private static func isSafe(_ descriptor: CInt, mayBeAnonymous: Bool) -> Bool {
    guard OwnDescriptors.isInside(descriptor) else { return false }
    if kq_is_interposed() { return true }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return false }
    let type = status.st_mode & mode_t(S_IFMT)
    return type == mode_t(S_IFIFO) || (type == 0 && mayBeAnonymous)
  }
}
