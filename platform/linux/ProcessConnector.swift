import CKQueueShims.Linux
import KQueueCore

/// The kernel's process connector: one socket a kqueue, which tells of every fork, exec and end in the system.
///
/// A filter in the kernel lets through what the knotes are about. Beyond some hundred processes, and for NOTE_TRACK,
/// it is sorted out here.
struct ProcessConnector: BitwiseCopyable {
  private(set) var descriptor: CInt = -1
  /// What was read at a time and is still to be told.
  private var events: UnsafeMutablePointer<kq_process_event>?
  private var count = 0
  private var place = 0
  /// Messages were lost. What came before is told first.
  private var hasLost = false
  private var passesAll = false

  /// - Throws: ENOTSUP, EPERM, ... where there is none; EMFILE, ENFILE, ENOMEM.
  mutating func open(in set: EpollSet) throws(Errno) {
    guard descriptor < 0 else { return }
    let memory = try Arena.map(kq_process_event.self, count: Int(KQ_PROCESS_EVENTS))
    do throws(Errno) {
      let fresh = try Errno.check(kq_move_high(kq_connector()))
      do throws(Errno) {
        try set.add(fresh, EPOLLIN.rawValue, EpollToken.source(.processes))
      } catch {
        kq_connector_close(fresh)
        throw error
      }
      descriptor = fresh
      events = memory
    } catch {
      Arena.unmap(memory, count: Int(KQ_PROCESS_EVENTS))
      throw error
    }
  }

  /// Has the kernel tell what is of interest.
  mutating func choose(
    _ watched: Int, _ tracking: Int, _ knotesOfProcess: borrowing HashIndex, _ knotes: borrowing KnoteSlab<LinuxKnote>
  ) {
    guard descriptor >= 0 else { return }
    let needsAll = tracking > 0 || watched > Int(KQ_FILTERED_PROCESSES)
    if !needsAll { return filter(knotesOfProcess, knotes) }
    if !passesAll { kq_connector_pass_all(descriptor) }
    passesAll = true
  }

  private mutating func filter(_ knotesOfProcess: borrowing HashIndex, _ knotes: borrowing KnoteSlab<LinuxKnote>) {
    passesAll = false
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: Int(KQ_FILTERED_PROCESSES)) { processes in
      var count = 0
      knotesOfProcess.visit { index in
        processes[count] = UInt32(truncatingIfNeeded: knotes[index].ident)
        count += 1
      }
      kq_connector_filter(descriptor, processes.baseAddress, CInt(count))
    }
  }

  mutating func next() -> ProcessNews {
    if place == count { refill() }
    if place < count {
      place += 1
      return .event(events.unsafelyUnwrapped[place - 1])
    }
    if hasLost {
      hasLost = false
      return .loss
    }
    return .none
  }

  private mutating func refill() {
    (count, place) = (0, 0)
    guard let events else { return }
    var got = kq_connector_read(descriptor, events, CInt(KQ_PROCESS_EVENTS))
    if got == -ENOBUFS {
      hasLost = true
      got = kq_connector_read(descriptor, events, CInt(KQ_PROCESS_EVENTS))
    }
    count = Int(max(got, 0))
  }

  /// Enters it into a set that takes another's place.
  func enter(_ set: EpollSet) {
    if descriptor >= 0 { try? set.add(descriptor, EPOLLIN.rawValue, EpollToken.source(.processes)) }
  }

  mutating func close() {
    if descriptor >= 0 { kq_connector_close(descriptor) }
    if let events { Arena.unmap(events, count: Int(KQ_PROCESS_EVENTS)) }
    self = ProcessConnector()
  }
}
