/// A knote by its place, and what it has there. It is good until the place is freed: what is kept for longer is a
/// `KnoteToken`, or an index that its list gives up before the knote goes.
public struct KnoteRef<PlatformState: BitwiseCopyable>: BitwiseCopyable {
  public let index: UInt32
  private let memory: UnsafeMutablePointer<Knote<PlatformState>>

  @inline(__always)
  init(_ index: UInt32, _ memory: UnsafeMutablePointer<Knote<PlatformState>>) {
    self.index = index
    self.memory = memory
  }

  /// The knote itself.
  var record: Knote<PlatformState> {
    @inline(__always) get { memory.pointee }
    @inline(__always) nonmutating _modify { yield &memory.pointee }
  }

  public var token: KnoteToken {
    @inline(__always) get { KnoteToken(index: index, generation: generation) }
  }
}

extension KnoteRef: Equatable {
  @inline(__always)
  public static func == (one: KnoteRef, other: KnoteRef) -> Bool {
    one.index == other.index
  }
}

extension KnoteRef {
  @inline(__always)
  public func has(_ flag: CInt) -> Bool {
    record.has(flag)
  }

  /// Its filter; only of a knote that is registered.
  public var kind: Filter {
    @inline(__always) get { record.kind }
  }

  public var isDisabled: Bool {
    @inline(__always) get { record.isDisabled }
  }

  /// The descriptor of a knote whose ident is one.
  public var descriptor: CInt {
    @inline(__always) get { CInt(truncatingIfNeeded: ident) }
  }
}

// The fields of `Knote`, which says what they mean.
extension KnoteRef {
  public var ident: UInt {
    @inline(__always) get { memory.pointee.ident }
    @inline(__always) nonmutating _modify { yield &memory.pointee.ident }
  }

  public var udata: UnsafeMutableRawPointer? {
    @inline(__always) get { memory.pointee.udata }
    @inline(__always) nonmutating _modify { yield &memory.pointee.udata }
  }

  public var data: Int64 {
    @inline(__always) get { memory.pointee.data }
    @inline(__always) nonmutating _modify { yield &memory.pointee.data }
  }

  public var fflags: UInt32 {
    @inline(__always) get { memory.pointee.fflags }
    @inline(__always) nonmutating _modify { yield &memory.pointee.fflags }
  }

  public var generation: UInt32 {
    @inline(__always) get { memory.pointee.generation }
    @inline(__always) nonmutating _modify { yield &memory.pointee.generation }
  }

  public var filter: Int16 {
    @inline(__always) get { memory.pointee.filter }
    @inline(__always) nonmutating _modify { yield &memory.pointee.filter }
  }

  public var flags: UInt16 {
    @inline(__always) get { memory.pointee.flags }
    @inline(__always) nonmutating _modify { yield &memory.pointee.flags }
  }

  public var status: KnoteStatus {
    @inline(__always) get { memory.pointee.status }
    @inline(__always) nonmutating _modify { yield &memory.pointee.status }
  }

  var occurrence: UInt64 {
    @inline(__always) get { memory.pointee.occurrence }
    @inline(__always) nonmutating _modify { yield &memory.pointee.occurrence }
  }

  var next: KnoteLink {
    @inline(__always) get { memory.pointee.next }
    @inline(__always) nonmutating _modify { yield &memory.pointee.next }
  }

  var previous: KnoteLink {
    @inline(__always) get { memory.pointee.previous }
    @inline(__always) nonmutating _modify { yield &memory.pointee.previous }
  }

  public internal(set) var link: KnoteLink {
    @inline(__always) get { memory.pointee.link }
    @inline(__always) nonmutating _modify { yield &memory.pointee.link }
  }

  public var platform: PlatformState {
    @inline(__always) get { memory.pointee.platform }
    @inline(__always) nonmutating _modify { yield &memory.pointee.platform }
  }
}
