import CKQueue

/// READ and WRITE: the condition is the descriptor's, so the platform has it (contract 6.1, 6.2).
extension KQueue where Backend: ~Copyable {
  mutating func attachDescriptor(_ index: UInt32) throws(Errno) {
    let backing = try backend.attach(index, knotes)
    publishWatchSets()
    guard backing == .recorded else { return }
    do throws(Errno) {
      try backend.prepareWake()
    } catch {
      try? backend.detach(index, knotes)
      throw error
    }
    knotes[index].pointee.status.insert(.recorded)
    activate(index)
  }

  mutating func modifyDescriptor(_ index: UInt32, _ change: Kevent) throws(Errno) {
    if change.redefines {
      knotes[index].pointee.fflags = change.fflags
      knotes[index].pointee.data = change.data
    }
    try backend.update(index, knotes)
    if knotes[index].pointee.status.contains(.recorded) { activate(index) }
  }
}
