import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// Linux: an epoll set whose descriptor is the kqueue's, and what its facilities need beside it.
public struct LinuxBackend: PlatformBackend, ~Copyable {
  public typealias KnoteState = LinuxKnote
  public typealias Source = ReportSource
  public typealias RawEvent = EpollReport
  public typealias Waiter = CInt

  public static var filters: FilterSet {
    FilterSet(.read).union(FilterSet(.write)).union(FilterSet(.except)).union(FilterSet(.empty))
      .union(FilterSet(.vnode)).union(FilterSet(.fs)).union(FilterSet(.proc)).union(FilterSet(.procdesc))
      .union(FilterSet(.signal))
  }
  public static var processSource: ReportSource? { ReportSource(.processes) }

  /// The kqueue's own descriptor, which the program names, closes and has reused when it likes; where closes may go
  /// unseen, a set of its own that holds `main` alone, so that `main` can be made anew and outer pollers keep the
  /// kqueue.
  var own: EpollSet
  /// The set that everything is entered in, by a descriptor inside: a thread that is in the kqueue reaches this set
  /// whatever became of the kqueue's number.
  var main: EpollSet
  /// For further knotes of a descriptor; see `LinuxKnote.Place`.
  var sides = SideSets()
  var wakeDescriptor = WakeDescriptor()
  var monotonicTimer = TimerDescriptor()
  var realtimeTimer = TimerDescriptor()
  var files = InotifyWatches()
  var mounts = MountTable()
  var counters = CounterFiles()
  /// What processes do; made when first asked for.
  var families: UnsafeMutablePointer<ProcessFamilies>?
  /// Processes without descriptors of them; made when first needed.
  var looks: UnsafeMutablePointer<ProcessLooks>?
  var signals = SignalSource()
  /// Whether closes may go unseen; see `Identity.swift`.
  public let validates: Bool
  /// Knotes that the kernel reports.
  var watched = 0
  /// READ knotes that were asked whether they listen.
  var askedListeners: UInt8 = 0

  /// Linux has epoll sets be nested in five levels, of which older kernels see too many only when something is added at
  /// the bottom. The innermost kqueue needs one for its sides or signals; where closes go unseen each is two sets.
  public var chainLimit: Int { validates ? 2 : 4 }

  public static var closesGoUnseen: Bool { !kq_is_interposed() }
  public static var replacements: CUnsignedInt { OwnDescriptors.replaced }

  public init() throws(Errno) {
    let own = try EpollSet()
    do throws(Errno) {
      let validates = Self.closesGoUnseen
      let (inner, wake) = try validates ? Self.nest(in: own) : (EpollSet(inside: own), WakeDescriptor())
      (main, wakeDescriptor, self.own, self.validates) = (inner, wake, own, validates)
    } catch {
      kq_close_descriptor(own.descriptor)
      throw error
    }
  }

  /// Makes a set inside another, and the wake descriptor, by which the outer one is known again: entered without
  /// interest, and no set, which the kernel would look through each time.
  private static func nest(in own: EpollSet) throws(Errno) -> (EpollSet, WakeDescriptor) {
    let inner = try EpollSet(high: ())
    var wake = WakeDescriptor()
    do throws(Errno) {
      try wake.open(in: inner)
      try own.add(inner.descriptor, EPOLLIN.rawValue, EpollToken.source(.probe))
      try own.add(wake.descriptor, EPOLLET.rawValue, EpollToken.source(.probe))
    } catch {
      wake.close()
      kq_close_descriptor(inner.descriptor)
      throw error
    }
    return (inner, wake)
  }

  public mutating func renumber(_ number: CInt) throws(Errno) {
    if number == own.descriptor { return }
    try own.replace(EpollSet(descriptor: number))
    OwnDescriptors.note(number)
    own = EpollSet(descriptor: number)
  }

  public mutating func close() {
    OwnDescriptors.close(main.descriptor)
    sides.close()
    wakeDescriptor.close()
    monotonicTimer.close()
    realtimeTimer.close()
    files.close()
    mounts.close()
    counters.close()
    closeFamilies()
    closeLooks()
    signals.close()
  }

  public var descriptor: CInt { own.descriptor }

  public var isIdle: Bool {
    @inline(__always) get { watched == 0 && files.descriptor < 0 }
  }

  public var hasUntold: Bool {
    @inline(__always) get {
      families != nil && families.unsafelyUnwrapped.pointee.hasUntold
        || looks != nil && looks.unsafelyUnwrapped.pointee.isWatchful
    }
  }

  public var hasDeferredLooks: Bool {
    @inline(__always) get { looks != nil && looks.unsafelyUnwrapped.pointee.hasDeferredLooks }
  }

  public mutating func gatherDeferredNext() {
    looks?.pointee.gatherDeferredChildrenNext()
  }

  // MARK: Time

  public func now(_ clock: Clock) -> UInt64 {
    kq_clock(clock == .realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC)
  }

  public var seconds: UInt64 { kq_seconds() }

  public mutating func prepareTimer(_ clock: Clock) throws(Errno) {
    switch clock {
    case .monotonic: try monotonicTimer.open(.monotonic, in: main)
    case .realtime: try realtimeTimer.open(.realtime, in: main)
    }
  }

  public mutating func arm(_ clock: Clock, _ deadline: UInt64?) -> Bool {
    switch clock {
    case .monotonic: monotonicTimer.arm(deadline)
    case .realtime: realtimeTimer.arm(deadline)
    }
  }

