import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// Linux: an epoll set whose descriptor is the kqueue's, and what its facilities need beside it.
public struct LinuxBackend: PlatformBackend, ~Copyable {
  public typealias KnoteState = LinuxKnote
  public typealias RawEvent = EpollReport
  public typealias Waiter = CInt

  public static var filters: FilterSet {
    FilterSet(.read).union(FilterSet(.write)).union(FilterSet(.except)).union(FilterSet(.empty))
      .union(FilterSet(.vnode)).union(FilterSet(.fs)).union(FilterSet(.proc)).union(FilterSet(.procdesc))
      .union(FilterSet(.signal))
  }
  public static var processSource: UInt32? { EpollSource.processes.rawValue }

  var main: EpollSet
  /// For further knotes of a descriptor; see `LinuxKnote.Place`.
  var sides = SideSets()
  var wakeDescriptor = WakeDescriptor()
  var monotonicTimer = TimerDescriptor()
  var realtimeTimer = TimerDescriptor()
  var files = InotifyWatches()
  var mounts = MountTable()
  /// What processes do; made when first asked for.
  var families: UnsafeMutablePointer<ProcessFamilies>?
  var signals = SignalSource()
  /// Whether closes may go unseen; see `Identity.swift`.
  public let validates: Bool
  /// Knotes that the kernel reports.
  var watched = 0

  public static var closesGoUnseen: Bool { !kq_is_interposed() }

  public init() throws(Errno) {
    validates = Self.closesGoUnseen
    main = try EpollSet()
  }

  public mutating func renumber(_ number: CInt) throws(Errno) {
    main = try main.renumbered(number)
  }

  public mutating func close() {
    sides.close()
    wakeDescriptor.close()
    monotonicTimer.close()
    realtimeTimer.close()
    files.close()
    mounts.close()
    closeFamilies()
    signals.close()
  }

  public var descriptor: CInt { main.descriptor }

  public var isIdle: Bool {
    @inline(__always) get { watched == 0 && files.descriptor < 0 }
  }

  public var hasUntold: Bool {
    @inline(__always) get { families != nil && families.unsafelyUnwrapped.pointee.hasUntold }
  }

  // MARK: Time

  public func now(_ clock: Clock) -> UInt64 {
    kq_clock(clock == .realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC)
  }

  /// Its clock is read at the ticks of the kernel.
  public static var secondsLag: UInt64 { kq_clock_tick(CLOCK_REALTIME_COARSE) }

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
    lookAgain()
    return main.poll(buffer)
  }

  public mutating func enter(_ knotes: borrowing Knotes) -> CInt {
    lookAgain()
    return main.descriptor
  }

  /// Sees to what nobody tells of.
  @inline(__always)
  private mutating func lookAgain() {
    if signals.isWatchful { signals.look() }
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
  public static func decode(_ event: EpollReport) -> Report {
    let (low, high) = event.event.token
    if high & EpollToken.own == 0 { return .knote(KnoteToken(index: low, generation: high), event.event.events) }
    switch EpollSource(rawValue: low) {
    case .wake: return .wake
    case .monotonicTimer: return .timer(.monotonic)
    case .realtimeTimer: return .timer(.realtime)
    case .files, .processes, .signals, .mounts, .firstSide, .secondSide, .thirdSide: return .more(low)
    case nil: bug("an unknown entry in the epoll set")
    }
  }

  public mutating func gather(
    _ source: UInt32, _ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>
  ) -> Int {
    switch EpollSource(rawValue: source) {
    case .files: files.gather(knotes, buffer)
    case .mounts: mounts.gather(knotes, buffer)
    case .processes: families?.pointee.gather(knotes, buffer) ?? 0
    case .signals: signals.gather(knotes, buffer)
    case .firstSide: gatherSide(0, knotes, buffer)
    case .secondSide: gatherSide(1, knotes, buffer)
    case .thirdSide: gatherSide(2, knotes, buffer)
    default: bug("nothing to gather there")
    }
  }

  public static func reportsAgain(_ source: UInt32) -> Bool {
    switch EpollSource(rawValue: source) {
    case .firstSide, .secondSide, .thirdSide: true
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
    guard let knote = knotes.find(token), knote.pointee.kind == .procdesc else { return Happening(token, bits: bits) }
    return occurrence(token.index, knotes, reported: bits) ?? Happening(token, bits: 0)
  }

  /// The set for a place, made when first needed.
  /// - Throws: EMFILE, ENFILE, ENOMEM.
  @inline(__always)
  mutating func open(_ place: LinuxKnote.Place) throws(Errno) -> EpollSet {
    place == .main ? main : try openSide(place.side.unsafelyUnwrapped)
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
