import CKQueueShims
import Support

@testable import KQueueCore

/// What several threads do with one kqueue and one descriptor number, and what may have come of it.
///
/// Everything is noted with the moment at which it began and was over. What an event may say follows from that: it is of
/// a knote, which is of a file that had the number while it was added; and a file is gone once its close is over.
final class ClosingWorld {
  struct Span {
    let began: Int
    var ended = Int.max
  }

  struct Addition {
    let udata: UInt
    let filter: Int16
    let flags: Flags
    var span: Span
    var isDone = false
  }

  struct Delivery {
    let entries: [Entry]
    let span: Span
  }

  private struct File {
    /// From when it had the number on, until when it certainly had, and from when on it certainly had not.
    let opened: Int
    var closing = Int.max
    var closed = Int.max
  }

  let system: FakeSystem
  let number: CInt
  let queue: FakeQueue
  private var moment = 0
  private var files: [File] = []
  private var additions: [Addition] = []
  private var deliveries: [Delivery] = []
  private var isDuplicating = false
  private var duplicates: [Int] = []
  private var fills: [Span] = []
  private var enables: [Span] = []
  private var deletions: [(filter: Int16, span: Span)] = []
  private(set) var errors: [Errno] = []
  private var isQueueClosed = false

  struct Violation: Error, CustomStringConvertible {
    let description: String
  }

  init(_ system: FakeSystem, _ number: CInt) throws {
    (self.system, self.number) = (system, number)
    queue = try FakeQueue(on: system, as: 30_000)
    open()
  }

  private func now() -> Int {
    moment += 1
    return moment
  }

  // MARK: What a thread can do

  /// Has duplicates keep all files open, whatever becomes of the number.
  func duplicate() {
    isDuplicating = true
    duplicates.append(system.duplicate(number))
  }

  func open() {
    system.reopen(number)
    if isDuplicating { duplicates.append(system.duplicate(number)) }
    files.append(File(opened: now()))
  }

  func close() {
    let file = files.count - 1
    files[file].closing = now()
    system.close(number)
    files[file].closed = now()
  }

  func reuse() {
    close()
    open()
  }

  func fill() {
    let span = Span(began: now())
    system.fill(number, 1)
    fills.append(Span(began: span.began, ended: now()))
  }

  func add(_ filter: Int16 = Entry.readFilter, _ flags: Flags = .add) {
    let place = additions.count
    let udata = UInt(place + 1)
    additions.append(Addition(udata: udata, filter: filter, flags: flags, span: Span(began: now())))
    call([Entry(filter, UInt(number), flags, udata: udata)]) { additions[place].isDone = $0 }
    additions[place].span.ended = now()
  }

  func delete(_ filter: Int16 = Entry.readFilter) {
    let began = now()
    call([Entry(filter, UInt(number), .delete)]) { _ in }
    deletions.append((filter, Span(began: began, ended: now())))
  }

  /// Enables what is there, which is no new knote.
  func enable(_ filter: Int16 = Entry.readFilter) {
    let began = now()
    call([Entry(filter, UInt(number), [.enable, .keepUdata])]) { _ in }
    enables.append(Span(began: began, ended: now()))
  }

  private func call(_ changes: [Entry], _ done: (Bool) -> Void) {
    do {
      _ = try queue.kevent(changes, room: 0, timeout: nil)
      done(true)
    } catch {
      note(error)
      done(false)
    }
  }

  func collect() { deliver { try queue.collect() } }
  func wait() { deliver { try queue.wait(1000) } }

  private func deliver(_ collect: () throws -> [Entry]) {
    let began = now()
    do {
      let entries = try collect()
      deliveries.append(Delivery(entries: entries, span: Span(began: began, ended: now())))
    } catch { note(error) }
  }

  func closeQueue() {
    isQueueClosed = true
    queue.close()
  }

  private(set) var failure: (any Error)?

  private func note(_ error: any Error) {
    if let code = error as? Errno { errors.append(code) } else { failure = failure ?? error }
  }

  // MARK: What must hold

