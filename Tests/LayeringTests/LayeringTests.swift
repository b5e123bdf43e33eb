import Foundation
import Testing

/// Who may import whom, and what stands where: the layout that lets a platform or a filter be added in one place.
@Suite struct LayeringTests {
  static let tree = SourceTree(
    root: URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent())

  @Test func sourcesAreThere() {
    #expect(Self.tree.swift.count > 30)
    #expect(Self.tree.c.count > 5)
    #expect(Self.tree.imports.count > 50)
    #expect(Self.tree.functions.count > 200)
  }

  @Test(arguments: Rule.all) func holds(_ rule: Rule) {
    let violations = rule.violations(Self.tree)
    #expect(violations.isEmpty, "\(violations.joined(separator: "\n"))")
  }

  /// Each rule sees what it forbids, and nothing in the same file without it.
  @Test(arguments: Sample.all) func sees(_ sample: Sample) throws {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent("layering-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: root) }
    try Sample.write(Sample.lawful, to: "Sources/KQueueCore/Platform/PlatformBackend.swift", in: root)
    try Sample.write(sample.lawful, to: sample.path, in: root)
    for rule in Rule.all { #expect(rule.violations(SourceTree(root: root)) == [], "\(rule.name)") }

    try Sample.write(sample.unlawful, to: sample.path, in: root)
    let broken = Rule.all.filter { !$0.violations(SourceTree(root: root)).isEmpty }.map(\.name)
    #expect(broken == [sample.rule])
  }
}

// MARK: Rules

struct Rule: CustomTestStringConvertible, Sendable {
  let name: String
  let violations: @Sendable (SourceTree) -> [String]
  var testDescription: String { name }

  static let all = [
    Rule(name: "imports", violations: imports),
    Rule(name: "conditions", violations: conditions),
    Rule(name: "C", violations: cFiles),
    Rule(name: "function length", violations: functionLength),
    Rule(name: "file length", violations: fileLength),
    Rule(name: "one protocol", violations: oneProtocol),
    Rule(name: "one switch on filters", violations: oneSwitch),
    Rule(name: "POSIX", violations: posix),
    Rule(name: "order of bytes", violations: byteOrder),
  ]

  /// What the Swift files of a folder may import. Shipped sources are Embedded Swift too: nothing else is there.
  static let importable: [String: Set<String>] = [
    "Sources/KQueueCore": ["CKQueue", "CKQueueShims", "Synchronization"],
    "platform/linux": ["KQueueCore", "CKQueue", "CKQueueShims", "CKQueueShims.Linux"],
    "platform/posix": ["KQueueCore", "CKQueue", "CKQueueShims", "CKQueueShims.POSIX"],
    "Sources/KQueueABI": [
      "KQueueCore", "KQueueLinux", "KQueuePOSIX", "CKQueue", "CKQueueShims", "Synchronization",
    ],
    "Sources/KQueue": ["Synchronization"],
    "Sources/kq": ["CKQueue", "CKqShims"],
  ]

  /// What one file may import besides. The Swift module is ordinary Swift, which the C library's shims are no part of:
  /// two files of it meet the C header, and the system's libc for errno, close and its thread.
  static let importableInFile: [String: Set<String>] = [
    "Sources/KQueue/Platform.swift": ["CKQueue", "Glibc", "Musl", "Darwin"],
    "Sources/KQueue/System.swift": ["CKQueue", "Glibc", "Musl", "Darwin"],
  ]

  private static func mayImport(_ anImport: SourceTree.Import) -> Bool {
    guard let allowed = importable[anImport.file.folder] else { return true }
    return allowed.union(importableInFile[anImport.file.path] ?? []).contains(anImport.module)
  }

  @Sendable static func imports(_ tree: SourceTree) -> [String] {
    let unknown = tree.swift.filter { importable[$0.folder] == nil }.map { "\($0.path): no rule for \($0.folder)" }
    return unknown
      + tree.imports.filter { !mayImport($0) }
      .map { "\($0.file.path):\($0.line): imports \($0.module)" }
  }

  /// One file chooses the platform. kq's entry point differs between the two builds, some functions are there on systems
  /// of 32 bits alone, and the Swift module also meets systems whose kqueue is the kernel's.
  @Sendable static func conditions(_ tree: SourceTree) -> [String] {
    tree.swift.flatMap { file in
      file.lines.enumerated().compactMap { number, line in
        let text = line.trimmingCharacters(in: .whitespaces)
        guard text.hasPrefix("#if") || text.hasPrefix("#elseif") else { return nil }
        let choosers = ["KQueueABI/NativeBackend", "KQueue/Platform", "KQueue/System"].map { "Sources/\($0).swift" }
        if choosers.contains(file.path) { return nil }
        if file.path == "Sources/kq/Main.swift" && text == "#if hasFeature(Embedded)" { return nil }
        if file.path == "Sources/KQueueABI/TimeSizes.swift" && text == "#if KQUEUE_TIME_SIZES" { return nil }
        return "\(file.path):\(number + 1): \(text)"
      }
    }
  }

  /// The C library is met in the shims alone; the public header needs three of its headers. The other public one is
  /// names for the C library's own functions, and nothing includes it.
  @Sendable static func cFiles(_ tree: SourceTree) -> [String] {
    let header = "Sources/CKQueue/include/sys/event.h"
    let names = "Sources/CKQueue/include/kqueue/signal.h"
    let elsewhere = tree.c.filter {
      !["Sources/CKQueueShims", "Sources/CKqShims"].contains($0.folder) && $0.path != header && $0.path != names
        && $0.path != "Sources/CKQueue/include/module.modulemap"
    }
    let allowed = ["<sys/types.h>", "<stdint.h>", "<time.h>"]
    let included = tree.c.filter { $0.path == header }.flatMap { file in
      file.lines.filter { $0.hasPrefix("#include") && !allowed.contains(String($0.dropFirst(9))) }
        .map { "\(file.path): \($0)" }
    }
    return elsewhere.map { "\($0.path): C outside of the shims" } + included
  }

  /// A library of Embedded Swift may be another machine's, whose order of bytes is the other one: C's compiler knows the
  /// machine. See cmake/SwiftTarget.cmake.
  @Sendable static func byteOrder(_ tree: SourceTree) -> [String] {
    let pattern = /\b(bigEndian|littleEndian|byteSwapped)\b/
    return tree.swift.filter { $0.folder != "Sources/KQueue" }.flatMap { file in
      file.lines.filter { $0.contains(pattern) }.map { "\(file.path): \($0)" }
    }
  }

  @Sendable static func functionLength(_ tree: SourceTree) -> [String] {
    tree.functions.filter { $0.lines > 40 }.map { "\($0.file.path):\($0.line): \($0.lines) lines" }
  }

  /// What is longer is parted by what it does.
  @Sendable static func fileLength(_ tree: SourceTree) -> [String] {
    (tree.swift + tree.c).map { ($0.path, $0.text.count { $0 == "\n" }) }.filter { $0.1 > 300 }
      .map { "\($0.0): \($0.1) lines" }
  }

  /// The whole contract with a platform stands in one folder: the sum, and the four protocols that it is the sum of.
  @Sendable static func oneProtocol(_ tree: SourceTree) -> [String] {
    let folder = "Sources/KQueueCore/Platform"
    let home = "\(folder)/PlatformBackend.swift"
    let pattern = /\b(protocol|extension)\s+(PlatformBackend|EventSource|Clockwork|Waiting|CloseSafety)\b/
    let places = tree.swift.filter { $0.lines.contains { $0.contains(pattern) } }.map(\.path)
    let missing = places.contains(home) ? [] : ["\(home): no protocol PlatformBackend"]
    return missing + places.filter { !$0.hasPrefix(folder + "/") }.map { "\($0): a part of PlatformBackend" }
  }
}

// MARK: Filters

extension Rule {
  /// One file of the core says what each filter does, and one which numbers they have.
  @Sendable static func oneSwitch(_ tree: SourceTree) -> [String] {
    let homes = ["FilterTable", "Filter"].map { "Sources/KQueueCore/Filters/\($0).swift" }
    let filter = "(read|write|empty|except|vnode|proc|procdesc|signal|timer|fs|user|libkqueue)"
    let pattern = try! Regex("^\\s*case \\.\(filter)\\b(?!\\()")
    return tree.swift.filter { $0.folder == "Sources/KQueueCore" && !homes.contains($0.path) }.flatMap { file in
      file.lines.enumerated().filter { $0.element.contains(pattern) }
        .map { "\(file.path):\($0.offset + 1): a switch on filters" }
    }
  }
}

// MARK: POSIX

extension Rule {
  /// What POSIX.1-2008 does not have, in the sources of the platform that needs no more. What a system may have
  /// besides is asked for by name, with #ifdef.
  @Sendable static func posix(_ tree: SourceTree) -> [String] {
    (tree.swift + tree.c).filter(isPOSIX).flatMap { file in
      let asked = Set(file.text.matches(of: /#\s*ifn?def\s+(\w+)/).map { String($0.1) })
        .union(sinceThen[file.path] ?? [])
      return foreignWords(file.text).filter { !asked.contains(String($0)) }.map { word in
        let line = file.text[..<word.startIndex].count { $0 == "\n" } + 1
        return "\(file.path):\(line): \(word)"
      }
    }
  }

  /// POSIX.1-2024 has ppoll(), which the systems that had it before show under names of their own.
  private static let sinceThen: [String: Set<String>] = [
    "Sources/CKQueueShims/posix_wait.c": ["ppoll", "_GNU_SOURCE", "__linux__"]
  ]

  private static func isPOSIX(_ file: SourceFile) -> Bool {
    file.path.hasPrefix("platform/posix/") || file.path.hasPrefix("Sources/CKQueueShims/posix_")
      || file.path == "Sources/CKQueueShims/include/kqueue_shims_posix.h"
  }

  private static func foreignWords(_ text: String) -> [Substring] {
    let systems = /\w*(?:epoll|inotify|fanotify|eventfd|signalfd|timerfd|pidfd|netlink|linux|_GNU_SOURCE)\w*|\/proc\b/
    let calls = /\b(?:syscall|SYS_\w+|pipe2|accept4|dup3|ppoll|prctl|gettid|close_range|splice)\b/
    let names = /\b(?:(?:O_PATH|O_TMPFILE|SOCK_CLOEXEC|SOCK_NONBLOCK|AT_EMPTY_PATH|TCP_INFO)\b|SIOC\w+|FION\w+)/
    let messages = /\bMSG_(?!(?:CTRUNC|DONTROUTE|EOR|NOSIGNAL|OOB|PEEK|TRUNC|WAITALL)\b)\w+/
    return [systems, calls, names, messages].flatMap { pattern in text.matches(of: pattern).map(\.output) }
  }
}

// MARK: The sources

struct SourceFile: Sendable {
  let path: String
  /// Without comments and the contents of strings, in Swift.
  let lines: [String]
  /// The whole file.
  let text: String

  /// The two folders that the path begins with.
  var folder: String { path.split(separator: "/").prefix(2).joined(separator: "/") }
}

struct SourceTree: Sendable {
  let swift: [SourceFile]
  let c: [SourceFile]

  /// Reads the shipped sources: what is under Sources and platform.
  init(root: URL) {
    var swift: [SourceFile] = []
    var c: [SourceFile] = []
    for folder in ["Sources", "platform"] {
      let names = FileManager.default.enumerator(atPath: root.appendingPathComponent(folder).path)
      for case let name as String in names ?? .init() {
        let path = "\(folder)/\(name)"
        guard let text = try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8) else { continue }
        switch URL(fileURLWithPath: name).pathExtension {
        case "swift": swift.append(SourceFile(path: path, lines: Self.codeLines(text), text: text))
        case "c", "h", "modulemap", "S", "cpp", "cc":
          c.append(SourceFile(path: path, lines: text.components(separatedBy: "\n"), text: text))
        default: break
        }
      }
    }
    self.swift = swift
    self.c = c
  }

  struct Import {
    let file: SourceFile
    let line: Int
    let module: String
  }

  var imports: [Import] {
    // Attributes and access, the kind of what is imported where it is one declaration, the module.
    let pattern = /^\s*(?:@\w+(?:\([^)]*\))?\s+|[a-z]+\s+)*import\s+(?:[a-z]+\s+)?([\w.]+)/
    return swift.flatMap { file in
      file.lines.enumerated().compactMap { number, line in
        line.firstMatch(of: pattern).map { Import(file: file, line: number + 1, module: String($0.1)) }
      }
    }
  }

  struct Function {
    let file: SourceFile
    let line: Int
    let lines: Int
  }

  /// Every function with a body, from the line of its name to its last.
  var functions: [Function] {
    let pattern = /^\s*(?:(?:@\w+(?:\([^)]*\))?|[a-z]+(?:\(\w+\))?)\s+)*(?:func\s|init[?(<]|deinit\b|subscript[(<])/
    return swift.flatMap { file in
      file.lines.indices.compactMap { start in
        guard file.lines[start].contains(pattern), let end = Self.end(ofFunctionAt: start, in: file.lines) else {
          return nil
        }
        return Function(file: file, line: start + 1, lines: end - start + 1)
      }
    }
  }

  /// The line with the closing brace; nil where there is no body, as in a protocol.
  private static func end(ofFunctionAt start: Int, in lines: [String]) -> Int? {
    let declaration = /^\s*(?:@\w+|[a-z]+\s)*\s*(?:func|var|let|init|deinit|subscript|associatedtype|struct|enum)\b/
    var parentheses = 0
    var braces = 0
    for number in start..<lines.count {
      if number > start && braces == 0 && parentheses == 0 && lines[number].contains(declaration) { return nil }
      for character in lines[number] {
        switch character {
        case "(", "[": parentheses += 1
        case ")", "]": parentheses -= 1
        case "{" where parentheses == 0 || braces > 0: braces += 1
        case "}" where braces > 0:
          braces -= 1
          if braces == 0 { return number }
        case "}" where parentheses == 0: return nil
        default: break
        }
      }
    }
    return nil
  }

  /// The lines of a Swift file with comments and the contents of strings left out.
  private static func codeLines(_ text: String) -> [String] {
    let noise = /\/\/[^\n]*|\/\*(?s:.*?)\*\/|"""(?s:.*?)"""|"(?:\\.|[^"\\\n])*"/
    let code = text.replacing(noise) { match in
      let newlines = String(repeating: "\n", count: match.output.filter { $0 == "\n" }.count)
      return match.output.hasPrefix("\"") ? "\"\(newlines)\"" : newlines
    }
    return code.components(separatedBy: "\n")
  }
}

// MARK: Samples

/// A file in a version that is right and one that breaks one rule.
struct Sample: CustomTestStringConvertible, Sendable {
  let rule: String
  let path: String
  let lawful: String
  let unlawful: String
  var testDescription: String { "\(rule): \(path)" }

