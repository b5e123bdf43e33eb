import CKQueueShims.Linux

/// What the process connector or perf tells of a process.
struct ProcessEvent: BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable {
    /// The connector's answer to a request for messages; its status is an errno, or 0.
    case answer
    case forked
    case execed
    case ended
  }

  let kind: Kind
  let process: UInt32
  /// Of a fork.
  var child: UInt32 = 0
  /// Of an end, as wait(2) gives it.
  var status: CInt = 0
  /// Of the connector's: when it was, by CLOCK_MONOTONIC.
  var time: UInt64 = 0

  /// As many are read at a time.
  static var batch: Int { 16 }
}

/// What a facility has to tell next.
enum ProcessNews {
  case none
  /// Some of it was lost.
  case loss
  case event(ProcessEvent)
}
