import CKQueueShims
import KQueueCore

// What changes the actions of signals, in front of libc's (contract 6.8): of a signal that a knote watches they speak
// of the program's own action, not of the handler that counts in front of it. Handlers are passed as they come.

@_cdecl("sigaction")
public func exportedSigaction(
  _ number: CInt, _ action: UnsafeRawPointer?, _ old: UnsafeMutableRawPointer?
) -> CInt {
  SignalCalls.sigaction(number, action, old)
}

@_cdecl("signal")
public func exportedSignal(_ number: CInt, _ handler: UInt) -> UInt {
  SignalCalls.signal(number, handler)
}

@_cdecl("bsd_signal")
public func exportedBSDSignal(_ number: CInt, _ handler: UInt) -> UInt {
  SignalCalls.signal(number, handler)
}

@_cdecl("ssignal")
public func exportedSsignal(_ number: CInt, _ handler: UInt) -> UInt {
  SignalCalls.signal(number, handler)
}

@_cdecl("sysv_signal")
public func exportedSysVSignal(_ number: CInt, _ handler: UInt) -> UInt {
  SignalCalls.sysvSignal(number, handler)
}

/// What glibc's header makes of signal() in a program that asks for ISO C alone.
@_cdecl("__sysv_signal")
public func exportedInnerSysVSignal(_ number: CInt, _ handler: UInt) -> UInt {
  SignalCalls.sysvSignal(number, handler)
}

@_cdecl("sigset")
public func exportedSigset(_ number: CInt, _ handler: UInt) -> UInt {
  SignalCalls.sigset(number, handler)
}

@_cdecl("sigignore")
public func exportedSigignore(_ number: CInt) -> CInt {
  SignalCalls.sigignore(number)
}

@_cdecl("siginterrupt")
public func exportedSiginterrupt(_ number: CInt, _ interrupts: CInt) -> CInt {
  SignalCalls.siginterrupt(number, interrupts != 0)
}

/// What a look at the pending signals takes away for a moment is pending all the same (C-350).
@_cdecl("sigpending")
public func exportedSigpending(_ set: UnsafeMutableRawPointer?) -> CInt {
  PendingSignals.ask(set?.assumingMemoryBound(to: sigset_t.self))
}
