import CKQueueShims

/// Sets of signals, and masks.
extension kq_signal_numbers {
  /// A mask as the kernel writes it: bit n - 1 is signal n.
  init(kernel mask: UInt64) {
    self.init(low: mask << 1, high: mask >> 63)
  }

  func intersection(_ other: kq_signal_numbers) -> kq_signal_numbers {
    kq_signal_numbers(low: low & other.low, high: high & other.high)
  }

  public var isEmpty: Bool { low | high == 0 }

  public func contains(_ number: CInt) -> Bool {
    (number < 64 ? low >> UInt64(number) : high >> UInt64(number - 64)) & 1 != 0
  }

  /// In ascending order.
  @inline(never)
  public func visit(_ body: (CInt) -> Void) {
    Self.visit(low, from: 0, body)
    Self.visit(high, from: 64, body)
  }

  private static func visit(_ bits: UInt64, from first: CInt, _ body: (CInt) -> Void) {
    var left = bits
    while left != 0 {
      body(first + CInt(left.trailingZeroBitCount))
      left &= left - 1
    }
  }

  public mutating func insert(_ number: CInt) {
    if number < 64 { low |= 1 << UInt64(number) } else { high |= 1 << UInt64(number - 64) }
  }

  public mutating func remove(_ number: CInt) {
    if number < 64 { low &= ~(1 << UInt64(number)) } else { high &= ~(1 << UInt64(number - 64)) }
  }
}
