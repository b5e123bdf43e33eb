extension KernelQueue {
  /// One change to what a queue watches, for the calls that make several.
  ///
  /// ```swift
  /// try queue.apply([.add(.read(socket)), .add(.write(socket), .disabled), .delete(.timer(1))])
  /// ```
  public struct Change: @unchecked Sendable {
    let entry: Kevent

    /// As ``KernelQueue/add(_:_:tag:)``.
    public static func add(_ registration: Registration, _ options: Options = [], tag: UInt = 0) -> Self {
      .init(
        entry: Kevent(
          filter: registration.key.filter, ident: registration.key.ident,
          flags: Flag.add | registration.flags | options.rawValue, fflags: registration.fflags,
          data: registration.data, tag: tag))
    }

    /// As ``KernelQueue/delete(_:)``.
    public static func delete(_ key: Key) -> Self {
      .init(entry: Kevent(filter: key.filter, ident: key.ident, flags: Flag.delete))
    }

    /// As ``KernelQueue/enable(_:tag:)``.
    public static func enable(_ key: Key, tag: UInt? = nil) -> Self {
      .init(key, Flag.enable, tag)
    }

    /// As ``KernelQueue/disable(_:tag:)``.
    public static func disable(_ key: Key, tag: UInt? = nil) -> Self {
      .init(key, Flag.disable, tag)
    }

    /// As ``KernelQueue/trigger(_:flags:)``.
    public static func trigger(_ id: UInt, flags: UserFlags = .keep) -> Self {
      .init(.user(id), 0, nil, fflags: Note.trigger | flags.fflags)
    }

    /// A change of what is there. Every change replaces the tag, unless it says not to (contract 3.1).
    private init(_ key: Key, _ action: UInt16, _ tag: UInt?, fflags: UInt32 = 0) {
      self.init(
        entry: Kevent(
          filter: key.filter, ident: key.ident, flags: action | (tag == nil ? Flag.keepTag : 0), fflags: fflags,
          tag: tag ?? 0))
    }

    private init(entry: Kevent) {
      self.entry = entry
    }

    var askingForReceipt: Self {
      var entry = entry
      entry.flags |= Flag.receipt
      return .init(entry: entry)
    }
  }

  /// How a change went.
  public struct Receipt: Hashable, Sendable {
    /// What was changed.
    public let key: Key
    /// Why it failed; nil where it did not.
    public let error: Errno?

    init(_ entry: Kevent) {
      key = Key(entry.filter, entry.ident)
      error = entry.data == 0 ? nil : Errno(rawValue: CInt(truncatingIfNeeded: entry.data))
    }
  }
}
