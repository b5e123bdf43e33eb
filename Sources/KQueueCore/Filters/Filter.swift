import CKQueue

/// The filters, by their numbers in the header.
public enum Filter: Int16 {
  case read = -1
  case write = -2
  case vnode = -4
  case proc = -5
  case signal = -6
  case timer = -7
  case procdesc = -8
  case fs = -9
  case user = -11
  case libkqueue = -12
  case empty = -13
  case except = -15

  /// Written by hand: the synthesized initializer compares the values in turn, and every change calls it.
  @inline(__always)
  public init?(rawValue: Int16) {
    switch rawValue {
    case -1: self = .read
    case -2: self = .write
    case -4: self = .vnode
    case -5: self = .proc
    case -6: self = .signal
    case -7: self = .timer
    case -8: self = .procdesc
    case -9: self = .fs
    case -11: self = .user
    case -12: self = .libkqueue
    case -13: self = .empty
    case -15: self = .except
    default: return nil
    }
  }

  /// Whether ident is a descriptor number.
  @inline(__always)
  var watchesDescriptor: Bool {
    FilterTable.traits(of: self).watchesDescriptor
  }

  /// Flags that a knote of this filter has unasked (contract 3.2).
  var impliedFlags: UInt16 {
    FilterTable.traits(of: self).clears ? UInt16(EV_CLEAR) : 0
  }

  /// Whether a platform serves it.
  var isPlatforms: Bool {
    FilterTable.traits(of: self).isPlatforms
  }

  /// Whether its knotes record what happened, rather than ask for a condition.
  @inline(__always)
  var recordsOccurrences: Bool {
    FilterTable.traits(of: self).records
  }
}

/// A set of filters.
public struct FilterSet: OptionSet, Sendable {
  public let rawValue: UInt32

  public init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  public init(_ filter: Filter) {
    rawValue = 1 << UInt32(-filter.rawValue)
  }

  /// Those that need nothing of a platform but time and waking.
  ///
  /// Not a stored constant or an array literal: those take the runtime's locks in the ordinary build, which a
  /// forked child may find taken.
  static var core: FilterSet { FilterSet(.timer).union(FilterSet(.user)).union(FilterSet(.libkqueue)) }
}
