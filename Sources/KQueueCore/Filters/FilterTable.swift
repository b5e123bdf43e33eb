import CKQueue
import CKQueueShims

/// What each filter does, one line an operation: the only switches on filters. Where another file compares with one, it
/// is about that filter alone.
///
/// A new filter has a case of `Filter`, its traits, a line in each operation, and a file of its own.
enum FilterTable {
  /// Constant properties of a filter.
  @inline(__always)
  static func traits(of filter: Filter) -> FilterTraits {
    switch filter {
    case .read: FilterTraits(watchesDescriptor: true, isPlatforms: true)
    case .write: FilterTraits(watchesDescriptor: true, isPlatforms: true)
    case .vnode: FilterTraits(watchesDescriptor: true, isPlatforms: true, records: true)
    case .proc: FilterTraits(isPlatforms: true, records: true, clears: true)
    case .signal: FilterTraits(isPlatforms: true, records: true, clears: true)
    case .timer: FilterTraits(clears: true)
    case .procdesc: FilterTraits(watchesDescriptor: true, isPlatforms: true, records: true, clears: true)
    case .fs: FilterTraits(isPlatforms: true, records: true, clears: true)
    case .user: FilterTraits()
    case .libkqueue: FilterTraits()
    case .empty: FilterTraits(watchesDescriptor: true, isPlatforms: true)
    case .except: FilterTraits(watchesDescriptor: true, isPlatforms: true)
    }
  }
}

/// Not a set of options: its array literal takes memory in the ordinary build.
struct FilterTraits {
  /// Its ident is a descriptor number.
  var watchesDescriptor = false
  /// A platform serves it.
  var isPlatforms = false
  /// Its knotes record what happened, rather than ask for a condition.
  var records = false
  /// Its knotes have EV_CLEAR unasked (contract 3.2).
  var clears = false
}

extension KQueue where Backend: ~Copyable {
  /// Refuses a change that makes no sense for the filter, before a knote is looked for.
  /// - Throws: EINVAL.
  @inline(__always)
  func refuse(_ change: Kevent, _ filter: Filter) throws(Errno) {
    switch filter {
    case .except: try requireUrgency(change)
    case .read, .write, .empty, .vnode, .proc, .procdesc, .signal, .fs, .timer, .user, .libkqueue: return
    }
  }

  /// Records occurrences that precede a change and do not belong to it (contract 3.5). Runs before the lookup, since an
  /// occurrence may make the knote.
  @inline(__always)
  mutating func gatherBefore(_ change: Kevent, _ filter: Filter) {
    switch filter {
    case .proc: gatherBeforeProcess(change)
    case .read, .write, .empty, .except, .vnode, .procdesc, .signal, .fs, .timer, .user, .libkqueue: return
    }
  }

  /// Begins to watch what a new knote is about.
  /// - Throws: the errno of the change; nothing is watched then.
  mutating func attach(_ knote: KnoteRef, _ change: Kevent, _ filter: Filter) throws(Errno) {
    switch filter {
    case .read, .write, .except: try attachCondition(knote)
    case .empty: try attachEmpty(knote)
    case .vnode, .signal, .fs: try attachOccurrences(knote)
    case .proc, .procdesc: try attachProcess(knote)
    case .timer: try attachTimer(knote, change)
    case .user: try attachUser(knote, change)
    case .libkqueue: throw Errno(EINVAL)
    }
  }

  /// Follows a change of a knote.
  /// - Throws: the errno of the change; the caller undoes what the knote has of it.
  @inline(__always)
  mutating func modify(_ knote: KnoteRef, _ change: Kevent, as filter: Filter) throws(Errno) {
    switch filter {
    case .read, .write, .empty, .except: try modifyCondition(knote, change)
    case .vnode, .signal, .fs: try modifyOccurrences(knote, change)
    case .proc, .procdesc: try modifyProcess(knote, change)
    case .timer: try modifyTimer(knote, change)
    case .user: modifyUser(knote, change)
    case .libkqueue: throw Errno(EINVAL)
    }
  }

  /// Records what the platform tells of a knote.
  mutating func note(_ knote: KnoteRef, _ happening: Happening) {
    switch knote.kind {
    case .read, .write, .empty, .except: activate(knote)
    case .vnode: record(knote, knote.wanted(happening.bits))
    case .proc, .procdesc: noteProcess(knote, happening)
    case .signal: noteSignal(knote, happening)
    case .fs: noteFileSystems(happening)
    case .timer, .user, .libkqueue: bug("a platform reports what is not its own")
    }
  }

  /// The next event of a knote whose readiness the core keeps. Where its filter records, something is pending.
  @inline(__always)
  mutating func sampleRecorded(_ knote: KnoteRef, _ filter: Filter) -> Readiness {
    switch filter {
    case .read, .write, .empty, .except: sampleCondition(knote)
    case .vnode: sampleFile(knote)
    case .proc, .procdesc: sampleProcess(knote)
    case .signal: Readiness(data: Int(clamping: knote.value))
    case .fs: Readiness(data: 0, fflags: knote.pending)
    case .timer: sampleTimer(knote)
    case .user: sampleUser(knote)
    case .libkqueue: bug("a knote of EVFILT_LIBKQUEUE")
    }
  }

  /// Clears what a knote has recorded, after a delivery under EV_CLEAR.
  @inline(__always)
  mutating func clear(_ knote: KnoteRef, _ filter: Filter) {
    switch filter {
    case .vnode, .proc, .procdesc, .signal, .fs: knote.occurrence = 0
    case .empty: sampleSoon(knote)
    case .read, .write, .except, .timer, .user, .libkqueue: return
    }
  }

  /// Queues a knote again after a repair, by the knote's own state, which alone is known.
  mutating func requeue(_ knote: KnoteRef, _ filter: Filter) {
    switch filter {
    case .timer: repairTimer(knote)
    case .read, .write, .empty, .except: activate(knote)
    case .vnode, .proc, .procdesc, .signal, .fs, .user, .libkqueue: activateIfPending(knote)
    }
  }

  /// Releases what a filter keeps outside a knote that is being removed, beside what the platform keeps.
  @inline(__always)
  mutating func release(_ knote: KnoteRef, _ filter: Filter) {
    switch filter {
    case .timer: leaveTimers(knote)
    case .read, .write, .empty, .except, .vnode, .proc, .procdesc, .signal, .fs, .user, .libkqueue: return
    }
  }
}

extension KnoteRef {
  /// Those of the fflags that the knote asks for.
  func wanted(_ bits: UInt32) -> UInt32 {
    switch kind {
    case .vnode: wantedOfFile(bits)
    case .fs: fflags == 0 ? bits : bits & fflags
    case .proc: wantedOfProcess(bits)
    case .read, .write, .empty, .except, .procdesc, .signal, .timer, .user, .libkqueue: bits & fflags
    }
  }
}
