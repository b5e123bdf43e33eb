import CKQueue

/// An event in words: what happened, and to what.
func describe(_ event: Kevent, _ source: Source) -> String {
  if event.has(EV_ERROR) { return "\(source.name): \(reason(CInt(truncatingIfNeeded: event.data)))" }
  switch source.kind {
  case .listener: return describeConnections(event, source)
  case .timer: return describeExpiry(event, source)
  case .user: return "\(source.name) was triggered, with flags \(hexadecimal(event.fflags))"
  case .file: return describeFile(event, source)
  case .watched: return "\(source.name) \(changes(event.fflags))"
  case .process: return describeProcess(event, source)
  case .signal: return "\(source.name) \(signalName(CInt(source.ident)))has come \(times(event.data))"
  case .pipe, .socket, .terminal, .descriptor: return describeInput(event, source)
  }
}

private func describeConnections(_ event: Kevent, _ source: Source) -> String {
  let what = event.data == 1 ? "connection" : "\(event.data) connections"
  return "\(what) pending on 127.0.0.1:\(source.port)"
}

private func describeExpiry(_ event: Kevent, _ source: Source) -> String {
  // The library counts what nobody looked at: one event, however late.
  event.data == 1
    ? "\(source.name) has expired" : "\(source.name) has expired \(times(event.data)) since the last look"
}

private func describeFile(_ event: Kevent, _ source: Source) -> String {
  // Data is the size less the offset, so a file that was cut below it has less than nothing.
  event.data < 0
    ? "\(source.name) was cut: it ends \(counted(-event.data, "byte")) before the reader's place"
    : "\(source.name) can be read: \(counted(event.data, "byte"))"
}

private func describeInput(_ event: Kevent, _ source: Source) -> String {
  // Devices do not tell how much there is.
  let amount = event.data > 0 ? ": \(counted(event.data, "byte"))" : ""
  let readable = "\(source.name) can be read\(amount)"
  guard event.has(EV_EOF) else { return readable }
  // With EV_EOF, fflags has the error that ended it.
  let end =
    event.fflags == 0 ? "the other end is closed" : "the other end is gone: \(reason(CInt(bitPattern: event.fflags)))"
  return event.data == 0 ? "\(source.name) is at its end: \(end)" : "\(readable), and \(end)"
}