  /// What is there now is collected, and what is unread is looked for once more.
  func check() throws {
    defer { clear() }
    if let failure { throw failure }
    if !isQueueClosed { try checkOpen() }
    try require(queue.kernel.violations.isEmpty, "\(queue.kernel.violations)")
    for delivery in deliveries { try check(delivery) }
  }

  private func clear() {
    if files.last?.closed == .max { system.close(number) }
    queue.close()
    system.forgetClosed()
  }

  private var knotesLeft: Int {
    system.registry.find(queue.number).map { $0.queue.pointee.knotes.count } ?? 0
  }

  private func checkOpen() throws {
    collect()
    if let failure { throw failure }
    if files.last!.closed < .max { try require(knotesLeft == 0, "a closed number has \(knotesLeft) knotes") }
    try checkTold()
    for file in duplicates { system.fillDuplicate(file, 1) }
    let before = deliveries.count
    if system.bytes(number) == 0 { fill() } else { system.fill(number, 1) }
    system.makeRoom(number, 1)
    collect()
    let last = deliveries.count > before ? deliveries.last?.entries ?? [] : []
    try checkKept(last)
  }

  /// Additions for the present file that nobody may have undone, the last of each filter; several where they ran at one
  /// time, and none where an older one may have been the last.
  private func last(_ filter: Int16) -> [Addition] {
    let mine = additions.filter { $0.filter == filter && $0.isDone && $0.span.ended > files.last!.opened }
    let sure = mine.filter { $0.span.began > files.last!.opened && files.last!.closing == .max }
    guard let latest = sure.map(\.span.began).max() else { return [] }
    if deletions.contains(where: { $0.filter == filter && $0.span.ended > latest }) { return [] }
    return mine.filter { $0.span.ended > latest }
  }

  /// A knote that was added while the present file had the number is there (C-353).
  private func checkKept(_ entries: [Entry]) throws {
    for filter in Set(additions.map(\.filter)) {
      let told = entries.filter { $0.filter == filter }.map(\.udata)
      let possible = last(filter).map(\.udata)
      if possible.isEmpty { continue }
      try require(told.count == 1 && possible.contains(told[0]), "kept \(told) of \(possible), filter \(filter)")
    }
  }

  /// What is unread is told, and not again without news, under EV_CLEAR: bytes that come, and an addition or EV_ENABLE
  /// that finds some.
  private func checkTold() throws {
    let last = last(Entry.readFilter)
    guard files.last!.closed == .max, system.bytes(number) > 0, !last.isEmpty else { return }
    guard last.allSatisfy({ $0.flags.contains(.clear) }) else { return }
    let opened = files.last!.opened
    let mine = additions.filter { $0.filter == Entry.readFilter && $0.isDone && $0.span.ended > opened }
    let told = deliveries.reduce(0) { sum, one in
      sum + one.entries.count { entry in mine.contains { $0.udata == entry.udata } }
    }
    let since = mine.map(\.span.began).min()!
    let fills = fills.filter { $0.ended > opened }
    let asked = mine.map(\.span) + enables
    let news = fills.count { $0.ended > since } + asked.count { ask in fills.contains { $0.began < ask.ended } }
    try require(told >= 1, "unread and not told")
    if mine.allSatisfy({ $0.flags.contains(.clear) }) { try require(told <= news, "told \(told) times, news \(news)") }
  }

  private func check(_ delivery: Delivery) throws {
    let names = delivery.entries.map { "\($0.filter) \($0.ident)" }
    try require(Set(names).count == names.count, "a knote twice in one call: \(names)")
    for entry in delivery.entries where entry.udata != 0 {
      let addition = additions[Int(entry.udata) - 1]
      let mayBeOf = files.filter { $0.opened < addition.span.ended && $0.closed > addition.span.began }
      let lives = mayBeOf.contains { $0.closed > delivery.span.began }
      try require(lives, "an event of a file that was closed: udata \(entry.udata)")
    }
  }

  private func require(_ holds: Bool, _ what: @autoclosure () -> String) throws {
    if !holds { throw Violation(description: what()) }
  }
}

extension Entry {
  static var readFilter: Int16 { -1 }
  static var writeFilter: Int16 { -2 }
}
