// SPDX-License-Identifier: BSD-2-Clause
import CKQueue
import CKQueueShims
import FuzzFake
import KQueueCore

typealias NativeBackend = FuzzBackend

/// The core's platform in this test: the fake system, called as plainly as can be.
struct FuzzBackend: PlatformBackend, ~Copyable {
  typealias KnoteState = FuzzKnote
  typealias Source = FuzzSource
  typealias RawEvent = fake_report
  typealias Waiter = OpaquePointer

  static var filters: FilterSet {
    [
      FilterSet(.read), FilterSet(.write), FilterSet(.vnode), FilterSet(.proc), FilterSet(.procdesc),
      FilterSet(.signal), FilterSet(.fs), FilterSet(.empty), FilterSet(.except),
    ]
  }
  /// What happened to files, and what else is not in the sets' own queues.

  private let set: OpaquePointer
  private(set) var descriptor: CInt

  init() throws(Errno) {
    var number: CInt = -1
    guard let made = fake_set_open(&number) else { throw Errno(ENFILE) }
    set = made
    descriptor = number
  }

  mutating func renumber(_ number: CInt) throws(Errno) {
    fake_set_renumber(set, number)
    descriptor = number
  }

  mutating func close() {
    fake_set_close(set)
  }

  // MARK: Knotes

  mutating func attach(_ knote: KnoteRef<FuzzKnote>, _ knotes: borrowing Knotes) throws(Errno) -> Backing {
    var isRecorded = false
    let entry = fake_attach(
      set, knote.ident, CInt(knote.filter), knote.index, knote.generation, knote.watched,
      &isRecorded)
    if entry < 0 { throw Errno(-entry) }
    knote.platform.entry = entry
    return isRecorded ? .recorded : .kernel
  }

  mutating func update(_ knote: KnoteRef<FuzzKnote>, _ knotes: borrowing Knotes) throws(Errno) {
    let error = fake_update(set, knote.platform.entry, knote.index, knote.generation, knote.watched)
    if error != 0 { throw Errno(isOpen(knote.descriptor) ? ENOENT : EBADF) }
  }

  mutating func detach(_ knote: KnoteRef<FuzzKnote>, _ knotes: borrowing Knotes) throws(Errno) {
    let error = fake_detach(set, knote.platform.entry, knote.index, knote.generation)
    if error != 0 { throw Errno(isOpen(knote.descriptor) ? ENOENT : EBADF) }
  }

  mutating func abandon(_ knote: KnoteRef<FuzzKnote>, _ knotes: borrowing Knotes) {
    fake_abandon(set, knote.platform.entry, knote.index, knote.generation)
  }

  mutating func isGone(_ knote: KnoteRef<FuzzKnote>) -> Bool {
    !fake_is_current(set, knote.platform.entry, knote.index, knote.generation)
  }

  mutating func isOnSameFile(_ knote: KnoteRef<FuzzKnote>) -> Bool {
    fake_is_current(set, knote.platform.entry, knote.index, knote.generation)
  }

  func isOpen(_ number: CInt) -> Bool { fake_is_open(number) }

  // MARK: Closes

  static var closesGoUnseen: Bool { fake_goes_unseen() }
  var isAlive: Bool { fake_is_open(descriptor) }
  var watchSets: WatchSets { WatchSets(UInt64(UInt(bitPattern: set))) }

  static func forget(_ number: CInt, _ watchSets: WatchSets) -> Bool {
    OpaquePointer(bitPattern: UInt(watchSets.first)).map { fake_forget($0, number) } ?? true
  }

  func origin(of stale: KnoteToken) -> StaleOrigin {
    let number = fake_origin(set, stale.index, stale.generation)
    return number < 0 ? .nowhere : .number(number)
  }

  mutating func dismiss(_ number: CInt) -> Bool { fake_dismiss(set, number) }

  mutating func rebuild(
    _ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<fake_report>, hasWaiters: Bool
  ) -> CInt {
    fake_rebuild(set, buffer.baseAddress, CInt(buffer.count), hasWaiters)
  }

  // MARK: What is there

