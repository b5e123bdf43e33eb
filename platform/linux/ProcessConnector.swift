import CKQueueShims.Linux
import KQueueCore

/// The kernel's process connector: one socket a kqueue, which tells of every fork, exec and end in the system.
///
/// A filter in the kernel lets through what the knotes are about. Beyond some hundred processes, and for NOTE_TRACK,
/// it is sorted out here.
struct ProcessConnector: BitwiseCopyable {
  private(set) var descriptor: CInt = -1
  /// What was read at a time and is still to be told.
  private var events: UnsafeMutablePointer<ProcessEvent>?
  private var count = 0
  private var place = 0
  /// Messages were lost. What came before is told first.
  private var hasLost = false
  private var passesAll = false
  /// A capability had to be raised to open the socket, and has to be to end the listening.
  private var wasRaised = false

  /// - Throws: ENOTSUP, EPERM, ... where there is none; EMFILE, ENFILE, ENOMEM.
  mutating func open(in set: EpollSet) throws(Errno) {
    guard descriptor < 0 else { return }
    let memory = try Arena.map(ProcessEvent.self, count: ProcessEvent.batch)
    do throws(Errno) {
      let fresh = try Errno.check(OwnDescriptors.move(openSocket(memory)))
      OwnFiles.note(fresh)
      do throws(Errno) {
        try set.add(fresh, EPOLLIN.rawValue, EpollToken.source(.processes))
      } catch {
        close(fresh)
        throw error
      }
      descriptor = fresh
      events = memory
    } catch {
      Arena.unmap(memory, count: ProcessEvent.batch)
      throw error
    }
  }

  /// Before 6.6 the kernel wants CAP_NET_ADMIN of a process that opens the socket, binds it, asks for messages and ends
  /// that. Where it is permitted and not in effect, it is raised for these.
  /// - Parameter events: room for a batch.
  /// - Returns: the socket, or a negative errno.
  private mutating func openSocket(_ events: UnsafeMutablePointer<ProcessEvent>) -> CInt {
    if kq_environment_says("KQUEUE_NO_CONNECTOR") { return -ENOTSUP }  // for the tests
    wasRaised = false
    let fresh = Self.openListening(events)
    guard fresh == -EPERM, let capability = RaisedCapability.raise() else { return fresh }
    let second = Self.openListening(events)
    capability.lower()
    wasRaised = second >= 0
    return second
  }

  private static func openListening(_ events: UnsafeMutablePointer<ProcessEvent>) -> CInt {
    let fresh = ConnectorSocket.open()
    if fresh < 0 { return fresh }
    ConnectorFilter.passAnswer(fresh)
    var result = ConnectorSocket(fresh).bind()
    if result == 0 { result = listen(fresh, events) }
    if result == 0 { return fresh }
    kq_close_descriptor(fresh)
    return result == -ENOBUFS ? -ENOMEM : result
  }

  /// The kernel answers within the call, or never: not to a process in a user or pid namespace of its own, whose
  /// numbers of processes are not the connector's.
  private static func listen(_ descriptor: CInt, _ events: UnsafeMutablePointer<ProcessEvent>) -> CInt {
    let result = ConnectorSocket(descriptor).ask(listens: true)
    if result < 0 { return result }
    var answer = -ENOTSUP
    while true {
      let got = ProcessEvent.read(descriptor, events)
      if got <= 0 { return got < 0 ? got : answer }
      for place in 0..<Int(got) { answer = -events[place].status }
    }
  }

  /// The kernel sends no messages while nobody listens, but before 6.6 it does not notice a listener's close.
  private func close(_ descriptor: CInt) {
    if OwnDescriptors.isStillOwn(descriptor) {
      let capability = wasRaised ? RaisedCapability.raise() : nil
      _ = ConnectorSocket(descriptor).ask(listens: false)
      capability?.lower()
    }
    OwnDescriptors.close(descriptor)
  }

  /// Sets the filter by which the kernel sends messages of the knotes' processes alone.
  mutating func choose(
    _ watched: Int, _ tracking: Int, _ knotesOfProcess: borrowing HashIndex, _ knotes: borrowing KnoteSlab<LinuxKnote>
  ) {
    guard descriptor >= 0 else { return }
    let needsAll = tracking > 0 || watched > ConnectorFilter.mostProcesses
    if !needsAll { return filter(knotesOfProcess, knotes) }
    if !passesAll { ConnectorFilter.passAll(descriptor) }
    passesAll = true
  }

  private mutating func filter(_ knotesOfProcess: borrowing HashIndex, _ knotes: borrowing KnoteSlab<LinuxKnote>) {
    passesAll = false
    if kq_environment_says("KQUEUE_NO_FILTER") { return ConnectorFilter.remove(descriptor) }
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: ConnectorFilter.mostProcesses) { processes in
      var count = 0
      knotesOfProcess.visit { index in
        processes[count] = UInt32(truncatingIfNeeded: knotes[index].ident)
        count += 1
      }
      ConnectorFilter.pass(UnsafeBufferPointer(rebasing: processes[..<count]), descriptor)
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
    var got = ProcessEvent.read(descriptor, events)
    if got == -ENOBUFS {
      hasLost = true
      got = ProcessEvent.read(descriptor, events)
    }
    count = Int(max(got, 0))
  }

  /// Enters it into a set that takes another's place.
  func enter(_ set: EpollSet) {
    if descriptor >= 0 { try? set.add(descriptor, EPOLLIN.rawValue, EpollToken.source(.processes)) }
  }

  mutating func close() {
    if descriptor >= 0 { close(descriptor) }
    if let events { Arena.unmap(events, count: ProcessEvent.batch) }
    self = ProcessConnector()
  }
}
