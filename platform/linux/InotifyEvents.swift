import CKQueue
import CKQueueShims.Linux
import KQueueCore

/// From events of inotify to what happened to knotes.
///
/// All that is queued is read first and put together, file by file; then each file is looked at once, whatever
/// number of events it had, and its knotes are marked; the marks are handed out as there is room for them.
extension InotifyWatches {
  /// A mark of a knote that is to be looked at, beside the NOTE_ bits of VNODE.
  private static var readable: UInt16 { 1 << 15 }

  /// Writes what happened to knotes since the last time; as many as fit.
  mutating func gather(_ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>) -> Int {
    var written = 0
    if table.first == nil { readAll() }
    while let place = table.first, written < buffer.count {
      look(at: place, knotes)
      guard handOut(place, knotes, buffer, &written) else { break }
      table.popTold()
    }
    return written
  }

  // MARK: Reading

  /// Reads what is queued, but not without end where more comes all the time.
  private mutating func readAll() {
    guard let memory else { return }
    let longest = 16 + 256  // an event with a name
    for _ in 0..<256 {
      let size = Inotify.read(descriptor, memory, Self.memorySize)
      guard size > 0 else { return }
      read(UnsafeRawBufferPointer(start: memory, count: size))
      if size + longest <= Self.memorySize { return }  // or more would have come
    }
  }

  private mutating func read(_ events: UnsafeRawBufferPointer) {
    var place = 0
    while place < events.count {
      let watch = events.load(fromByteOffset: place, as: CInt.self)
      let bits = events.load(fromByteOffset: place + 4, as: UInt32.self)
      let cookie = events.load(fromByteOffset: place + 8, as: UInt32.self)
      let nameLength = events.load(fromByteOffset: place + 12, as: UInt32.self)
      place += 16 + Int(nameLength)
      let event = FileEvents(rawValue: bits)
      if event.has(.overflow) { table.tellAll(.overflow) }
      guard let file = table.find(watch) else { continue }
      if nameLength > 0 { readEntry(file, event, cookie) } else { table.tell(file, event.subtracting(.directory)) }
      if event.has(.ended) { table.end(file) }
    }
  }

  /// An event of what a directory holds.
  private mutating func readEntry(_ place: UInt32, _ event: FileEvents, _ cookie: UInt32) {
    guard !event.ofEntry.isEmpty else { return }
    var events = event.ofEntry
    if event.has(.directory) && isCountedMove(place, event, cookie) { events.insert(.directory) }
    table.tell(place, events)
  }

  /// Whether a subdirectory came or went, as far as is known by now: one that is moved within its directory does
  /// neither (C-231).
  private func isCountedMove(_ place: UInt32, _ event: FileEvents, _ cookie: UInt32) -> Bool {
    guard event.has(.movedFrom) || event.has(.movedTo) else { return true }
    let before = table[place].pointee.movedDirectory
    table[place].pointee.movedDirectory = event.has(.movedFrom) ? cookie : 0
    return event.has(.movedFrom) ? before != 0 : before != cookie
  }

  // MARK: Looking

  /// Marks the knotes of a file with what was told of it.
  private mutating func look(at place: UInt32, _ knotes: borrowing Knotes) {
    let record = table[place]
    var events = record.pointee.told
    guard !events.isEmpty else { return }
    if record.pointee.movedDirectory != 0 { events.insert(.directory) }
    record.pointee.movedDirectory = 0
    record.pointee.told = FileEvents()
    if events.has(.removed) && events.has(.directory) || events.has(.overflow) { tellChildren(of: place) }
    guard record.pointee.sharers > 0 else { return }

    let (now, witness) = status(of: place, knotes)
    record.pointee.isStale = witness == nil
    mark(place, knotes, record.pointee.status.notes(events, now), isReadable: events.isNewsToReaders)
    record.pointee.status.follow(now, events)
    if let witness {
      witness.platform.verifiedIn = looks
      watchAgain(place, witness, knotes)
    }
    if events.has(.moved) { followMove(of: place, witness) }
  }

  /// What a file is like now, and by which knote's number that is known.
  private func status(of place: UInt32, _ knotes: borrowing Knotes) -> (FileStatus, LinuxKnoteRef?) {
    var now = table[place].pointee.status
    let knote = firstSharer(place, knotes) {
      guard let status = try? FileStatus(of: $0.descriptor), isSame(status, place) else {
        return false
      }
      now = status
      return true
    }
    return (now, knote)
  }

  private func mark(_ place: UInt32, _ knotes: borrowing Knotes, _ notes: UInt32, isReadable: Bool) {
    let isDirectory = table[place].pointee.status.isDirectory
    forEachSharer(place, knotes) { knote in
      if knote.isRead {
        if isReadable { knote.platform.happened = Self.readable }
        return
      }
      // A directory's growth is no writer's, so it is not told unasked (C-228).
      let unasked = isDirectory ? UInt32(NOTE_EXTEND) & ~knote.fflags : 0
      knote.platform.happened |= UInt16(truncatingIfNeeded: notes & ~unasked)
    }
  }

  /// Hands out the marks of a file's knotes.
  /// - Returns: whether there was room for all.
  private func handOut(
    _ place: UInt32, _ knotes: borrowing Knotes, _ buffer: UnsafeMutableBufferPointer<Happening>, _ written: inout Int
  ) -> Bool {
    let unfinished = firstSharer(place, knotes) { knote in
      guard knote.platform.happened != 0 else { return false }
      guard written < buffer.count else { return true }
      let token = knote.token
      buffer[written] = Happening(token, bits: UInt32(knote.platform.happened & ~Self.readable))
      knote.platform.happened = 0
      written += 1
      return false
    }
    return unfinished == nil
  }
}

extension FileEvents {
  /// Whether a file may have more to read than before, or a directory.
  fileprivate var isNewsToReaders: Bool {
    has(.modified) || has(.entries) || has(.overflow)
  }
}
