import CKQueueShims
import KQueueCore

/// A system made of plain values: descriptors that only tests fill, and clocks that only tests and waits move.
///
/// Everything happens on the test's own thread. What "another thread" does while a kqueue waits is put on the
/// agenda with `after`, and runs when a wait has moved the clock there.
public final class FakeSystem: @unchecked Sendable {
  /// The system that a backend made now belongs to.
  @TaskLocal static var current: FakeSystem?

  public private(set) var monotonic: UInt64 = 5_000_000_000
  public private(set) var realtime: UInt64 = 1_700_000_000_000_000_000
  /// By how many ns time(2) is behind the realtime clock.
  public var secondsLag: UInt64 = 0
  private(set) var descriptors: [CInt: FakeDescriptor] = [:]
  /// Out of the way of every descriptor that the process really has.
  private var nextDescriptor: CInt = 20_000
  private var lastFile = 0
  private var agenda: [Appointment] = []
  private var failures: [FakeStep: [CInt]] = [:]
  var sets: [FakeEventSet] = []
  var processes: [UInt: FakeProcess] = [:]
  /// Files that a duplicate keeps open, whatever becomes of the number.
  var duplicates: [Int: FakeDescriptor] = [:]

  private struct Appointment {
    let time: UInt64
    let action: () throws -> Void
  }

  /// The process's kqueues. It stays for good, as a process's does.
  public let registry = try! KQueueRegistry<FakeBackend>()

  public init() {}

  /// How many backends were made and not closed.
  public var openKernels: Int {
    sets.count { !$0.isClosed }
  }

  // MARK: Time

  func now(_ clock: Clock) -> UInt64 {
    clock == .realtime ? realtime : monotonic
  }

  /// Lets time pass on both clocks.
  public func advance(_ nanoseconds: UInt64) {
    monotonic += nanoseconds
    realtime += nanoseconds
    for set in sets { set.noteTime() }
  }

  /// Sets the wall clock forward or back.
  public func stepRealtime(_ nanoseconds: Int64) {
    realtime = UInt64(Int64(realtime) + nanoseconds)
    for set in sets { set.noteTime() }
  }

  /// Has something happen while a kqueue waits, so many nanoseconds from now.
  public func after(_ nanoseconds: UInt64, _ action: @escaping () throws -> Void) {
    agenda.append(Appointment(time: monotonic + nanoseconds, action: action))
  }

  var nextAppointment: UInt64? {
    agenda.map(\.time).min()
  }

  /// Moves the clock to a time and does the first thing that is due then.
  func proceed(to time: UInt64) throws {
    if time > monotonic { advance(time - monotonic) }
    let due = agenda.indices.filter { agenda[$0].time <= monotonic }
    guard let first = due.min(by: { agenda[$0].time < agenda[$1].time }) else { return }
    try agenda.remove(at: first).action()
  }

  // MARK: Failures

  /// Has the next step of a kind fail. Several failures of one kind come in order; 0 lets one step pass.
  public func fail(_ step: FakeStep, _ code: CInt) {
    failures[step, default: []].append(code)
  }

  func check(_ step: FakeStep) throws(Errno) {
    guard let code = failures[step]?.first else { return }
    failures[step]?.removeFirst()
    if code != 0 { throw Errno(code) }
  }

  // MARK: Descriptors

  /// A new descriptor with nothing to read and no room to write.
  /// - Parameter backing: `.recorded` makes it one that the system cannot report, like a file.
  public func open(_ backing: Backing = .kernel) -> CInt {
    let number = nextDescriptor
    nextDescriptor += 1
    descriptors[number] = FakeDescriptor(nextFile(), backing)
    return number
  }

  /// A new descriptor with bytes to read.
  public func open(readable bytes: Int, _ backing: Backing = .kernel) -> CInt {
    let number = open(backing)
    fill(number, bytes)
    return number
  }

  /// A new descriptor with room to write.
  public func open(writable room: Int) -> CInt {
    let number = open()
    makeRoom(number, room)
    return number
  }

  /// Closes a descriptor as a program does whose close() is the library's.
  /// - Parameter meanwhile: runs when the library has let go of the number and the system has it still.
  public func close(_ number: CInt, _ meanwhile: () -> Void = {}) {
    let isKnown = registry.beginClose(number)
    TurnTaker.current?.step("close")
    meanwhile()
    closeUnseen(number)
    TurnTaker.current?.step("closed")
    if isKnown { registry.endClose(number) } else { registry.doubt(number) }
  }

  /// Closes a descriptor behind the kqueues' backs: the system drops it from every set.
  public func closeUnseen(_ number: CInt) {
    guard let descriptor = descriptors.removeValue(forKey: number) else { return }
    for set in sets { set.close(number, descriptor.file, stays: duplicates[descriptor.file] != nil) }
  }

  /// Gives a number that was closed to something new.
  public func reopen(_ number: CInt) {
    descriptors[number] = FakeDescriptor(nextFile(), .kernel)
  }

  public func fill(_ number: CInt, _ bytes: Int) {
    descriptors[number]?.bytes += bytes
    if let file = descriptors[number]?.file { duplicates[file]?.bytes += bytes }
    notify(number, .read)
  }

  public func drain(_ number: CInt) {
    descriptors[number]?.bytes = 0
  }

  public func bytes(_ number: CInt) -> Int {
    descriptors[number]?.bytes ?? 0
  }

  public func makeRoom(_ number: CInt, _ room: Int) {
    descriptors[number]?.room = room
    notify(number, .write)
  }

  public func end(_ number: CInt) {
    descriptors[number]?.isAtEnd = true
    notify(number, .read)
  }

  /// Whether the system, asked about the descriptor, cannot tell yet.
  public func setUnsettled(_ number: CInt, _ isUnsettled: Bool) {
    descriptors[number]?.isUnsettled = isUnsettled
  }

  /// Has something happen to a file.
  public func happen(_ number: CInt, _ notes: Notes) {
    for set in sets { set.happen(FakeKey(descriptor: number, filter: Filter.vnode.rawValue), notes.rawValue) }
  }

  private func nextFile() -> Int {
    lastFile += 1
    return lastFile
  }

  private func notify(_ number: CInt, _ filter: Filter) {
    for set in sets { set.note(FakeKey(descriptor: number, filter: filter.rawValue)) }
  }
}

/// Steps of a backend that can be made to fail.
public enum FakeStep: Hashable, Sendable {
  case create
  case renumber
  case attach
  case update
  case prepareTimer
  case prepareWake
  case rebuild
}

/// What a fake descriptor refers to.
struct FakeDescriptor {
  /// Which file it is, among all that there ever were.
  let file: Int
  let backing: Backing
  var bytes = 0
  var room = 0
  var isAtEnd = false
  var isUnsettled = false

  init(_ file: Int, _ backing: Backing) {
    self.file = file
    self.backing = backing
  }

  func isReady(_ filter: Int16) -> Bool {
    switch Filter(rawValue: filter) {
    case .read: bytes > 0 || isAtEnd
    case .write: room > 0
    default: false
    }
  }
}
