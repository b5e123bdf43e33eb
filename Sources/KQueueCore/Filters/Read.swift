import CKQueue
import CKQueueShims

/// READ: something can be read (contract 6.1). What an event says, by what the descriptor is:
///
/// | descriptor | active while | data | EV_EOF, fflags |
/// |---|---|---|---|
/// | connection | as many bytes wait as are asked for, or it has ended or failed | bytes | the end; the error |
/// | packets, datagrams | one waits, or it has ended or failed | bytes of it | the end; the error |
/// | listener | connections wait, or it is shut down | how many wait | shut down: ECONNABORTED |
/// | pipe, terminal | bytes wait, or the other side is gone | bytes | the other side is gone |
/// | writing end of a pipe | the reader is gone | 0 | always |
/// | file | the offset is not the end; NOTE_EOF: or is | what is left, less than 0 behind the end | NOTE_EOF at the end |
/// | whatever else can be polled | it can be read | bytes, or 1 where nobody says | it is hung up |
///
/// A platform says which of these a descriptor is, and gives bits and sizes. What follows is the same on all of them.
extension KnoteRef {
  /// READ with NOTE_LOWAT <= 0: always active.
  public var isAlwaysEnough: Bool {
    @inline(__always) get { kind == .read && hasLowWater && data <= 0 }
  }

  /// Whether the change asked for a least number of bytes, or for that much room (NOTE_LOWAT).
  public var hasLowWater: Bool {
    @inline(__always) get { fflags & UInt32(NOTE_LOWAT) != 0 }
  }

  /// How many bytes a connection has to have.
  /// - Parameters:
  ///   - buffer: the socket's buffer size, which caps the threshold.
  ///   - lowWater: what the socket asks for itself.
  @inline(__always)
  public func leastToRead(buffer: @autoclosure () -> Int, lowWater: @autoclosure () -> Int) -> Int {
    hasLowWater ? Int(clamping: min(data, Int64(buffer()))) : lowWater()
  }
}

extension Readiness {
  /// Bytes, and an end when the other side has gone: of a pipe or a terminal.
  @inline(__always)
  public static func bytes(_ count: Int, canBeRead: Bool, hasEnded: Bool) -> Readiness {
    if hasEnded { return Readiness(data: count, flags: endOfFile) }
    return canBeRead && count > 0 ? Readiness(data: count) : .inactive
  }

  /// A listener that is shut down tells its end (C-362).
  public static var listenerIsShut: Readiness {
    Readiness(data: 0, fflags: UInt32(ECONNABORTED), flags: endOfFile)
  }

  /// The end of a file, for NOTE_EOF.
  public static var fileHasEnded: Readiness {
    Readiness(data: 0, fflags: UInt32(NOTE_EOF))
  }

  /// What is left of a file to read.
  @inline(__always)
  public static func remaining(_ bytes: Int64) -> Readiness {
    Readiness(data: Int(clamping: bytes))
  }
}

/// EV_EOF as a knote's flags have it.
public var endOfFile: UInt16 {
  @inline(__always) get { UInt16(EV_EOF) }
}
