// An ordinary Swift program over the C functions: classes, arrays, dictionaries and strings, so that it
// allocates, retains and releases a good deal between the calls.
//
// SPDX-License-Identifier: BSD-2-Clause
import CKQueue

final class Subscriber {
  nonisolated(unsafe) static var alive = 0
  let name: String
  var seen: [String] = []

  init(_ name: String) {
    self.name = name
    Self.alive += 1
  }

  deinit { Self.alive -= 1 }
}

func require(_ holds: Bool, _ what: String) {
  if !holds { fatalError(what) }
}

func change(_ ident: UInt, _ flags: Int32, _ fflags: UInt32, _ subscriber: Subscriber) -> kevent {
  kevent(
    ident: ident, filter: Int16(EVFILT_USER), flags: UInt16(flags), fflags: fflags, data: 0,
    udata: Unmanaged.passUnretained(subscriber).toOpaque())
}

func deliver(_ queue: Int32, to subscribers: [Subscriber], round: Int) {
  var changes: [kevent] = []
  for (index, subscriber) in subscribers.enumerated() {
    changes.append(change(UInt(index), EV_ADD | EV_CLEAR, 0, subscriber))
    changes.append(change(UInt(index), 0, UInt32(NOTE_TRIGGER), subscriber))
  }
  var events = Array(repeating: change(0, 0, 0, subscribers[0]), count: subscribers.count)
  var limit = timespec(tv_sec: 5, tv_nsec: 0)
  let count = kevent(queue, changes, Int32(changes.count), &events, Int32(events.count), &limit)
  require(count == subscribers.count, "\(count) events")
  for event in events {
    let subscriber = Unmanaged<Subscriber>.fromOpaque(event.udata).takeUnretainedValue()
    subscriber.seen.append("\(subscriber.name) in round \(round)")
  }
}

func run() -> [String: Int] {
  let queue = kqueue()
  require(queue >= 0, "kqueue")
  let subscribers = (0..<50).map { Subscriber("subscriber number \($0)") }
  for round in 0..<100 { deliver(queue, to: subscribers, round: round) }
  require(libkqueueIsClosed(queue), "close")
  return Dictionary(uniqueKeysWithValues: subscribers.map { ($0.name, $0.seen.count) })
}

/// Closed by the program's own close, which is the library's.
func libkqueueIsClosed(_ queue: Int32) -> Bool {
  close(queue) == 0 && kevent(queue, nil, 0, nil, 0, nil) == -1
}

@_silgen_name("close") func close(_ descriptor: Int32) -> Int32

let counts = run()
require(counts.count == 50 && counts.values.allSatisfy { $0 == 100 }, "\(counts)")
require(Subscriber.alive == 0, "\(Subscriber.alive) subscribers leaked")
print("swift: ok, \(counts.keys.sorted().prefix(3).joined(separator: ", ")) ...")
