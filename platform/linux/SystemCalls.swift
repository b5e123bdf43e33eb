import CKQueueShims.Linux

/// Makes a system call by its number. libc's functions for many of them are cancellation points, and a thread that is
/// cancelled must leave no lock behind.
/// - Returns: what the call gives, or a negative errno.
@inline(__always)
func systemCall(
  _ number: Int, _ first: Int, _ second: Int = 0, _ third: Int = 0, _ fourth: Int = 0, _ fifth: Int = 0,
  _ sixth: Int = 0
) -> Int {
  kq_system_call(number, first, second, third, fourth, fifth, sixth)
}

/// Notes the descriptor that a system call has made as the library's.
/// - Returns: the descriptor; a negative errno, where there is none: the call's, which errno has still, or ENOMEM.
func adopt(_ result: Int) -> CInt {
  kq_adopt(CInt(truncatingIfNeeded: result))
}
