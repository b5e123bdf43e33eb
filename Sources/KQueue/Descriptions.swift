// What print() says of events.

extension KernelQueue.Event: CustomStringConvertible {
  /// The event in words, such as `read(7): 5 bytes, end of file`.
  public var description: String {
    let details = [
      carriesBytes ? "\(bytes) bytes" : nil, exitStatus.map { "\($0)" }, parent.map { "child of \($0)" },
      isEndOfFile && carriesBytes ? "end of file" : nil, error.map { "\($0)" },
    ].compactMap(\.self)
    let subject = isFailedChange ? "\(key)" : "\(source)"
    return details.isEmpty ? subject : "\(subject): \(details.joined(separator: ", "))"
  }

  /// Whether ``bytes`` says how many.
  private var carriesBytes: Bool {
    if isFailedChange { return false }
    return switch source {
    case .read, .write, .empty: true
    default: false
    }
  }
}

extension KernelQueue.Key: CustomStringConvertible {
  /// The key as it is written, such as `timer(1)`.
  public var description: String {
    switch filter {
    case Filter.read: "read(\(ident))"
    case Filter.write: "write(\(ident))"
    case Filter.except: "except(\(ident))"
    case Filter.empty: "empty(\(ident))"
    case Filter.vnode: "vnode(\(ident))"
    case Filter.process: "process(\(ident))"
    case Filter.processDescriptor: "processDescriptor(\(ident))"
    case Filter.signal: "signal(\(ident))"
    case Filter.timer: "timer(\(ident))"
    case Filter.user: "user(\(ident))"
    case Filter.fileSystems: "fileSystems"
    default: "filter \(filter)(\(ident))"
    }
  }
}

extension KernelQueue.VnodeEvents: CustomStringConvertible {
  /// The names of what happened, such as `[write, extend]`.
  public var description: String {
    names(
      of: self,
      [
        (.delete, "delete"), (.write, "write"), (.extend, "extend"), (.attributes, "attributes"), (.link, "link"),
        (.rename, "rename"), (.revoke, "revoke"),
      ] + Self.someSystems)
  }
}

extension KernelQueue.ProcessEvents: CustomStringConvertible {
  /// The names of what happened, such as `[fork, exit]`.
  public var description: String {
    names(of: self, [(.exec, "exec"), (.fork, "fork"), (.exit, "exit")] + Self.someSystems)
  }
}

extension KernelQueue.FileSystemEvents: CustomStringConvertible {
  /// The names of what happened, such as `[mount]`.
  public var description: String {
    names(
      of: self,
      [
        (.mount, "mount"), (.unmount, "unmount"), (.notResponding, "notResponding"),
        (.needsAuthentication, "needsAuthentication"), (.lowDisk, "lowDisk"), (.dead, "dead"),
        (.needsAssistance, "needsAssistance"), (.lockNotResponding, "lockNotResponding"),
      ])
  }
}

/// The names of those that are in a set, and a number for what has none.
private func names<Events: OptionSet>(of events: Events, _ all: [(one: Events, name: String)]) -> String
where Events.RawValue == UInt32, Events.Element == Events {
  let rest = all.reduce(into: events) { $0.subtract($1.one) }.rawValue
  let words = all.filter { events.contains($0.one) }.map(\.name) + (rest == 0 ? [] : ["0x" + String(rest, radix: 16)])
  return "[\(words.joined(separator: ", "))]"
}
