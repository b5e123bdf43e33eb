import CKQueueShims

/// An error number of the C library: the one kind of failure that the core throws.
public struct Errno: Error, Equatable, BitwiseCopyable {
  public let code: CInt

  public init(_ code: CInt) {
    self.code = code
  }

  /// Throws where a shim's result is a negative errno, and passes the result on where it is not.
  @inline(__always)
  @discardableResult
  public static func check(_ result: CInt) throws(Errno) -> CInt {
    if result < 0 { throw Errno(-result) }
    return result
  }
}

/// Stops the process: an invariant of the library is broken (never a caller's mistake).
@inline(never)
public func bug(_ what: StaticString) -> Never {
  what.withUTF8Buffer { kq_bug(UnsafeRawPointer($0.baseAddress!).assumingMemoryBound(to: CChar.self)) }
}
