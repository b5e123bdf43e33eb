/// EMPTY: a socket has nothing left to be sent; data is 0 (contract 6.4). No system reports that, so the knote is
/// looked at at each call, and every `lookInterval` while a thread waits.
extension KQueue where Backend: ~Copyable {
  mutating func attachEmpty(_ knote: KnoteRef) throws(Errno) {
    try backend.prepareTimer(.monotonic)
    try attachCondition(knote)
  }
}
