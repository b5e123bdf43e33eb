import CKQueueShims
import KQueueCore

/// What a system goes on watching under a number that is closed, or another file's, since a duplicate keeps the file
/// open; and what is left of a knote that the core let go of while its number was being closed.
struct FakeGhost {
  let key: FakeKey
  let file: Int
  let entry: FakeEntry
}

extension FakeSystem {
  /// Has a duplicate keep a number's file open.
  /// - Returns: the file.
  @discardableResult
  public func duplicate(_ number: CInt) -> Int {
    guard let descriptor = descriptors[number] else { return 0 }
    duplicates[descriptor.file] = descriptor
    return descriptor.file
  }

  /// Closes the duplicate of a file that has no number any more.
  public func closeDuplicate(_ file: Int) {
    duplicates[file] = nil
    for set in sets { set.ghosts.removeAll { $0.file == file } }
  }

  /// Sends a file bytes that only its duplicate can read.
  public func fillDuplicate(_ file: Int, _ bytes: Int) {
    duplicates[file]?.bytes += bytes
    for set in sets { set.noteGhosts(file) }
  }

  /// Forgets kqueues that are closed.
  public func forgetClosed() {
    sets.removeAll { $0.isClosed }
    duplicates = [:]
  }
}

extension FakeEventSet {
  /// The last but a duplicate of a file's descriptors is closed, or the last of all.
  func close(_ number: CInt, _ file: Int, stays: Bool) {
    for filter in FakeKey.filters {
      let key = FakeKey(descriptor: number, filter: filter.rawValue)
      if let entry = entries[key] { ghosts.append(FakeGhost(key: key, file: file, entry: entry)) }
      remove(key)
    }
    if stays { noteGhosts(file) } else { ghosts.removeAll { $0.file == file } }
  }

  /// The core lets go of a knote whose number was closed. What is left then is to be forgotten by whoever closes it.
  func abandon(_ key: FakeKey) {
    guard let entry = entries[key], let file = system.descriptors[key.descriptor]?.file else { return }
    if TurnTaker.current == nil { violate("abandon of what was not forgotten") }
    remove(key)
    ghosts.append(FakeGhost(key: key, file: file, entry: entry))
    noteGhosts(file)
  }

  func noteGhosts(_ file: Int) {
    for ghost in ghosts where ghost.file == file && isDue(ghost.entry.token) { push(.ghost(ghost.entry.token)) }
  }

  private func ghost(_ token: KnoteToken) -> FakeGhost? {
    ghosts.first { $0.entry.token == token }
  }

  func isDue(_ token: KnoteToken) -> Bool {
    guard let ghost = ghost(token), !ghost.entry.isOff else { return false }
    let open = system.descriptors[ghost.key.descriptor].flatMap { $0.file == ghost.file ? $0 : nil }
    return (open ?? system.duplicates[ghost.file])?.isReady(ghost.key.filter) ?? false
  }

  func reportGhost(_ token: KnoteToken, _ stay: inout [FakeSource]) -> FakeReport {
    if let entry = ghost(token)?.entry, !entry.isEdge && !entry.isOnce { stay.append(.ghost(token)) }
    return FakeReport(token)
  }

  // MARK: What the core does about them

  func origin(of token: KnoteToken) -> StaleOrigin {
    ghost(token).map { .number($0.key.descriptor) } ?? .nowhere
  }

  func dismiss(_ number: CInt) -> Bool {
    let before = ghosts.count
    ghosts.removeAll { $0.key.descriptor == number && $0.file == system.descriptors[number]?.file }
    return ghosts.count < before
  }

  /// What nobody can remove is gone; what is news is handed out.
  func rebuild(_ buffer: UnsafeMutableBufferPointer<FakeReport>, _ hasWaiters: Bool) -> CInt {
    if ghosts.isEmpty { violate("a set made anew without need") }
    do throws(Errno) { try system.check(.rebuild) } catch { return -error.code }
    rebuilds += 1
    ghosts = []
    let count = harvest(buffer)
    if hasWaiters { push(.wake) }
    return CInt(count)
  }
}
