import CKQueue

/// What kevent64() registered with knotes, by their places. It takes no memory where nobody uses it.
struct Extensions: ~Copyable {
  private struct Record: BitwiseCopyable {
    /// The knote's; another one in its place has none of this.
    var generation: UInt32
    var words: Extension
  }

  private var records = ChunkedArray<Record>()

  func find<S>(_ knote: KnoteRef<S>) -> Extension {
    guard let record = records.existing(Int(knote.index)), record.pointee.generation == knote.generation
    else { return (0, 0) }
    return record.pointee.words
  }

  /// Makes room for what a knote in this place may come with, so that `set` cannot fail.
  /// - Throws: ENOMEM.
  mutating func reserve(_ index: UInt32, _ ext: Extension) throws(Errno) {
    if ext != (0, 0) { _ = try records.grow(to: Int(index)) }
  }

  mutating func set<S>(_ knote: KnoteRef<S>, _ ext: Extension) {
    try? reserve(knote.index, ext)
    records.existing(Int(knote.index))?.pointee = Record(generation: knote.generation, words: ext)
  }

  mutating func removeAll() {
    records.removeAll()
  }
}

extension KQueue where Backend: ~Copyable {
  /// Applies a change of kevent64(), whose words go with the knote as its udata does.
  /// - Throws: the errno of the entry, as `apply` without words.
  mutating func apply(_ change: Kevent, _ ext: Extension) throws(Errno) {
    try extensions.reserve(find(change)?.index ?? knotes.nextPlace, ext)
    try apply(change)
    guard !change.has(EV_KEEPUDATA), let knote = find(change) else { return }
    extensions.set(knote, ext)
  }

  private func find(_ change: Kevent) -> KnoteRef? {
    guard let filter = Filter(rawValue: change.filter), !filter.watchesDescriptor || change.ident <= UInt(CInt.max)
    else { return nil }
    return table.find(filter, change.ident, knotes)
  }
}
