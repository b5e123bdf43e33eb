extension KernelQueue {
  /// What a registration is known by in its queue: the kind of what is watched, and which. A later registration of the
  /// same key replaces what was watched for.
  ///
  /// Source: contract 3.1; kqueue(2), "ident" and "filter".
  public struct Key: Hashable, Sendable {
    let filter: Int16
    let ident: UInt

    init(_ filter: Int16, _ ident: UInt) {
      self.filter = filter
      self.ident = ident
    }
    init(_ filter: Int16, _ number: CInt) {
      self.init(filter, UInt(bitPattern: Int(number)))
    }

    /// Reading from a descriptor (EVFILT_READ).
    public static func read(_ descriptor: CInt) -> Self { .init(Filter.read, descriptor) }
    /// Writing to a descriptor (EVFILT_WRITE).
    public static func write(_ descriptor: CInt) -> Self { .init(Filter.write, descriptor) }
    /// Urgent data on a descriptor (EVFILT_EXCEPT).
    public static func except(_ descriptor: CInt) -> Self { .init(Filter.except, descriptor) }
    /// A socket's send queue (EVFILT_EMPTY).
    public static func empty(_ descriptor: CInt) -> Self { .init(Filter.empty, descriptor) }
    /// An open file or directory (EVFILT_VNODE).
    public static func vnode(_ descriptor: CInt) -> Self { .init(Filter.vnode, descriptor) }
    /// A process, by its number (EVFILT_PROC).
    public static func process(_ pid: CInt) -> Self { .init(Filter.process, pid) }
    /// A process, by a descriptor of it (EVFILT_PROCDESC).
    public static func processDescriptor(_ descriptor: CInt) -> Self { .init(Filter.processDescriptor, descriptor) }
    /// A signal (EVFILT_SIGNAL).
    public static func signal(_ number: CInt) -> Self { .init(Filter.signal, number) }
    /// A timer (EVFILT_TIMER).
    public static func timer(_ id: UInt) -> Self { .init(Filter.timer, id) }
    /// A user event (EVFILT_USER).
    public static func user(_ id: UInt) -> Self { .init(Filter.user, id) }
    /// The mounted file systems (EVFILT_FS).
    public static var fileSystems: Self { .init(Filter.fileSystems, 0 as UInt) }
  }
}

extension KernelQueue.Key {
  /// ``read(_:)-(CInt)`` with a descriptor type such as swift-system's `FileDescriptor`.
  public static func read(_ descriptor: some RawRepresentable<CInt>) -> Self { read(descriptor.rawValue) }
  /// ``write(_:)-(CInt)`` with a descriptor type such as swift-system's `FileDescriptor`.
  public static func write(_ descriptor: some RawRepresentable<CInt>) -> Self { write(descriptor.rawValue) }
  /// ``except(_:)-(CInt)`` with a descriptor type such as swift-system's `FileDescriptor`.
  public static func except(_ descriptor: some RawRepresentable<CInt>) -> Self { except(descriptor.rawValue) }
  /// ``empty(_:)-(CInt)`` with a descriptor type such as swift-system's `FileDescriptor`.
  public static func empty(_ descriptor: some RawRepresentable<CInt>) -> Self { empty(descriptor.rawValue) }
  /// ``vnode(_:)-(CInt)`` with a descriptor type such as swift-system's `FileDescriptor`.
  public static func vnode(_ descriptor: some RawRepresentable<CInt>) -> Self { vnode(descriptor.rawValue) }
  /// A process, by a descriptor of it (EVFILT_PROCDESC).
  public static func processDescriptor(_ descriptor: some RawRepresentable<CInt>) -> Self {
    processDescriptor(descriptor.rawValue)
  }
}
