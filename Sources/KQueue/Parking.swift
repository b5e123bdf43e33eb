import Synchronization

/// Where an iteration waits to be woken: by the poller, by its task's cancellation or by the close of its queue,
/// any of which may come before it waits.
///
/// The continuation is an unsafe one since a checked one allocates. Each is resumed once: whoever takes it out of the
/// state does that.
final class Parking: Sendable {
  private enum State {
    case idle
    case woken
    case parked(UnsafeContinuation<Void, Never>)
  }

  private let state = Mutex(State.idle)

  /// Waits until it is woken, or does not wait where it was already.
  func park(isolation: isolated (any Actor)?) async {
    await withTaskCancellationHandler(
      operation: {
        await withUnsafeContinuation(isolation: isolation) { continuation in
          let isWoken = state.withLock { state in
            if case .woken = state {
              state = .idle
              return true
            }
            state = .parked(continuation)
            return false
          }
          if isWoken { continuation.resume() }
        }
      }, onCancel: { wake() }, isolation: isolation)
  }

  func wake() {
    let parked = state.withLock { state -> UnsafeContinuation<Void, Never>? in
      guard case .parked(let continuation) = state else {
        state = .woken
        return nil
      }
      state = .idle
      return continuation
    }
    parked?.resume()
  }
}