  // MARK: Waking and waiting

  public mutating func prepareWake() throws(Errno) {
    try wakeDescriptor.open(in: main)
  }

  public func wake() -> Bool {
    wakeDescriptor.signal()
  }

  public func takeBackWake() {
    wakeDescriptor.takeBack()
  }

  public func wakeAll() {
    wakeDescriptor.signalAll(in: main)
  }

  public mutating func poll(_ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<EpollReport>) -> CInt {
    lookAgain(knotes)
    files.beginLook()
    return main.poll(buffer)
  }

  public mutating func leave(_ waiter: CInt) {
    files.beginLook()
  }

  public mutating func enter(_ knotes: borrowing Knotes) -> CInt {
    lookAgain(knotes)
    return main.descriptor
  }

  /// Checks what the system does not report.
  @inline(__always)
  private mutating func lookAgain(_ knotes: borrowing Knotes) {
    if signals.isWatchful || looks != nil { look(knotes) }
  }

  /// Apart, since polls are inlined in several places and seldom need it.
  @inline(never)
  private mutating func look(_ knotes: borrowing Knotes) {
    if signals.isWatchful { signals.look(knotes) }
    if looks != nil { looks.unsafelyUnwrapped.pointee.arm() }
  }

  public static func wait(
    _ waiter: CInt, _ buffer: UnsafeMutableBufferPointer<EpollReport>, nanoseconds: Int64?,
    signals: UnsafeMutablePointer<kq_wait_signals>, cancelled: CancelHandler?, context: UnsafeMutableRawPointer?
  ) -> CInt {
    kq_epoll_wait(
      waiter, EpollReport.memory(buffer), CInt(truncatingIfNeeded: buffer.count), nanoseconds ?? -1, signals, cancelled,
      context)
  }

  @inline(__always)
  public static func decode(_ event: EpollReport) -> Report<ReportSource> {
    let token = unsafeBitCast(event.event.token, to: UInt64.self)
    let (low, high) = (UInt32(truncatingIfNeeded: token), UInt32(truncatingIfNeeded: token >> 32))
    if high & EpollToken.own == 0 { return .knote(KnoteToken(index: low, generation: high), event.event.events) }
    let source = ReportSource(low, high, bits: event.event.events)
    switch source.own {
    case .wake: return .wake
    case .monotonicTimer: return .timer(.monotonic)
    case .realtimeTimer: return .timer(.realtime)
    case .probe: return .nothing
    case .files, .processes, .signals, .handled, .mounts, .firstSide, .secondSide, .thirdSide, nil: return .more(source)
    }
  }

  @inline(never)
  public mutating func gather(
    _ source: ReportSource, _ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>
  ) -> Int {
    switch source.own {
    case nil: gatherShared(source, knotes, buffer)
    case .files: files.gather(knotes, buffer)
    case .mounts: mounts.gather(knotes, buffer)
    case .processes: gatherProcesses(knotes, buffer)
    case .signals: signals.gatherPending(knotes, buffer)
    case .handled: signals.gather(knotes, buffer)
    case .firstSide: gatherSide(0, knotes, buffer)
    case .secondSide: gatherSide(1, knotes, buffer)
    case .thirdSide: gatherSide(2, knotes, buffer)
    default: bug("nothing to gather there")
    }
  }

  public static func reportsAgain(_ source: ReportSource) -> Bool {
    switch source.own {
    case .firstSide, .secondSide, .thirdSide, nil: true
    default: false
    }
  }

  /// A few at a time, since the stack is not to be filled; some may come twice, as the kernel goes round.
  private mutating func gatherSide(
    _ place: Int, _ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>
  ) -> Int {
    guard let set = sides[place] else { return 0 }
    var written = 0
    withUnsafeTemporaryAllocation(of: EpollReport.self, capacity: Self.againSlack - 1) { reports in
      var got = reports.count
      while got == reports.count && written + reports.count < buffer.count {
        got = Int(max(set.poll(reports), 0))
        for report in 0..<got {
          guard case .knote(let token, let bits) = Self.decode(reports[report]) else { continue }
          buffer[written] = happening(token, bits, knotes)
          written += 1
        }
      }
    }
    return written
  }

  /// What a report of a side set is to the core. One that records says what happened, where its file is not gone.
  private mutating func happening(_ token: KnoteToken, _ bits: UInt32, _ knotes: borrowing Knotes) -> Happening {
    guard let knote = knotes.find(token), knote.kind == .procdesc else { return Happening(token, bits: bits) }
    return occurrence(knote, reported: bits) ?? Happening(token, bits: 0)
  }

  /// The set for a place, made when first needed.
  /// - Throws: EMFILE, ENFILE, ENOMEM.
  @inline(__always)
  mutating func open(_ place: LinuxKnote.Place) throws(Errno) -> EpollSet {
    guard let side = place.side else { return main }
    return try openSide(side)
  }

  @inline(never)
  private mutating func openSide(_ side: Int) throws(Errno) -> EpollSet {
    if let set = sides[side] { return set }
    // What it reports may have to stand in the ready list, and that wakes.
    try prepareWake()
    let fresh = try EpollSet(high: ())
    do throws(Errno) {
      try main.add(fresh.descriptor, EPOLLIN.rawValue, EpollToken.source(.side(side)))
    } catch {
      kq_close_descriptor(fresh.descriptor)
      throw error
    }
    sides[side] = fresh
    return fresh
  }
}
