import KQueueCore

/// A signal that a knote watches: what came, and was not told yet.
struct FakeSignal {
  let token: KnoteToken
  var count = 0
  /// The knote is disabled.
  var isOff: Bool
}

extension FakeSystem {
  /// Sends the process a signal, some times over; whoever watches it counts.
  public func raise(_ number: UInt, times: Int = 1) {
    for set in sets { set.signalCame(number, times) }
  }
}

extension FakeEventSet {
  func addSignal(_ token: KnoteToken, _ knote: KnoteRef<FakeKnote>) {
    if signals[knote.ident] != nil { violate("a second knote of one signal") }
    signals[knote.ident] = FakeSignal(token: token, isOff: knote.isDisabled)
  }

  /// Follows a knote that was enabled or disabled; what came meanwhile is reported again.
  func enableSignal(_ knote: KnoteRef<FakeKnote>) {
    signals[knote.ident]?.isOff = knote.isDisabled
    if !knote.isDisabled { push(.signal(knote.ident)) }
  }

  func removeSignal(_ number: UInt) {
    signals[number] = nil
  }

  fileprivate func signalCame(_ number: UInt, _ times: Int) {
    guard signals[number] != nil else { return }
    signals[number]?.count += times
    push(.signal(number))
  }

  func takeSignals(_ number: UInt) -> Int {
    defer { signals[number]?.count = 0 }
    return signals[number]?.count ?? 0
  }
}
