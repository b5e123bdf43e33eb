// swift-tools-version: 6.2
// A package of its own: it needs swift-system, which the library does not. `swift run` in this folder.
import PackageDescription

let package = Package(
  name: "copier",
  dependencies: [
    .package(name: "libkqueue", path: "../../../.."),
    .package(url: "https://github.com/apple/swift-system", from: "1.6.0"),
  ],
  targets: [
    .executableTarget(
      name: "copier",
      dependencies: [
        .product(name: "KQueue", package: "libkqueue"), .product(name: "SystemPackage", package: "swift-system"),
      ],
      path: "Sources/Copier")
  ])
