import CKQueueShims.Linux
import KQueueCore

/// The sets for further knotes of a descriptor number, nested in the kqueue's own and made when first needed: a set
/// has one entry for each number.
struct SideSets: BitwiseCopyable {
  /// As many as there are filters beside the first that epoll reports a number to.
  static var limit: Int { 3 }

  /// Descriptors, each + 1; 0 is none.
  private var numbers: (CInt, CInt, CInt) = (0, 0, 0)

  subscript(place: Int) -> EpollSet? {
    @inline(__always) get {
      let number = number(place)
      return number == 0 ? nil : EpollSet(descriptor: number - 1)
    }
    set {
      let number = (newValue?.descriptor ?? -1) + 1
      switch place {
      case 0: numbers.0 = number
      case 1: numbers.1 = number
      default: numbers.2 = number
      }
    }
  }

  @inline(__always)
  func number(_ place: Int) -> CInt {
    switch place {
    case 0: numbers.0
    case 1: numbers.1
    default: numbers.2
    }
  }

  func visit(_ body: (Int, EpollSet) -> Void) {
    for place in 0..<Self.limit {
      if let set = self[place] { body(place, set) }
    }
  }

  func close() {
    for place in 0..<Self.limit {
      if let set = self[place] { OwnDescriptors.close(set.descriptor) }
    }
  }
}
