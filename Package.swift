// swift-tools-version: 6.2
import Foundation
import PackageDescription

// The ordinary build: tests and Swift users. The shipped library is the same sources as Embedded Swift; see CMakeLists.txt.

let headers: [CSetting] = [.headerSearchPath("../CKQueue/include")]
// Nothing has to be installed; libcap is used where it is.
let hasLibcap = FileManager.default.fileExists(atPath: "/usr/include/sys/capability.h")
let capabilities: [CSetting] = hasLibcap ? [.define("KQUEUE_LIBCAP")] : []
let libcap: [LinkerSetting] = hasLibcap ? [.linkedLibrary("cap")] : []
let core: Target.Dependency = "KQueueCore"

let package = Package(
  name: "libkqueue",
  products: [.library(name: "KQueue", targets: ["KQueue"])],
  targets: [
    .systemLibrary(name: "CKQueue", path: "Sources/CKQueue/include"),
    .target(
      name: "CKQueueShims", exclude: ["README.md"], cSettings: headers + capabilities, linkerSettings: libcap),
    .target(name: "KQueueCore", dependencies: ["CKQueue", "CKQueueShims"]),
    .target(
      name: "KQueueLinux", dependencies: [core, "CKQueue", "CKQueueShims"], path: "platform/linux",
      exclude: ["README.md"]),
    .target(name: "KQueuePOSIX", dependencies: [core, "CKQueue", "CKQueueShims"], path: "platform/posix"),
    .target(
      name: "KQueueABI", dependencies: [core, "KQueueLinux", "CKQueue", "CKQueueShims"],
      exclude: ["libkqueue.map"]),

    // The Swift module, over the C functions: it imports CKQueue, and is linked with what defines them.
    .target(name: "KQueue", dependencies: ["CKQueue", "KQueueABI"]),

    // kq, the tool.
    .target(name: "CKqShims"),
    .executableTarget(name: "kq", dependencies: ["CKqShims", "CKQueue", "KQueueABI"]),

    // The contract's cases, run against the ordinary build here and against the installed library by ctest.
    .executableTarget(
      name: "contract", dependencies: ["KQueueABI"], path: "Tests/C/Contract",
      cSettings: [.define("_GNU_SOURCE"), .headerSearchPath("../../../Sources/CKQueue/include")]),
    .testTarget(name: "ContractTests", dependencies: ["contract"]),

    // The same on the POSIX platform. A source belongs to one target, so these are links to the folders. No test target
    // depends on them: all of those are one program, which has the C ABI already.
    .target(
      name: "KQueueABIOnPOSIX", dependencies: [core, "KQueuePOSIX", "CKQueue", "CKQueueShims"],
      path: "Tests/POSIX/KQueueABI", exclude: ["libkqueue.map"], swiftSettings: [.define("KQUEUE_PLATFORM_POSIX")]),
    .executableTarget(
      name: "contract-posix", dependencies: ["KQueueABIOnPOSIX"], path: "Tests/POSIX/Contract",
      cSettings: [
        .define("_GNU_SOURCE"), .define("CONTRACT_WITH_SOURCES_HEADER"),
        .headerSearchPath("../../../Sources/CKQueue/include"),
      ]),
    .testTarget(name: "POSIXTests", dependencies: [core, "KQueuePOSIX", "Support", "CKQueue", "CKQueueShims"]),

    // The core's semantics over a platform made of plain values.
    .target(name: "Support", dependencies: [core, "CKQueue", "CKQueueShims"], path: "Tests/Support"),
    .testTarget(name: "KQueueCoreTests", dependencies: [core, "Support", "NullPlatform", "CKQueue", "CKQueueShims"]),

    // The least that a platform can be; docs/adding-a-platform.md goes through it.
    .target(
      name: "NullShims", dependencies: ["CKQueueShims"], path: "Tests/NullPlatform/shims"),
    .target(
      name: "NullPlatform", dependencies: [core, "NullShims", "CKQueue", "CKQueueShims"], path: "Tests/NullPlatform",
      exclude: ["shims"]),

    // The Swift module, and what can be counted and measured only in a process of its own.
    .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
    .executableTarget(
      name: "kqueue-probe", dependencies: ["KQueue", "CKQueue", "AllocationCounter"], path: "Tests/SwiftBenchmarks"),

    .target(name: "Snippets", dependencies: ["KQueue"], path: "docs/examples/swift/Snippets"),
    .executableTarget(name: "swift-echo-server", dependencies: ["KQueue"], path: "docs/examples/swift/EchoServer"),
    .executableTarget(name: "file-watcher", dependencies: ["KQueue"], path: "docs/examples/swift/FileWatcher"),
    .executableTarget(name: "folder-watcher", dependencies: ["KQueue"], path: "docs/examples/swift/FolderWatcher"),
    .executableTarget(name: "task-server", dependencies: ["KQueue"], path: "docs/examples/swift/TaskServer"),
    .testTarget(
      name: "KQueueTests",
      dependencies: [
        "KQueue", "CKQueue", "Snippets", "kqueue-probe", "swift-echo-server", "file-watcher", "folder-watcher",
        "task-server",
      ]),

    // The source tree itself: imports, conditions, lengths.
    .testTarget(name: "LayeringTests"),
  ]
)
