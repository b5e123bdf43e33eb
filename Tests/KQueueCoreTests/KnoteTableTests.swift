import CKQueue
import Support
import Testing

@testable import KQueueCore

@Suite("KnoteTable") struct KnoteTableTests {
  private struct Fixture: ~Copyable {
    var knotes = KnoteSlab<Int>()
    var table = KnoteTable()

    mutating func insert(_ filter: Filter, _ ident: UInt) throws -> UInt32 {
      let knote = try knotes.allocate()
      knote.filter = filter.rawValue
      knote.ident = ident
      try table.insert(knote, filter, knotes)
      return knote.index
    }

    func find(_ filter: Filter, _ ident: UInt) -> UInt32? {
      table.find(filter, ident, knotes)?.index
    }

    mutating func remove(_ index: UInt32, _ filter: Filter) {
      table.remove(knotes[index], filter, knotes)
      knotes.free(knotes[index])
    }

    deinit {
      var table = table
      var knotes = knotes
      table.removeAll()
      knotes.removeAll()
    }
  }

  @Test("a knote is found by filter and ident, and by nothing else")
  func identity() throws {
    var fixture = Fixture()
    let user = try fixture.insert(.user, 5)
    let found = [fixture.find(.user, 5), fixture.find(.timer, 5), fixture.find(.user, 6), fixture.find(.read, 5)]
    #expect(found == [user, nil, nil, nil])
  }

  @Test("filters with the same ident are separate")
  func filters() throws {
    var fixture = Fixture()
    let filters: [Filter] = [.read, .write, .timer, .user]
    let made = try filters.map { try fixture.insert($0, 9) }
    let found = filters.map { fixture.find($0, 9) }
    #expect(found == made)
  }

  @Test("idents at both ends of the range are found", arguments: [0, 1, UInt(CInt.max), UInt.max - 1, UInt.max])
  func extremes(ident: UInt) throws {
    var fixture = Fixture()
    let made = try fixture.insert(.user, ident)
    let found = fixture.find(.user, ident)
    #expect(found == made)
  }

  @Test("removing one knote of a descriptor leaves the other", arguments: [EVFILT_READ, EVFILT_WRITE])
  func siblings(number: CInt) throws {
    let removed = try #require(Filter(rawValue: Int16(number)))
    var fixture = Fixture()
    let made = [Filter.read: try fixture.insert(.read, 7), .write: try fixture.insert(.write, 7)]
    fixture.remove(made[removed]!, removed)
    let kept: Filter = removed == .read ? .write : .read
    let (gone, there) = (fixture.find(removed, 7), fixture.find(kept, 7))
    #expect(gone == nil)
    #expect(there == made[kept])
  }

  @Test("a descriptor far beyond all others is found")
  func farDescriptor() throws {
    var fixture = Fixture()
    let near = try fixture.insert(.read, 0)
    let far = try fixture.insert(.read, 5_000_000)
    let found = [fixture.find(.read, 0), fixture.find(.read, 5_000_000), fixture.find(.read, 4_999_999)]
    #expect(found == [near, far, nil])
  }

  @Test("random insertions and removals agree with a dictionary", arguments: 1...4 as ClosedRange<UInt64>)
  func random(seed: UInt64) throws {
    struct Name: Hashable {
      let filter: Filter
      let ident: UInt
    }
    var generator = SeededGenerator(seed: seed)
    var fixture = Fixture()
    var model: [Name: UInt32] = [:]
    let filters: [Filter] = [.read, .write, .timer, .user]
    for step in 0..<20_000 {
      let name = Name(
        filter: filters.randomElement(using: &generator)!, ident: UInt.random(in: 0..<400, using: &generator))
      let found = fixture.find(name.filter, name.ident)
      try #require(found == model[name], "step \(step)")
      if let index = found {
        fixture.remove(index, name.filter)
        model[name] = nil
      } else {
        model[name] = try fixture.insert(name.filter, name.ident)
      }
    }
  }
}
