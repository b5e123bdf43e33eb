/// What happened to what a knote watches.
public struct Happening: BitwiseCopyable {
  public var token: KnoteToken
  /// Of a filter that records: the NOTE_ bits that happened, wanted or not. Else bits that only `sample` understands.
  public var bits: UInt32
  /// A count, or a status, as the filter has it.
  public var data: Int

  @inline(__always)
  public init(_ token: KnoteToken, bits: UInt32, data: Int = 0) {
    self.token = token
    self.bits = bits
    self.data = data
  }

  /// A source has lost some of what it had to tell of processes, and it is not known what.
  public static var loss: Happening {
    Happening(KnoteToken(index: .max, generation: .max), bits: 0)
  }

  var isLoss: Bool {
    token.index == .max
  }
}
