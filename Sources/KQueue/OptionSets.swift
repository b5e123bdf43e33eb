extension KernelQueue {
  /// How often a registration tells. Without any it is told at every call, as long as it holds.
  ///
  /// Source: contract 3.2; kqueue(2), "flags".
  public struct Options: OptionSet, Hashable, Sendable {
    /// The EV_ bits.
    public let rawValue: UInt16

    /// Options by their EV_ bits.
    @inlinable
    public init(rawValue: UInt16) {
      self.rawValue = rawValue
    }

    /// Once, after which the registration is gone (EV_ONESHOT).
    public static let oneShot = Self(rawValue: Flag.oneShot)
    /// Each time something new happens (EV_CLEAR). Timers, processes, signals and file systems do so anyway.
    public static let clear = Self(rawValue: Flag.clear)
    /// Once, until ``KernelQueue/enable(_:tag:)`` (EV_DISPATCH): one thread has it to itself.
    public static let dispatch = Self(rawValue: Flag.dispatch)
    /// Not before ``KernelQueue/enable(_:tag:)`` (EV_DISABLE).
    public static let disabled = Self(rawValue: Flag.disable)
  }

  /// What happens to a file or directory. Contract 6.5 has a table of what each operation is told as.
  public struct VnodeEvents: OptionSet, Hashable, Sendable {
    /// The NOTE_ bits.
    public let rawValue: UInt32

    /// Events by their NOTE_ bits.
    @inlinable
    public init(rawValue: UInt32) {
      self.rawValue = rawValue
    }

    /// The last name of it is gone (NOTE_DELETE).
    public static let delete = Self(rawValue: 0x01)
    /// The contents were written, or a directory's entries changed (NOTE_WRITE).
    public static let write = Self(rawValue: 0x02)
    /// It became longer (NOTE_EXTEND).
    public static let extend = Self(rawValue: 0x04)
    /// Owner, mode, times or the like changed (NOTE_ATTRIB).
    public static let attributes = Self(rawValue: 0x08)
    /// The number of its names changed (NOTE_LINK).
    public static let link = Self(rawValue: 0x10)
    /// It has another name (NOTE_RENAME).
    public static let rename = Self(rawValue: 0x20)
    /// Its file system is gone (NOTE_REVOKE).
    public static let revoke = Self(rawValue: 0x40)
  }

  /// What happens to a process.
  ///
  /// Source: contract 6.6.
  public struct ProcessEvents: OptionSet, Hashable, Sendable {
    /// The NOTE_ bits.
    public let rawValue: UInt32

    /// Events by their NOTE_ bits.
    @inlinable
    public init(rawValue: UInt32) {
      self.rawValue = rawValue
    }

    /// It ended (NOTE_EXIT).
    public static let exit = Self(rawValue: 0x8000_0000)
    /// It forked (NOTE_FORK).
    public static let fork = Self(rawValue: 0x4000_0000)
    /// It executes another program (NOTE_EXEC).
    public static let exec = Self(rawValue: 0x2000_0000)
  }

  /// What happens to the mounted file systems. Here the first two are told alone.
  ///
  /// Source: contract 6.11.
  public struct FileSystemEvents: OptionSet, Hashable, Sendable {
    /// The VQ_ bits.
    public let rawValue: UInt32

    /// Events by their VQ_ bits.
    @inlinable
    public init(rawValue: UInt32) {
      self.rawValue = rawValue
    }

    /// One was mounted (VQ_MOUNT).
    public static let mount = Self(rawValue: 0x08)
    /// One was unmounted (VQ_UNMOUNT).
    public static let unmount = Self(rawValue: 0x10)
    /// A server does not answer (VQ_NOTRESP).
    public static let notResponding = Self(rawValue: 0x01)
    /// A server wants a password (VQ_NEEDAUTH).
    public static let needsAuthentication = Self(rawValue: 0x02)
    /// One is nearly full (VQ_LOWDISK).
    public static let lowDisk = Self(rawValue: 0x04)
    /// One is gone (VQ_DEAD).
    public static let dead = Self(rawValue: 0x20)
    /// One needs help (VQ_ASSIST).
    public static let needsAssistance = Self(rawValue: 0x40)
    /// A lock's server does not answer (VQ_NOTRESPLOCK).
    public static let lockNotResponding = Self(rawValue: 0x80)
  }

  /// What a trigger makes of a user event's 24 bits, which stay from one event to the next.
  ///
  /// Source: contract 6.10.
  public enum UserFlags: Hashable, Sendable {
    /// Leaves them (NOTE_FFNOP).
    case keep
    /// Keeps those that are given (NOTE_FFAND).
    case and(UInt32)
    /// Adds those that are given (NOTE_FFOR).
    case or(UInt32)
    /// Replaces them (NOTE_FFCOPY).
    case copy(UInt32)

    var fflags: UInt32 {
      switch self {
      case .keep: 0
      case .and(let bits): Note.and | bits & Note.userFlags
      case .or(let bits): Note.or | bits & Note.userFlags
      case .copy(let bits): Note.copy | bits & Note.userFlags
      }
    }
  }
}
