extension KernelQueue {
  /// Why a call or a change failed: a number of `<errno.h>`.
  ///
  /// It lies inside ``KernelQueue`` so that swift-system's type of this name can be used in the same file:
  /// `System.Errno(rawValue: error.rawValue)`.
  public struct Errno: Error, RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The number.
    public let rawValue: CInt

    /// An error by its number.
    public init(rawValue: CInt) {
      self.rawValue = rawValue
    }

    /// What the C library says of it, such as "Bad file descriptor".
    public var description: String {
      System.message(rawValue)
    }
  }
}
