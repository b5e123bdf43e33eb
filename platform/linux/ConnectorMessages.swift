import CKQueueShims.Linux
import KQueueCore

/// Where a message of the process connector has what, in bytes; <linux/cn_proc.h> describes it.
enum ConnectorMessage {
  static var what: Int { 36 }
  static var time: Int { data - 8 }
  static var data: Int { what + 16 }
  static var size: Int { data + 24 }

  static var answer: UInt32 { 0 }
  static var fork: UInt32 { 1 }
  static var exec: UInt32 { 2 }
  static var exit: UInt32 { 0x8000_0000 }
}

extension ProcessEvent {
  /// Reads a message; nil where it is news of a thread, something unknown, or not from the kernel.
  init?(_ message: borrowing kq_connector_message) {
    guard message.size >= ConnectorMessage.size else { return nil }
    let found = withUnsafeBytes(of: message.bytes) { Self(bytes: $0) }
    guard let found else { return nil }
    self = found
  }

  private init?(bytes: UnsafeRawBufferPointer) {
    func word(_ place: Int) -> UInt32 {
      bytes.loadUnaligned(fromByteOffset: ConnectorMessage.data + place, as: UInt32.self)
    }
    let time = bytes.loadUnaligned(fromByteOffset: ConnectorMessage.time, as: UInt64.self)
    switch bytes.loadUnaligned(fromByteOffset: ConnectorMessage.what, as: UInt32.self) {
    case ConnectorMessage.answer:
      self.init(kind: .answer, process: word(4), status: CInt(bitPattern: word(0)))
    // A thread's number is its process's where it is the first.
    case ConnectorMessage.fork where word(8) == word(12):
      self.init(kind: .forked, process: word(4), child: word(8), time: time)
    case ConnectorMessage.exec:
      self.init(kind: .execed, process: word(4), time: time)
    case ConnectorMessage.exit where word(4) == word(0):
      self.init(kind: .ended, process: word(4), status: CInt(bitPattern: word(8)), time: time)
    default: return nil
    }
  }

  /// Reads what the connector has sent, `batch` at most.
  /// - Returns: how many events were written; 0 where there is none, -ENOBUFS where some were lost.
  static func read(_ descriptor: CInt, _ events: UnsafeMutablePointer<ProcessEvent>) -> CInt {
    var messages = InlineArray<16, kq_connector_message>(repeating: kq_connector_message())
    var span = messages.mutableSpan
    return span.withUnsafeMutableBufferPointer { messages in
      var written: CInt = 0
      // As long as all of it is of no interest, go on: 0 says that there is no more.
      while written == 0 {
        let got = ConnectorSocket(descriptor).receive(messages)
        if got <= 0 { return got }
        for place in 0..<Int(got) {
          guard let event = ProcessEvent(messages[place]) else { continue }
          events[Int(written)] = event
          written += 1
        }
      }
      return written
    }
  }
}
