// Lets tasks wait for descriptors, processes, signals and time: one queue, whose events one task hands out.
//
// SPDX-License-Identifier: BSD-2-Clause
import KQueue

/// What a task waits for, until it comes, the task is cancelled, or its time is up.
actor Readiness {
  struct TimedOut: Error {}
  private typealias Continuation = CheckedContinuation<KernelQueue.Event, any Error>

  private let queue: KernelQueue
  private var waiting: [KernelQueue.Key: (ticket: Int, continuation: Continuation)] = [:]
  private var tickets = 0

  init() throws {
    queue = try KernelQueue()
  }

  /// Hands out events until its task is cancelled. Without it nobody's wait ends.
  func run() async throws {
    for try await event in queue.events {
      waiting.removeValue(forKey: event.key)?.continuation.resume(returning: event)
    }
  }

  /// Suspends the task until there is an event. One task at a time may wait for the same.
  func event(of registration: KernelQueue.Registration) async throws -> KernelQueue.Event {
    tickets += 1
    let ticket = tickets
    let key = registration.key
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        waiting[key] = (ticket, continuation)
        do {
          // One event, after which the registration is gone: nothing is collected that nobody asked for.
          try queue.add(registration, .oneShot)
        } catch {
          waiting[key] = nil
          continuation.resume(throwing: error)
        }
      }
    } onCancel: {
      Task { await self.abandon(key, ticket) }
    }
  }

  /// The same, for so long at most.
  func event(of registration: KernelQueue.Registration, within limit: Duration) async throws -> KernelQueue.Event {
    tickets += 1
    let timer = UInt(tickets)
    return try await withThrowingTaskGroup(of: KernelQueue.Event.self) { group in
      group.addTask { try await self.event(of: registration) }
      group.addTask {
        _ = try await self.event(of: .timer(timer, after: limit))
        throw TimedOut()
      }
      defer { group.cancelAll() }
      return try await group.next()!
    }
  }

  private func abandon(_ key: KernelQueue.Key, _ ticket: Int) {
    // It may have come meanwhile, and another may wait for the same by now.
    guard let entry = waiting[key], entry.ticket == ticket else { return }
    waiting[key] = nil
    try? queue.delete(key)
    entry.continuation.resume(throwing: CancellationError())
  }
}
