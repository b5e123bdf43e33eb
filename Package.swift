// swift-tools-version: 6.2
import PackageDescription

// The ordinary build: tests and Swift users. The shipped library is the same sources as Embedded Swift; see CMakeLists.txt.

let headers: [CSetting] = [.define("_GNU_SOURCE"), .headerSearchPath("../CKQueue/include")]
let core: Target.Dependency = "KQueueCore"

let package = Package(
  name: "libkqueue",
  targets: [
    .systemLibrary(name: "CKQueue", path: "Sources/CKQueue/include"),
    .target(name: "CKQueueShims", cSettings: headers),
    .target(name: "KQueueCore", dependencies: ["CKQueue", "CKQueueShims"]),
    .target(name: "KQueueLinux", dependencies: [core, "CKQueue", "CKQueueShims"], path: "platform/linux"),
    .target(
      name: "KQueueABI", dependencies: [core, "KQueueLinux", "CKQueue", "CKQueueShims"],
      exclude: ["libkqueue.map"]),

    // The contract's cases, run against the ordinary build here and against the installed library by ctest.
    .executableTarget(
      name: "contract", dependencies: ["KQueueABI"], path: "Tests/C/Contract",
      cSettings: [.define("_GNU_SOURCE"), .headerSearchPath("../../../Sources/CKQueue/include")]),
    .testTarget(name: "ContractTests", dependencies: ["contract"]),
  ]
)
