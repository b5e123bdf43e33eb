/// What an event for a knote would say.
public struct Readiness: BitwiseCopyable, Equatable {
  public var isActive: Bool
  /// Nothing to deliver, and nothing will be reported when that changes: look again at the next call.
  public private(set) var isUnsettled = false
  /// Nobody will ever tell when there is something to deliver, or under EV_CLEAR something new: look again before
  /// long, also for a sleeper.
  public private(set) var isPolled = false
  /// Nothing to deliver, now or later.
  public private(set) var isGone = false
  /// Under EV_CLEAR, something may be left once the program has taken what it is told of, and nobody will tell.
  public private(set) var isLeft = false
  public var data: Int
  public var fflags: UInt32
  /// EV_EOF, EV_OOBAND.
  public var flags: UInt16

  @inline(__always)
  public init(data: Int, fflags: UInt32 = 0, flags: UInt16 = 0) {
    isActive = true
    self.data = data
    self.fflags = fflags
    self.flags = flags
  }

  private init(isActive: Bool) {
    self.isActive = isActive
    data = 0
    fflags = 0
    flags = 0
  }

  /// The number does not name the file any more that the knote is on.
  public static var gone: Readiness {
    var readiness = Readiness.inactive
    readiness.isGone = true
    return readiness
  }

  public static var polled: Readiness {
    var readiness = Readiness.inactive
    readiness.isPolled = true
    return readiness
  }

  /// The same, of which nobody tells when there is more.
  public var thenPolled: Readiness {
    var readiness = self
    readiness.isPolled = true
    return readiness
  }

  /// The same, of which a reader may leave something.
  public var thenLeft: Readiness {
    var readiness = self
    readiness.isLeft = true
    return readiness
  }

  public static var unsettled: Readiness {
    var readiness = Readiness.inactive
    readiness.isUnsettled = true
    return readiness
  }

  /// Nothing to deliver.
  public static var inactive: Readiness {
    @inline(__always) get { Readiness(isActive: false) }
  }
}