  static let lawful = "import CKQueue\npublic protocol PlatformBackend {\n  func wake()\n  var x: Int { get }\n}\n"

  init(_ rule: String, _ path: String, _ lawful: String, _ unlawful: String) {
    self.rule = rule
    self.path = path
    self.lawful = lawful
    self.unlawful = unlawful
  }

  static func write(_ text: String, to path: String, in root: URL) throws {
    let file = root.appendingPathComponent(path)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try text.write(to: file, atomically: true, encoding: .utf8)
  }

  private static func function(ofLines count: Int) -> String {
    "@inline(never)\nfunc long(_ f: () -> Void = {}) -> Int {\n"
      + String(repeating: "  if a { b = \"}\" } // }\n", count: count - 2) + "}\nfunc short() {}\n"
  }

  private static func lines(_ count: Int) -> String {
    String(repeating: "\n", count: count)
  }

  static let all = [
    Sample("imports", "Sources/KQueueCore/Memory/Arena.swift", "import Synchronization\n", "import Foundation\n"),
    Sample("imports", "Sources/KQueueCore/Filters/User.swift", "import CKQueue\n", "import KQueueLinux\n"),
    Sample("imports", "Sources/KQueueCore/Call/Park.swift", "import CKQueueShims\n", "import CKQueueShims.Linux\n"),
    Sample("imports", "platform/linux/EpollSet.swift", "import CKQueueShims.Linux\n", "@_exported import Glibc\n"),
    Sample("imports", "platform/posix/Poll.swift", "import KQueueCore\n", "import KQueueLinux\n"),
    Sample("imports", "platform/linux/Timer.swift", "// import Dispatch\n", "private import Dispatch\n"),
    Sample("imports", "Sources/KQueueABI/Exports.swift", "import KQueueLinux\n", "import struct Foundation.URL\n"),
    Sample("imports", "Sources/KQueue/KernelQueue.swift", "import Synchronization\n", "import KQueueCore\n"),
    Sample("imports", "Sources/KQueue/Platform.swift", "import CKQueue\nimport Musl\n", "import CKQueueShims\n"),
    Sample("imports", "Sources/KQueue/System.swift", "import CKQueue\nimport Musl\n", "import CKQueueShims\n"),
    Sample("imports", "Sources/KQueue/Poller.swift", "// import Glibc\n", "import Glibc\n"),
    Sample("imports", "Sources/KQueue/Errno.swift", "struct Errno {}\n", "import Foundation\n"),
    Sample("imports", "Sources/kq/Main.swift", "import CKqShims\n", "import CKQueueShims\n"),
    Sample("imports", "platform/linux/Wake.swift", "let text = \"import X\"\n", "@testable import KQueueABI\n"),
    Sample("conditions", "Sources/KQueueABI/Close.swift", "// #if os(Linux)\n", "  #if os(Linux)\n  #endif\n"),
    Sample("conditions", "platform/linux/Wake.swift", "let a = \"\"\"\n  #if A\n  \"\"\"\n", "#if A\n#endif\n"),
    Sample("conditions", "Sources/KQueue/Poller.swift", "// #if os(Linux)\n", "#if canImport(Darwin)\n#endif\n"),
    Sample("conditions", "Sources/kq/Main.swift", "#if hasFeature(Embedded)\n#endif\n", "#if os(Linux)\n#endif\n"),
    Sample("C", "Sources/CKQueue/include/sys/event.h", "#include <time.h>\n", "#include <sys/epoll.h>\n"),
    Sample("function length", "Sources/KQueueCore/Queue/KQueue.swift", function(ofLines: 40), function(ofLines: 41)),
    Sample("function length", "platform/posix/Poll.swift", "struct A {}\n", "struct A {\n\(function(ofLines: 99))}"),
    Sample("file length", "Sources/KQueueCore/Queue/KQueue.swift", lines(300), lines(301)),
    Sample("file length", "Sources/CKQueueShims/shims.c", lines(300), lines(301)),
    Sample("one protocol", "platform/linux/Wake.swift", "struct L: PlatformBackend {}", "extension PlatformBackend {}"),
    Sample("one protocol", "Sources/KQueueCore/Call/Park.swift", "struct P {}", "public protocol Waiting {}"),
    Sample("one protocol", "Sources/KQueueCore/Platform/PlatformBackend.swift", lawful, "protocol Platform {}"),
    Sample(
      "one switch on filters", "Sources/KQueueCore/Call/Park.swift", "  case .timer(let clock): wake()\n",
      "  case .user, .timer: wake()\n"),
    Sample("POSIX", "platform/posix/Poll.swift", "let a = kq_poll_now\n", "let a = kq_epoll_poll\n"),
    Sample("POSIX", "platform/posix/Files.swift", "let a = \"/process\"\n", "let a = \"/proc/self/fd\"\n"),
    Sample("POSIX", "Sources/CKQueueShims/posix_events.c", "pipe(ends);\n", "pipe2(ends, 0);\n"),
    Sample("POSIX", "Sources/CKQueueShims/posix_events.c", "/* why */\n", "#define _GNU_SOURCE\n"),
    Sample("POSIX", "Sources/CKQueueShims/posix_files.c", "MSG_PEEK;\n", "MSG_PEEK | MSG_ERRQUEUE;\n"),
    Sample(
      "POSIX", "Sources/CKQueueShims/posix_sockets.c", "#ifdef FIONREAD\n FIONREAD\n#endif\n", "ioctl(f, FIONREAD);\n"),
    Sample(
      "order of bytes", "platform/linux/Filter.swift", "let a = kq_network_order(1)\n", "let a = UInt32(1).bigEndian\n"),
    Sample(
      "POSIX", "Sources/CKQueueShims/include/kqueue_shims_posix.h", "#include \"kqueue_shims.h\"\n",
      "#include \"kqueue_shims_linux.h\"\n"),
  ]

  /// C where none may be.
  @Test static func straysAreSeen() throws {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent("layering-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: root) }
    let strays = ["platform/linux/epoll.c", "Sources/KQueueCore/module.modulemap", "Sources/CKQueue/include/more.h"]
    for path in strays { try write("#include <sys/epoll.h>\n", to: path, in: root) }
    try write("#include <sys/epoll.h>\n", to: "Sources/CKQueueShims/shims.c", in: root)
    #expect(Rule.cFiles(SourceTree(root: root)).count == strays.count)
    try write("import CKQueue\n", to: "Sources/Stray/Stray.swift", in: root)
    #expect(Rule.imports(SourceTree(root: root)).count == 1)
  }
}
