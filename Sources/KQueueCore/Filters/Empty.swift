import CKQueue

/// EMPTY: nothing is left to be sent (contract 6.4). No system reports that, so the knote is looked at now and then.
extension KQueue where Backend: ~Copyable {
  mutating func attachEmpty(_ knote: KnoteRef) throws(Errno) {
    try backend.prepareTimer(.monotonic)
    try attachCondition(knote)
  }
}
