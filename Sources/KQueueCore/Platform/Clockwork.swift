/// Time, and being told that it has come.
public protocol Clockwork: ~Copyable {
  /// Nanoseconds of a clock.
  func now(_ clock: Clock) -> UInt64

  /// Makes `wait` report `.timer` at a time of the clock; nil: not at all.
  /// - Returns: whether it can; not where the program closed what is needed for it.
  mutating func arm(_ clock: Clock, _ deadline: UInt64?) -> Bool

  // MARK: What only some need

  /// Takes what `arm` needs for this clock.
  /// - Throws: EMFILE, ENFILE, ENOMEM.
  mutating func prepareTimer(_ clock: Clock) throws(Errno)

  /// What time(2) says: its clock may be behind the realtime clock by some ticks.
  var seconds: UInt64 { get }
}

extension Clockwork where Self: ~Copyable {
  public mutating func prepareTimer(_ clock: Clock) {}
  public var seconds: UInt64 { now(.realtime) / 1_000_000_000 }
}

public enum Clock: Int, CaseIterable {
  case monotonic
  case realtime
}
