/// What an event for a knote would say.
public struct Readiness: BitwiseCopyable, Equatable {
  /// How it becomes known that there is something else to say.
  public enum Next: BitwiseCopyable, Equatable {
    /// The system reports it.
    case report
    /// The system does not: the knote is sampled again at the next call.
    case call
    /// The system does not, and a waiter may need it: the knote is sampled again within `lookInterval`.
    case soon
    /// The system does not report what may be left under EV_CLEAR once the program has taken what it was told of.
    case taken
    /// There will be nothing: the number does not name the file any more that the knote is on.
    case never
  }

  /// Whether there is something to deliver.
  public var isActive: Bool
  public private(set) var next: Next
  /// Nothing to deliver. The call that muted the entry makes it report once more; no waiter may see that report
  /// (C-351).
  public private(set) var isReportedAnew = false
  public var data: Int
  public var fflags: UInt32
  /// EV_EOF, EV_OOBAND.
  public var flags: UInt16

  @inline(__always)
  public init(data: Int, fflags: UInt32 = 0, flags: UInt16 = 0) {
    isActive = true
    next = .report
    self.data = data
    self.fflags = fflags
    self.flags = flags
  }

  private init(inactive next: Next) {
    isActive = false
    self.next = next
    data = 0
    fflags = 0
    flags = 0
  }

  /// Nothing to deliver.
  public static var inactive: Readiness {
    @inline(__always) get { Readiness(inactive: .report) }
  }

  public static var unsettled: Readiness { Readiness(inactive: .call) }
  public static var polled: Readiness { Readiness(inactive: .soon) }
  public static var gone: Readiness { Readiness(inactive: .never) }

  /// The same, of which the system does not report more.
  public var thenPolled: Readiness { then(.soon) }

  /// The same, of which a reader may leave something.
  public var thenLeft: Readiness { then(.taken) }

  public var thenReportedAnew: Readiness {
    var readiness = self
    readiness.isReportedAnew = true
    return readiness
  }

  private func then(_ next: Next) -> Readiness {
    var readiness = self
    readiness.next = next
    return readiness
  }
}
