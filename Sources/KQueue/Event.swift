extension KernelQueue {
  /// What happened to one registration since it was told last.
  public struct Event: @unchecked Sendable {
    @usableFromInline let entry: Kevent

    @inlinable
    init(_ entry: Kevent) {
      self.entry = entry
    }

    /// What the registration is known by.
    public var key: Key {
      Key(entry.kind, entry.number)
    }

    /// The number that the registration was given as its tag.
    @inlinable
    public var tag: UInt {
      entry.tag
    }

    /// Of ``Source/read(_:)`` how many bytes can be read (of a listening socket, how many connections can be
    /// accepted), of ``Source/write(_:)`` how much room there is, of ``Source/empty(_:)`` how much is left.
    /// Of the others whatever the number is that belongs to the event, `data` in C.
    @inlinable
    public var bytes: Int {
      entry.value
    }

    /// Whether nothing more will come than ``bytes`` (or, for writing, nobody takes anything), or the process has
    /// ended (EV_EOF).
    @inlinable
    public var isEndOfFile: Bool {
      entry.results & Flag.endOfFile != 0
    }

    /// Whether this is no event, but a change that failed; ``error`` says why (EV_ERROR).
    public var isFailedChange: Bool {
      entry.results & Flag.error != 0 && entry.value != 0
    }

    /// Why a change failed, or what broke a socket's connection.
    public var error: Errno? {
      if isFailedChange { return Errno(rawValue: CInt(truncatingIfNeeded: entry.value)) }
      guard isEndOfFile && entry.notes != 0 else { return nil }
      return switch entry.kind {
      case Filter.read, Filter.write, Filter.empty: Errno(rawValue: CInt(truncatingIfNeeded: entry.notes))
      default: nil
      }
    }
  }
}

// MARK: By kind

extension KernelQueue.Event {
  /// What is watched, and what happened to it.
  public enum Source: Hashable, Sendable {
    /// The descriptor can be read from.
    case read(CInt)
    /// The descriptor can be written to.
    case write(CInt)
    /// The descriptor has urgent data.
    case except(CInt)
    /// The socket's peer has taken everything.
    case empty(CInt)
    /// This happened to the descriptor's file.
    case vnode(CInt, KernelQueue.VnodeEvents)
    /// This happened to the process.
    case process(CInt, KernelQueue.ProcessEvents)
    /// This happened to the descriptor's process.
    case processDescriptor(CInt, KernelQueue.ProcessEvents)
    /// The signal was sent so often.
    case signal(CInt, count: Int)
    /// The time came so often.
    case timer(UInt, count: Int)
    /// The user event was fired; its bits.
    case user(UInt, flags: UInt32)
    /// This happened to the mounted file systems.
    case fileSystems(KernelQueue.FileSystemEvents)
    /// A filter that this module does not know.
    case other(filter: Int16, ident: UInt)
  }

  /// What is watched, and what happened to it.
  @inlinable
  public var source: Source {
    let number = CInt(truncatingIfNeeded: entry.number)
    return switch entry.kind {
    case Filter.read: .read(number)
    case Filter.write: .write(number)
    case Filter.except: .except(number)
    case Filter.empty: .empty(number)
    case Filter.vnode: .vnode(number, .init(rawValue: entry.notes))
    case Filter.process: .process(number, .init(rawValue: entry.notes))
    case Filter.processDescriptor: .processDescriptor(number, .init(rawValue: entry.notes))
    case Filter.signal: .signal(number, count: entry.value)
    case Filter.timer: .timer(entry.number, count: entry.value)
    case Filter.user: .user(entry.number, flags: entry.notes)
    case Filter.fileSystems: .fileSystems(.init(rawValue: entry.notes))
    default: .other(filter: entry.kind, ident: entry.number)
    }
  }
}

// MARK: Processes

extension KernelQueue.Event {
  /// How a process ended.
  public enum ExitStatus: Hashable, Sendable {
    /// It called exit with this.
    case exited(CInt)
    /// This signal ended it.
    case killed(CInt)
  }

  private var isOfProcess: Bool {
    entry.kind == Filter.process || entry.kind == Filter.processDescriptor
  }

  /// How the process ended; nil where the event does not say that it has.
  ///
  /// A process that is no child and was reaped before anybody looked counts as exited with 0 before Linux 6.15.
  public var exitStatus: ExitStatus? {
    guard isOfProcess && !isFailedChange && entry.notes & Note.exit != 0 else { return nil }
    // The status as waitpid() gives it, whose layout is the same everywhere.
    let status = CInt(truncatingIfNeeded: entry.value)
    return status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .killed(status & 0x7f)
  }

  /// Of a child that ``KernelQueue/ProcessEvents/child`` tells of, the process that forked it.
  public var parent: CInt? {
    guard isOfProcess && !isFailedChange && entry.notes & 0x4 != 0 else { return nil }
    return CInt(truncatingIfNeeded: entry.value)
  }
}