  mutating func sample(_ knote: KnoteRef<FuzzKnote>, _ knotes: borrowing Knotes, reported: UInt32?) -> Readiness {
    let entry = knote.platform.entry
    let found = fake_look(set, entry, knote.index, knote.generation)
    if found.is_gone { return .gone }
    if found.is_active { return Readiness(data: found.data, flags: found.is_end ? UInt16(EV_EOF) : 0) }
    fake_rearm(set, entry, knote.index, knote.generation)
    // Nobody tells when the peer has taken what was sent.
    return knote.kind == .empty ? .polled : .inactive
  }

  mutating func occurrence(_ knote: KnoteRef<FuzzKnote>, reported: UInt32) -> Happening? {
    let token = knote.token
    let end = UInt32(NOTE_EXIT) | UInt32(NOTE_EXITSTATUS)
    if knote.kind != .signal { return Happening(token, bits: end, data: 64 << 8) }
    return Happening(token, bits: 0, data: fake_take_count(set, knote.platform.entry, knote.index, knote.generation))
  }

  mutating func gather(
    _ source: FuzzSource, _ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>
  ) -> Int {
    withUnsafeTemporaryAllocation(of: fake_happening.self, capacity: buffer.count) { happenings in
      let count = Int(fake_gather(set, happenings.baseAddress, CInt(buffer.count)))
      for place in 0..<count {
        let token = KnoteToken(index: happenings[place].index, generation: happenings[place].generation)
        buffer[place] = Happening(token, bits: happenings[place].bits)
      }
      return count
    }
  }

  func source(of filter: Filter) -> FuzzSource? { filter == .vnode ? .files : nil }

  static func decode(_ event: fake_report) -> Report<FuzzSource> {
    switch Int(event.kind) {
    case Int(FAKE_KNOTE): .knote(KnoteToken(index: event.index, generation: event.generation), 1)
    case Int(FAKE_WAKE): .wake
    case Int(FAKE_MONOTONIC): .timer(.monotonic)
    case Int(FAKE_REALTIME): .timer(.realtime)
    default: .more(.files)
    }
  }

  // MARK: Time

  func now(_ clock: Clock) -> UInt64 { fake_now(clock == .realtime) }

  mutating func arm(_ clock: Clock, _ deadline: UInt64?) -> Bool {
    fake_arm(set, clock == .realtime, deadline ?? 0)
    return true
  }

  // MARK: Waking and waiting

  func wake() -> Bool {
    fake_wake(set)
    return true
  }

  func takeBackWake() { fake_take_back_wake(set) }
  mutating func wakeAll() { fake_wake(set) }
  var isIdle: Bool { fake_set_attached(set) == 0 }

  mutating func poll(_ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<fake_report>) -> CInt {
    fake_poll_set(set, buffer.baseAddress, CInt(buffer.count))
  }

  mutating func enter(_ knotes: borrowing Knotes) -> Waiter { set }

  static func wait(
    _ waiter: Waiter, _ buffer: UnsafeMutableBufferPointer<fake_report>, nanoseconds: Int64?,
    signals: UnsafeMutablePointer<kq_wait_signals>, cancelled: CancelHandler?, context: UnsafeMutableRawPointer?
  ) -> CInt {
    fake_wait_set(waiter, buffer.baseAddress, CInt(buffer.count), nanoseconds ?? -1)
  }
}

/// What is kept with a knote: which of the system's entries it has.
struct FuzzKnote: BitwiseCopyable {
  var entry: CInt
}

enum FuzzSource: BitwiseCopyable {
  case files
}

extension KnoteRef<FuzzKnote> {
  fileprivate var watched: fake_watch {
    let edge = has(EV_CLEAR) ? FAKE_EDGE : 0
    let once = has(EV_ONESHOT | EV_DISPATCH) ? FAKE_ONCE : 0
    let limit = fflags & UInt32(NOTE_LOWAT) != 0 ? Int(data) : 1
    return fake_watch(how: CInt(edge | once | (isDisabled ? FAKE_OFF : 0)), limit: limit)
  }
}

// MARK: Closes, as the library's close() tells them

@_cdecl("fuzz_let_go")
func beginClose(_ number: CInt) -> Bool {
  sharedRegistry()?.beginClose(number) ?? false
}

@_cdecl("fuzz_end_close")
func endClose(_ number: CInt, _ isKnown: Bool) {
  guard let registry = sharedRegistry() else { return }
  if isKnown { registry.endClose(number) } else { registry.doubt(number) }
}
