import CKQueueShims.Linux
import KQueueCore

/// Events of perf_event_open(2): each belongs to one thread on one processor; the threads that it makes have it, too.
/// What the events of a processor record goes to one ring.
enum PerfEvent {
  /// An event that records what these flags say.
  /// - Returns: a descriptor, or a negative errno.
  @inline(never)
  static func open(_ thread: CInt, _ processor: Int, _ flags: UInt64) -> CInt {
    var attributes = kq_perf_attributes()
    attributes.type = 1  // PERF_TYPE_SOFTWARE
    attributes.size = UInt32(MemoryLayout<kq_perf_attributes>.size)
    attributes.config = 9  // PERF_COUNT_SW_DUMMY
    attributes.wakeup_watermark = 1
    attributes.flags = flags | excludeKernel | excludeHypervisor | watermark
    let closesOnExec = 8
    let descriptor = withUnsafeMutablePointer(to: &attributes) {
      adopt(
        systemCall(KQ_SYS_PERF_EVENT_OPEN, Int(bitPattern: $0), Int(thread), processor, -1, closesOnExec))
    }
    return OwnDescriptors.move(descriptor)
  }

  /// Has a thread's forks and execs on a processor recorded in its ring, and those of threads it makes.
  /// - Returns: a descriptor, or a negative errno.
  static func watch(_ thread: CInt, _ processor: Int, in ring: CInt) -> CInt {
    let wanted = inherit | names | tasks | execNames
    var descriptor = open(thread, processor, wanted | inheritByThreads)
    // Before 5.13 processes inherit it, too; their records are not looked for.
    if descriptor == -EINVAL { descriptor = open(thread, processor, wanted) }
    if descriptor < 0 { return descriptor }
    let result = kq_device_control(descriptor, KQ_PERF_SET_OUTPUT, UnsafeMutableRawPointer(bitPattern: Int(ring)))
    if result >= 0 { return descriptor }
    kq_close_descriptor(descriptor)
    return result
  }

  // MARK: Flags, of <linux/perf_event.h>

  private static var inherit: UInt64 { 1 << 1 }
  private static var excludeKernel: UInt64 { 1 << 5 }
  private static var excludeHypervisor: UInt64 { 1 << 6 }
  private static var names: UInt64 { 1 << 9 }
  private static var tasks: UInt64 { 1 << 13 }
  private static var watermark: UInt64 { 1 << 14 }
  private static var execNames: UInt64 { 1 << 24 }
  private static var inheritByThreads: UInt64 { 1 << 35 }
}
