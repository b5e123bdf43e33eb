import CKQueue
import CKQueueShims

/// What each filter does, one line an operation: the only place that tells one filter from another.
///
/// A new filter has a case of `Filter`, its traits, a line in each operation, and a file of its own.
enum FilterTable {
  /// What is so of a filter whatever happens to its knotes.
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

  /// Begins to watch what a new knote is about.
  /// - Throws: the errno of the change; nothing is watched then.
  mutating func attach(_ index: UInt32, _ change: Kevent, _ filter: Filter) throws(Errno) {
    switch filter {
    case .read, .write, .except: try attachCondition(index)
    case .empty: try attachEmpty(index)
    case .vnode, .signal, .fs: try attachOccurrences(index)
    case .proc, .procdesc: try attachProcess(index)
    case .timer: try attachTimer(index, change)
    case .user: try attachUser(index, change)
    case .libkqueue: throw Errno(EINVAL)
    }
  }

  /// Follows a change of a knote.
  /// - Throws: the errno of the change; the caller undoes what the knote has of it.
  @inline(__always)
  mutating func modify(_ index: UInt32, _ change: Kevent, as filter: Filter) throws(Errno) {
    switch filter {
    case .read, .write, .empty, .except: try modifyCondition(index, change)
    case .vnode, .signal, .fs: try modifyOccurrences(index, change)
    case .proc, .procdesc: try modifyProcess(index, change)
    case .timer: try modifyTimer(index, change)
    case .user: modifyUser(index, change)
    case .libkqueue: throw Errno(EINVAL)
    }
  }

  /// Takes note of what the platform tells of a knote.
  mutating func note(_ index: UInt32, _ happening: Happening) {
    switch knotes[index].pointee.kind {
    case .read, .write, .empty, .except: activate(index)
    case .vnode: record(index, knotes[index].pointee.wanted(happening.bits))
    case .proc, .procdesc: noteProcess(index, happening)
    case .signal: noteSignal(index, happening)
    case .fs: noteFileSystems(happening)
    case .timer, .user, .libkqueue: bug("a platform reports what is not its own")
    }
  }

  /// What the next event of a knote says whose readiness is kept here. Of a filter that records something is pending.
  @inline(__always)
  mutating func sampleRecorded(_ index: UInt32, _ filter: Filter) -> Readiness {
    switch filter {
    case .read, .write, .empty, .except: backend.sample(index, knotes, reported: nil)
    case .vnode: sampleFile(knotes[index].pointee)
    case .proc, .procdesc: sampleProcess(index)
    case .signal: Readiness(data: Int(knotes[index].pointee.value))
    case .fs: Readiness(data: 0, fflags: knotes[index].pointee.pending)
    case .timer: sampleTimer(index)
    case .user: sampleUser(index)
    case .libkqueue: bug("a knote of EVFILT_LIBKQUEUE")
    }
  }

  /// Has a knote of a filter start from nothing after a delivery under EV_CLEAR.
  @inline(__always)
  mutating func clear(_ index: UInt32, _ filter: Filter) {
    switch filter {
    case .vnode, .proc, .procdesc, .signal, .fs: knotes[index].pointee.occurrence = 0
    case .empty: lookBeforeLong(index)
    case .read, .write, .except, .timer, .user, .libkqueue: return
    }
  }

  /// Queues a knote again after a repair: all that is known is what the knote says.
  mutating func requeue(_ index: UInt32, _ filter: Filter) {
    switch filter {
    case .timer: repairTimer(index)
    case .read, .write, .empty, .except: activate(index)
    case .vnode, .proc, .procdesc, .signal, .fs, .user, .libkqueue: activateIfPending(index)
    }
  }

  /// Ends what a filter keeps of a knote that is being removed, beside what the platform has.
  @inline(__always)
  mutating func release(_ index: UInt32, _ filter: Filter) {
    switch filter {
    case .timer: leaveTimers(index)
    case .read, .write, .empty, .except, .vnode, .proc, .procdesc, .signal, .fs, .user, .libkqueue: return
    }
  }
}

extension Knote {
  /// What of these fflags the knote asks for.
  func wanted(_ bits: UInt32) -> UInt32 {
    switch kind {
    case .vnode: wantedOfFile(bits)
    case .fs: fflags == 0 ? bits : bits & fflags
    case .proc: wantedOfProcess(bits)
    case .read, .write, .empty, .except, .procdesc, .signal, .timer, .user, .libkqueue: bits & fflags
    }
  }
}
