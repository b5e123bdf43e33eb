// The one place that chooses a platform.
#if KQUEUE_PLATFORM_POSIX
  import KQueuePOSIX
  typealias NativeBackend = POSIXBackend
#elseif os(Linux)
  import KQueueLinux
  typealias NativeBackend = LinuxBackend
#else
  #error("no platform for this system yet: see docs/adding-a-platform.md")
#endif
