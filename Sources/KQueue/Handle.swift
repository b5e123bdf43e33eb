import Synchronization

/// A queue's descriptor and who iterates over it, shared by the queue and its iteration.
final class Handle: Sendable {
  let descriptor: CInt

  private struct State {
    var isOpen = true
    /// The one iteration that there may be at a time.
    var iteration: Parking?
    /// What an iteration that ended had collected and not handed out.
    var leftover: KernelQueue.Batch?
  }

  /// Held while events are collected without waiting: the number must not be closed, and be another file's, meanwhile.
  private let state = Mutex(State())

  init() throws(KernelQueue.Errno) {
    descriptor = try System.makeQueue()
  }

  /// Closes, if nobody has yet, and ends the iteration.
  func close() throws(KernelQueue.Errno) {
    var iteration: Parking?
    defer { iteration?.wake() }
    try state.withLock { state throws(KernelQueue.Errno) in
      guard state.isOpen else { return }
      state.isOpen = false
      state.leftover = nil
      iteration = state.iteration
      try System.closeDescriptor(descriptor)
    }
  }

  // MARK: The iteration

  /// Makes an iteration the only one, and gives it what the last one left.
  func begin(_ iteration: Parking) throws(KernelQueue.Errno) -> KernelQueue.Batch? {
    try state.withLock { state throws(KernelQueue.Errno) in
      guard state.iteration == nil else { throw .busy }
      state.iteration = iteration
      defer { state.leftover = nil }
      return state.leftover
    }
  }

  /// Ends the iteration, which leaves events that it has not handed out.
  func end(leaving leftover: KernelQueue.Batch?) {
    state.withLock { state in
      state.iteration = nil
      if state.isOpen { state.leftover = leftover }
    }
  }

  /// The events that there are now, without waiting; nil where the queue is closed.
  func collect(into storage: EventStorage) throws(KernelQueue.Errno) -> Int? {
    try whileOpen { () throws(KernelQueue.Errno) in
      try storage.withEntries { events throws(KernelQueue.Errno) in
        try System.kevent(descriptor, .init(start: nil, count: 0), events, .zero)
      }
    }
  }

  /// Does something that needs the number; nil where the queue is closed.
  func whileOpen<Result: Sendable>(
    _ body: () throws(KernelQueue.Errno) -> Result
  ) throws(KernelQueue.Errno) -> Result? {
    try state.withLock { state throws(KernelQueue.Errno) in
      state.isOpen ? try body() : nil
    }
  }
}
