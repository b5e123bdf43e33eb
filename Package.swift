// swift-tools-version: 6.2
import PackageDescription

// The ordinary build: tests and Swift users. The shipped library is the same sources as Embedded Swift; see CMakeLists.txt.

let headers: [CSetting] = [.headerSearchPath("../CKQueue/include")]
let core: Target.Dependency = "KQueueCore"

let package = Package(
  name: "libkqueue",
  products: [.library(name: "KQueue", targets: ["KQueue"])],
  targets: [
    .systemLibrary(name: "CKQueue", path: "Sources/CKQueue/include"),
    .target(name: "CKQueueShims", cSettings: headers),
    .target(name: "KQueueCore", dependencies: ["CKQueue", "CKQueueShims"]),
    .target(name: "KQueueLinux", dependencies: [core, "CKQueue", "CKQueueShims"], path: "platform/linux"),
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

    // The core's semantics over a platform made of plain values.
    .target(name: "Support", dependencies: [core, "CKQueue", "CKQueueShims"], path: "Tests/Support"),
    .testTarget(name: "KQueueCoreTests", dependencies: [core, "Support", "CKQueue", "CKQueueShims"]),

    // The Swift module, and what can be counted and measured only in a process of its own.
    .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
    .executableTarget(
      name: "kqueue-probe", dependencies: ["KQueue", "CKQueue", "AllocationCounter"], path: "Tests/SwiftBenchmarks"),

    .target(name: "Snippets", dependencies: ["KQueue"], path: "docs/examples/swift/Snippets"),
    .executableTarget(name: "swift-echo-server", dependencies: ["KQueue"], path: "docs/examples/swift/EchoServer"),
    .executableTarget(name: "file-watcher", dependencies: ["KQueue"], path: "docs/examples/swift/FileWatcher"),
    .testTarget(
      name: "KQueueTests",
      dependencies: ["KQueue", "CKQueue", "Snippets", "kqueue-probe", "swift-echo-server", "file-watcher"]),

    // The source tree itself: imports, conditions, lengths.
    .testTarget(name: "LayeringTests"),
  ]
)
