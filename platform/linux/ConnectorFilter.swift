import CKQueueShims.Linux
import KQueueCore

/// A program by which the kernel drops those messages of the process connector that no knote is about.
///
/// A step that skips others names how many. Words are compared as the network has them.
struct ConnectorFilter: ~Copyable {
  private typealias Message = ConnectorMessage
  private let steps: UnsafeMutableBufferPointer<kq_filter_step>
  private var count = 0

  /// How many processes a program can tell apart: it has three steps for each, and some thirty others.
  static var mostProcesses: Int { 100 }

  private init(_ steps: UnsafeMutableBufferPointer<kq_filter_step>) {
    self.steps = steps
  }

  /// Puts a program in force that is written here.
  private static func attach(_ descriptor: CInt, _ write: (inout ConnectorFilter) -> Void) {
    var room = InlineArray<332, kq_filter_step>(repeating: kq_filter_step())
    var span = room.mutableSpan
    span.withUnsafeMutableBufferPointer { steps in
      var program = ConnectorFilter(steps)
      write(&program)
      ConnectorSocket(descriptor).setFilter(steps.baseAddress, count: program.count)
    }
  }

  // MARK: Programs

  /// The kernel's answer alone: until it is known what is of interest, nothing is.
  static func passAnswer(_ descriptor: CInt) {
    attach(descriptor) { program in
      program.load(Message.what)
      program.skip(1, unless: Message.answer)
      program.pass(true)
      program.pass(false)
    }
  }

  /// The forks and execs of some processes, `mostProcesses` at most.
  static func pass(_ processes: UnsafeBufferPointer<UInt32>, _ descriptor: CInt) {
    attach(descriptor) { program in
      program.load(Message.what)
      program.skip(5 + 2 * processes.count + 4, unless: Message.fork)
      program.requireSame(Message.data + 8, Message.data + 12)  // a thread is no child
      program.requireParentOrChild(processes)
      program.skip(processes.count + 3, unless: Message.exec)
      program.requireOne(of: processes, at: Message.data + 4)
      program.pass(false)
    }
  }

  /// The forks and execs of all processes, and all ends.
  static func passAll(_ descriptor: CInt) {
    attach(descriptor) { program in
      program.load(Message.what)
      program.skip(6, unless: Message.fork)
      program.requireSame(Message.data + 8, Message.data + 12)
      program.pass(true)
      program.skip(6, unless: Message.exit)
      program.requireSame(Message.data, Message.data + 4)  // the first thread's
      program.pass(true)
      program.skip(1, unless: Message.exec)
      program.pass(true)
      program.pass(false)
    }
  }

  /// Everything passes, to measure what the programs spare.
  static func remove(_ descriptor: CInt) {
    ConnectorSocket(descriptor).setFilter(nil, count: 0)
  }

  // MARK: Parts of programs

  /// Drops the message unless two words of it, such as a process's and a thread's number, are the same.
  private mutating func requireSame(_ one: Int, _ other: Int) {
    load(one)
    append(Code.copyToX)
    load(other)
    append(Code.jumpIfX, ifTrue: 1)
    pass(false)
  }

  private mutating func requireOne(of processes: UnsafeBufferPointer<UInt32>, at offset: Int) {
    load(offset)
    for place in 0..<processes.count { skip(processes.count - place, if: processes[place]) }
    pass(false)
    pass(true)
  }

  /// A child's number is asked for as well: a process that is born with a number ends what that named before.
  private mutating func requireParentOrChild(_ processes: UnsafeBufferPointer<UInt32>) {
    load(Message.data + 4)
    for place in 0..<processes.count { skip(2 * processes.count + 1 - place, if: processes[place]) }
    requireOne(of: processes, at: Message.data + 12)
  }

  // MARK: Steps

  /// Of <linux/bpf_common.h>.
  private enum Code {
    static var loadWord: UInt16 { 0x20 }
    static var copyToX: UInt16 { 0x07 }
    static var jumpIfValue: UInt16 { 0x15 }
    static var jumpIfX: UInt16 { 0x1d }
    static var returnValue: UInt16 { 0x06 }
  }

  private mutating func append(_ code: UInt16, ifTrue: Int = 0, ifFalse: Int = 0, _ value: UInt32 = 0) {
    steps[count] = kq_filter_step(
      code: code, if_true: UInt8(truncatingIfNeeded: ifTrue), if_false: UInt8(truncatingIfNeeded: ifFalse), value: value
    )
    count += 1
  }

  private mutating func load(_ offset: Int) {
    append(Code.loadWord, UInt32(offset))
  }

  private mutating func skip(_ steps: Int, unless value: UInt32) {
    append(Code.jumpIfValue, ifFalse: steps, kq_network_order(value))
  }

  private mutating func skip(_ steps: Int, if value: UInt32) {
    append(Code.jumpIfValue, ifTrue: steps, kq_network_order(value))
  }

  private mutating func pass(_ passes: Bool) {
    append(Code.returnValue, passes ? .max : 0)
  }
}
