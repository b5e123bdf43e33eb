import CKQueueShims.Linux
import KQueueCore

/// The signals of a kqueue (contract 6.8).
///
/// A handler counts for the whole process and writes to an eventfd, one for each signal that is watched: a kqueue
/// that watches another signal is not woken. Each knote remembers the count that it has seen.
///
/// A signal that is blocked reaches no handler. A signalfd tells that it is there; it is counted, and stays there
/// (C-350). To see which were counted makes the signalfd tell of them again, so it stands in a set of its own, where
/// that can be dropped.
struct SignalSource: ~Copyable {
  /// The set that the signalfd stands in, or -1.
  private var descriptor: CInt = -1
  private var handled = HandledSignals()
  private var signalfd: CInt = -1
  /// The set's place among those in which reports of marking are dropped.
  private var place: CInt = -1
  /// Knotes by signal.
  private var knotesOfSignal = HashIndex()
  private var watched = kq_signal_numbers()
  /// Those whose knotes are enabled.
  private var wanted = kq_signal_numbers()
  /// Something is to be looked at again.
  private var leftSomething = false
  /// What was counted could not be reported again.
  private var isUnsettled = false
  /// The looks of others at what is pending, which the signalfd tells of as well.
  private var seenLooks = PendingSignals.looks

  /// Whether there is anything to check before a wait.
  var isWatchful: Bool {
    @inline(__always) get { !watched.isEmpty }
  }

  // MARK: Knotes

  /// - Throws: EMFILE, ENFILE, ENOMEM.
  mutating func prepare(_ knotes: borrowing LinuxBackend.Knotes, in set: EpollSet) throws(Errno) {
    try knotesOfSignal.reserve { Self.hash(knotes[$0].signalNumber) }
    try handled.open(in: set)
    guard descriptor < 0 else { return }
    let own = try EpollSet(high: ())
    do throws(Errno) {
      try set.add(own.descriptor, EPOLLIN.rawValue, EpollToken.source(.signals))
    } catch {
      kq_close_descriptor(own.descriptor)
      throw error
    }
    descriptor = own.descriptor
  }

  /// - Throws: EMFILE, ENFILE, ENOMEM, ENOTSUP (signalfd4(2) is denied).
  mutating func add(_ knote: LinuxKnoteRef, _ number: CInt, _ notifier: CInt, isWanted: Bool) throws(Errno) {
    try handled.add(number, notifier, isWanted: isWanted)
    let former = wanted
    if isWanted { wanted.insert(number) }
    do throws(Errno) {
      try tellPending()
    } catch {
      wanted = former
      handled.remove(number)
      throw error
    }
    knotesOfSignal.insert(Self.hash(number), knote.index)
    watched.insert(number)
  }

  /// Has the signalfd tell of what is wanted; makes it where there is none.
  /// - Throws: EMFILE, ENFILE, ENOMEM, ENOTSUP (signalfd4(2) is denied).
  private mutating func tellPending() throws(Errno) {
    if signalfd >= 0 {
      _ = Self.setSignalfd(signalfd, wanted)
      return
    }
    let fresh = try Errno.check(OwnDescriptors.move(adopt(Self.setSignalfd(-1, wanted))))
    do throws(Errno) {
      try EpollSet(descriptor: descriptor).add(fresh, EPOLLIN.rawValue | EPOLLET.rawValue, 0)
    } catch {
      kq_close_descriptor(fresh)
      throw error
    }
    signalfd = fresh
  }

  mutating func remove(_ knote: LinuxKnoteRef, _ number: CInt) {
    try? want(number, false)
    handled.remove(number)
    knotesOfSignal.remove(Self.hash(number), knote.index)
    watched.remove(number)
  }

  /// signalfd(2): makes one with -1.
  @inline(never)
  private static func setSignalfd(_ descriptor: CInt, _ numbers: kq_signal_numbers) -> Int {
    var set = sigset_t()
    kq_set_of(numbers, &set)
    return withUnsafeMutablePointer(to: &set) {
      let flags = Int(O_CLOEXEC | O_NONBLOCK)
      let result = systemCall(
        KQ_SYS_SIGNALFD4, Int(descriptor), Int(bitPattern: $0), Int(KQ_SIGNAL_SET_BYTES), flags)
      return Int(kq_unless_denied(CInt(truncatingIfNeeded: result)))
    }
  }

