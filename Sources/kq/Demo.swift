import CKQueue
import CKqShims

/// `kq demo`: makes five sources fire, says what a kqueue tells of them, and checks that it told all.
struct Demo: ~Copyable {
  private let queue: Queue
  private let scene: Scene
  private let sources: [Source]
  private let chronicle = Chronicle()
  private var tally: Tally

  init(queue: consuming Queue, scene: Scene) {
    self.queue = queue
    self.scene = scene
    sources = scene.sources
    tally = Tally(sources)
  }

  /// Returns whether everything came that was expected, and nothing else.
  mutating func run() throws(Failure) -> Bool {
    introduce()
    try scene.watch(on: queue)
    try connect()
    try fillPipe()
    try growFile("The first line.\n")
    try growFile("And another one.\n")
    try trigger()
    try endPipe()
    try lookAway()
    tally.report(chronicle.milliseconds)
    return tally.isComplete
  }

  private func introduce() {
    say("One kqueue, descriptor \(queue.descriptor), watches")
    say("  \(scene.listener.name), on 127.0.0.1:\(scene.listener.port)")
    say("  \(scene.pipe.name), its reading end")
    say("  \(scene.file.name), a temporary one, empty as yet")
    say("  \(scene.timer.name), every \(Scene.interval) ms")
    say("  \(scene.user.name), which this program triggers itself")
    say("Lines with -- say what is done to them; the others are the events that come.")
    say("")
  }
}

// MARK: The script

extension Demo {
  private mutating func connect() throws(Failure) {
    try act("connecting to 127.0.0.1:\(scene.listener.port)")
    try scene.connect()
    try expect(Expected(source: scene.listener, data: 1...1))
  }

  private mutating func fillPipe() throws(Failure) {
    try act("writing 5 bytes into the pipe")
    try scene.writeToPipe("hello")
    try expect(Expected(source: scene.pipe, data: 5...5))
  }

  private mutating func growFile(_ line: StaticString) throws(Failure) {
    let size = line.utf8CodeUnitCount
    try act("appending \(size) bytes to the file")
    try scene.appendToFile(line)
    try expect(Expected(source: scene.file, data: size...size))
  }

  private mutating func trigger() throws(Failure) {
    try act("triggering the user event, with flags \(hexadecimal(Scene.userFlags))")
    try scene.trigger(on: queue)
    try expect(Expected(source: scene.user, data: 0...0, fflags: Scene.userFlags))
  }

  private mutating func endPipe() throws(Failure) {
    try act("closing the writing end of the pipe")
    scene.closePipe()
    try expect(Expected(source: scene.pipe, data: 0...0, flags: EV_EOF))
  }

  /// Shows that expiries are counted while nobody looks.
  private mutating func lookAway() throws(Failure) {
    try expect(Expected(source: scene.timer, data: 1...Int.max))
    // Just after an expiry: two more fit in, and a busy machine can only make it more.
    let nap = Scene.interval * 2 + Scene.interval / 4
    chronicle.action("looking away for \(nap) ms")
    tool_sleep(nap)
    try expect(Expected(source: scene.timer, data: 2...Int.max))
  }
}

// MARK: Events

extension Demo {
  /// How long an expected event may take, in milliseconds.
  private static var patience: Int { 1000 }
  /// Time between two things that are done, so that they can be followed.
  private static var pause: Int { 150 }

  /// Announces what is done next, after a pause in which only the timer may fire.
  private mutating func act(_ line: String) throws(Failure) {
    let end = chronicle.milliseconds + Self.pause
    while let (event, source) = try next(until: end) {
      tally.count(event, source, expected: source.kind == .timer)
    }
    chronicle.action(line)
  }

  /// Lets events come until the one that must.
  private mutating func expect(_ expected: Expected) throws(Failure) {
    let end = chronicle.milliseconds + Self.patience
    while let (event, source) = try next(until: end) {
      let isMet = expected.isMet(by: event, of: source)
      tally.count(event, source, expected: isMet || source.kind == .timer)
      if isMet { return }
    }
    chronicle.action("nothing that fits has come from \(expected.source.name) for \(Self.patience) ms")
    tally.miss(expected.source)
  }

  /// The next event, told and taken; nil where none comes until then.
  private func next(until end: Int) throws(Failure) -> (Kevent, Source)? {
    while case let left = end - chronicle.milliseconds, left > 0 {
      guard let event = try queue.next(within: left) else { continue }
      let source = try origin(of: event)
      chronicle.event(describe(event, source))
      try scene.take(event, of: source, on: queue)
      return (event, source)
    }
    return nil
  }

  private func origin(of event: Kevent) throws(Failure) -> Source {
    for source in sources where source.tag == event.tag && source.ident == event.ident { return source }
    throw Failure("an event of something that is not watched: filter \(event.filter), ident \(event.ident)", EINVAL)
  }
}
