import CKQueue
import CKQueueShims
import KQueueCore

/// Processes of the fake system, of which it tells as Linux does: an end by the process itself, to whoever watched it
/// in time; and births, forks, execs and ends by a stream of news, which may be told after that, or be lost.
extension FakeSystem {
  public func start(_ process: UInt) {
    processes[process] = FakeProcess()
  }

  public func fork(_ parent: UInt, _ child: UInt) {
    start(child)
    tell(FakeNews(bits: UInt32(NOTE_FORK), process: parent, data: Int(child)))
  }

  public func exec(_ process: UInt) {
    tell(FakeNews(bits: UInt32(NOTE_EXEC), process: process))
  }

  /// Ends a process, which is a zombie then.
  public func end(_ process: UInt, _ status: Int) {
    processes[process]?.status = status
    for set in sets { set.noteEnd(process) }
    tell(FakeNews(bits: UInt32(NOTE_EXITSTATUS), process: process, data: status))
  }

  /// Has the status of a process that ended be known to nobody.
  public func forgetStatus(_ process: UInt) {
    processes[process]?.isStatusKnown = false
  }

  public func reap(_ process: UInt) {
    processes[process] = nil
  }

  /// Loses the news that were not gathered.
  public func loseNews() {
    for set in sets { set.loseNews() }
  }

  private func tell(_ news: FakeNews) {
    for set in sets { set.tell(news) }
  }
}

struct FakeProcess {
  /// What it ended with.
  var status: Int?
  var isStatusKnown = true
}

struct FakeNews {
  let bits: UInt32
  let process: UInt
  var data = 0
}

/// How a set knows a process.
struct FakeProcessEntry {
  let token: KnoteToken
  /// Whether it was there when it was to be watched, so that its end is reported by itself.
  let isSeen: Bool
  let status: () -> (status: Int, isKnown: Bool)?
}

extension FakeEventSet {
  func attachProcess(_ token: KnoteToken, _ process: UInt, isBorn: Bool) throws(Errno) -> Backing {
    let known = system.processes[process]
    if known == nil && !isBorn { throw Errno(ESRCH) }
    let system = system
    processEntries[process] = FakeProcessEntry(token: token, isSeen: known != nil) {
      system.processes[process].flatMap { known in known.status.map { ($0, known.isStatusKnown) } }
    }
    if known?.status != nil { push(.process(process)) }
    return known == nil ? .recorded : .kernel
  }

  func detachProcess(_ process: UInt) {
    processEntries[process] = nil
    unqueue(.process(process))
  }

  func noteEnd(_ process: UInt) {
    if processEntries[process]?.isSeen == true { push(.process(process)) }
  }

  /// The end of a process, which may not have been reported yet.
  func endOf(_ process: UInt) -> Happening? {
    guard let entry = processEntries[process], entry.isSeen, let end = entry.status() else { return nil }
    let status = end.isKnown ? UInt32(NOTE_EXITSTATUS) : 0
    return Happening(entry.token, bits: NOTE_EXIT | status, data: end.status)
  }

  func tell(_ item: FakeNews) {
    // A system that is told to tell nothing would be none; whether it is of interest is for the gathering.
    news.append(item)
    push(.processes)
  }

  func loseNews() {
    news = []
    hasLostNews = true
    push(.processes)
  }

  /// The next of the news that are about a knote.
  func nextNews() -> Happening? {
    while !news.isEmpty {
      let item = news.removeFirst()
      guard let entry = processEntries[item.process] else { continue }
      let isEnd = item.bits & UInt32(NOTE_EXITSTATUS) != 0 && !entry.isSeen
      return Happening(entry.token, bits: item.bits | (isEnd ? NOTE_EXIT : 0), data: item.data)
    }
    defer { hasLostNews = false }
    return hasLostNews ? .loss : nil
  }
}