  /// Enables or disables the reports of a signal; one that is pending, or ever came, is reported at once.
  /// - Throws: EBADF, ENOENT, ENOMEM.
  mutating func want(_ number: CInt, _ isWanted: Bool) throws(Errno) {
    guard wanted.contains(number) != isWanted else { return }
    defer { _ = Self.setSignalfd(signalfd, wanted) }
    if !isWanted { wanted.remove(number) }
    try handled.want(number, isWanted)
    if isWanted { wanted.insert(number) }
  }

  /// Takes the place. After a signal is watched, as the first to watch one in a process forgets its parent's places.
  /// - Throws: ENOMEM.
  mutating func listen() throws(Errno) {
    if place < 0 { place = try Errno.check(Listeners.add(descriptor)) }
  }

  /// Drops reports of what came before a knote was added.
  /// - Parameter isQuiet: nothing was pending then. What is by now came since, and is to be reported.
  mutating func begin(_ knotes: borrowing LinuxBackend.Knotes, isQuiet: Bool) {
    if !isQuiet { count(own: kq_signal_numbers()) }
    settle(knotes)
  }

  // MARK: Signals that are pending

  /// Counts what no handler will count; others are told of it.
  private mutating func count(own: kq_signal_numbers) {
    EpollSet(descriptor: descriptor).dropAll()
    if !PendingSignals.collect(own: own, &seenLooks) { leftSomething = true }
  }

  /// Counts what is pending, and writes what came.
  mutating func gatherPending(
    _ knotes: borrowing LinuxBackend.Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>
  ) -> Int {
    count(own: wanted)
    return gather(knotes, buffer)
  }

  /// Writes what was counted, for knotes of this kqueue.
  mutating func gather(
    _ knotes: borrowing LinuxBackend.Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>
  ) -> Int {
    var written = 0
    wanted.visit { number in
      guard written < buffer.count, let knote = find(number, knotes), knote.hasOccurred else { return }
      buffer[written] = knote.takeOccurrences()
      written += 1
    }
    settle(knotes)
    return written
  }

  /// Re-arms the report of what was not taken, and of nothing else.
  mutating func settle(_ knotes: borrowing LinuxBackend.Knotes) {
    handled.dropReports()
    var hasFailed = false
    wanted.visit { number in
      guard let knote = find(number, knotes), knote.hasOccurred else { return }
      if (try? handled.want(number, true)) == nil { hasFailed = true }
    }
    isUnsettled = hasFailed
  }

  private func find(_ number: CInt, _ knotes: borrowing LinuxBackend.Knotes) -> LinuxKnoteRef? {
    knotesOfSignal.find(Self.hash(number)) { knotes[$0].ident == UInt(number) }.map { knotes[$0] }
  }

  /// Checks for signals that another thread has not taken after all, and for handlers that replaced ours.
  mutating func look(_ knotes: borrowing LinuxBackend.Knotes) {
    if isUnsettled { settle(knotes) }
    seenLooks = PendingSignals.looks
    if leftSomething { tellAgain() }
    leftSomething = false
    guard !kq_signals_are_seen() else { return }
    watched.visit { Signals.look($0) }
  }

  private func tellAgain() {
    try? EpollSet(descriptor: descriptor).modify(signalfd, EPOLLIN.rawValue | EPOLLET.rawValue, 0)
  }

  // MARK: The set

  /// Whether the descriptors are what they were.
  func isKept(in set: EpollSet) -> Bool {
    guard descriptor >= 0 else { return true }
    var areKept = set.holds(descriptor) && set.holds(handled.descriptor)
    watched.visit { areKept = areKept && handled.isKept($0) }
    return areKept
  }

  /// Enters it into a set that takes another's place.
  func enter(_ set: EpollSet) {
    handled.enter(set)
    guard descriptor >= 0 else { return }
    try? set.add(descriptor, EPOLLIN.rawValue, EpollToken.source(.signals))
  }

  mutating func close() {
    if place >= 0 { Listeners.remove(place) }
    place = -1
    if signalfd >= 0 { OwnDescriptors.close(signalfd) }
    if descriptor >= 0 { OwnDescriptors.close(descriptor) }
    handled.close()
    signalfd = -1
    descriptor = -1
    knotesOfSignal.removeAll()
  }

  private static func hash(_ number: CInt) -> UInt {
    HashIndex.hash(UInt(bitPattern: Int(number)))
  }
}
