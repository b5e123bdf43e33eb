import CKQueueShims.Linux
import KQueueCore

/// Closes that nobody saw: by a raw system call, or where the program's close is not ours (contract 4).
///
/// epoll knows its entries by file and number together. To enter a number again is refused with EEXIST as long
/// as it names the file that was entered; so a knote is known to be gone, without a descriptor held for it.
extension LinuxBackend {
  /// Whether a knote's number names the file that it was registered for.
  /// Mutating, as what else is asked for each event: the compiler would copy a backend to borrow it.
  mutating func isSameFile(_ knote: LinuxKnoteRef) -> Bool {
    let descriptor = knote.descriptor
    switch knote.platform.place {
    case .main, .shared, .firstSide, .secondSide, .thirdSide: return set(of: knote).unsafelyUnwrapped.holds(descriptor)
    case .file: return files.isSame(knote)
    case .always: return Self.mayBeSame(shortIdentity(descriptor), knote.platform.watch)
    case .facility, .child, .lookedAt: return kq_is_open(descriptor)
    case .none: return false
    }
  }

  /// Whether short identities can be one file's. Where fstat(2) fails of an open file, for lack of memory or of a
  /// server, nothing is known, and a knote stays.
  private static func mayBeSame(_ now: CInt, _ before: CInt) -> Bool {
    now == before || now != -EBADF && before != -EBADF && (now < 0 || before < 0)
  }

  public mutating func isOnSameFile(_ knote: LinuxKnoteRef) -> Bool {
    isSameFile(knote)
  }

  /// Whether the kqueue's own number is its set still, which the wake descriptor stands in.
  public var isAlive: Bool {
    own.holds(wakeDescriptor.descriptor)
  }

  public var isReplaced: Bool {
    Self.namesNoKQueue(own.descriptor)
  }

  /// A pidfd, a timerfd and their like are no set either, which /proc alone tells.
  public static func namesNoKQueue(_ number: CInt) -> Bool {
    switch AnonymousFile(number) {
    case .epollSet: return false
    case .unknown: return ((try? DescriptorKind(of: number)) ?? .other) != .other
    default: return true
    }
  }

  public var isIntact: Bool {
    OwnDescriptors.isStillOwn(main.descriptor) && isKept(wakeDescriptor.descriptor) && isKept(monotonicTimer.descriptor)
      && isKept(realtimeTimer.descriptor) && isKept(files.descriptor) && isKept(mounts.descriptor) && areSidesKept
      && signals.isKept(in: main) && (families?.pointee.isKept(in: main) ?? true)
      && (looks?.pointee.isKept(in: main) ?? true)
  }

  private var areSidesKept: Bool {
    for place in 0..<SideSets.limit where !isKept(sides.number(place) - 1) { return false }
    return true
  }

  /// Whether a descriptor of ours, where there is one, is what it was.
  private func isKept(_ descriptor: CInt) -> Bool {
    descriptor < 0 || main.holds(descriptor)
  }
}
