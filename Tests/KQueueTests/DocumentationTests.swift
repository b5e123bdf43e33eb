import Foundation
import Testing

/// Every fenced block of Swift in the documentation is compiled: it stands in docs/examples/swift/Snippets.
@Suite struct DocumentationTests {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  static let documents: [String] = {
    let folder = root.appendingPathComponent("Sources/KQueue")
    let names = FileManager.default.enumerator(atPath: folder.path)!.compactMap { $0 as? String }
    return names.filter { $0.hasSuffix(".swift") || $0.hasSuffix(".md") }.map { "Sources/KQueue/\($0)" } + ["README.md"]
  }()

  @Test(arguments: documents) func blocksAreCompiled(document: String) throws {
    let snippets = try Self.snippets()
    for block in Self.blocks(try Self.text(document)) {
      #expect(snippets.contains(block), "\(document) shows what is not in Snippets:\n\(block)")
    }
  }

  @Test func blocksAreThere() throws {
    let blocks = try Self.documents.flatMap { Self.blocks(try Self.text($0)) }
    #expect(blocks.count >= 9)
    // And nothing is kept that nobody shows.
    for snippet in try Self.snippets() { #expect(blocks.contains(snippet), "Nobody shows:\n\(snippet)") }
  }

  /// What the names of the article link to would be seen by docc alone; that they are names of the module, here.
  @Test func linksAreNames() throws {
    let sources = try Self.documents.filter { $0.hasSuffix(".swift") }.map(Self.text).joined()
    for document in Self.documents {
      for link in try Self.text(document).matches(of: /``([^`\n]+)``/) {
        for part in link.1.split(separator: "/") {
          let name = part.prefix { $0.isLetter || $0.isNumber }
          let declaration = try Regex("(struct|enum|func|var|let|case|init) ?\(name)\\b")
          let isThere = name == "KQueue" || sources.firstMatch(of: declaration) != nil
          #expect(isThere, "\(document): \(link.1)")
        }
      }
    }
  }

  private static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
  }

  /// The blocks of a document, or of the comments of a source.
  private static func blocks(_ text: String) -> [String] {
    let lines = text.components(separatedBy: "\n").map { line in
      String(line.drop { $0 == " " }).hasPrefix("///") ? String(line.drop { $0 == " " }.dropFirst(4)) : line
    }
    return regions(lines, from: "```swift", to: "```")
  }

  private static func snippets() throws -> [String] {
    let lines = try text("docs/examples/swift/Snippets/Snippets.swift").components(separatedBy: "\n")
    return regions(lines.map { $0.hasPrefix("  ") ? String($0.dropFirst(2)) : $0 }, from: "// snippet", to: "// end")
  }

  private static func regions(_ lines: [String], from start: String, to end: String) -> [String] {
    var regions: [String] = []
    var region: [String]?
    for line in lines {
      if line == start {
        region = []
      } else if line == end {
        if let region { regions.append(region.joined(separator: "\n")) }
        region = nil
      } else {
        region?.append(line)
      }
    }
    return regions
  }
}
