extension KernelQueue {
  /// A time on the wall clock, for ``Registration/timer(_:at:)``: CLOCK_REALTIME, which people and NTP set.
  public struct WallTime: InstantProtocol, Sendable {
    /// The time since 1970-01-01 00:00 UTC, leap seconds not counted.
    public let sinceEpoch: Duration

    /// A time by the seconds since 1970.
    public init(sinceEpoch: Duration) {
      self.sinceEpoch = sinceEpoch
    }

    /// What the clock says.
    public static var now: Self {
      .init(sinceEpoch: System.wallTime())
    }

    /// A time so much later.
    public func advanced(by duration: Duration) -> Self {
      .init(sinceEpoch: sinceEpoch + duration)
    }

    /// How much later another time is.
    public func duration(to other: Self) -> Duration {
      other.sinceEpoch - sinceEpoch
    }

    /// Whether one time is before another.
    public static func < (one: Self, other: Self) -> Bool {
      one.sinceEpoch < other.sinceEpoch
    }
  }
}
