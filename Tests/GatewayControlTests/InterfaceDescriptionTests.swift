import GatewayControl
import Testing

/// Reads an interface definition as varlink.org, "Interface Definition", has it; only as far as this test needs.
private struct InterfaceReader {
  struct Wrong: Error { var message: String }

  private var tokens: [Substring]
  private(set) var declared: [String] = []
  private(set) var used: Set<String> = []

  init(_ text: String) throws {
    let lines = text.split(separator: "\n").filter { !$0.drop { $0 == " " }.hasPrefix("#") }
    var spaced = lines.joined(separator: " ")
    for mark in ["(", ")", ",", ":", "->", "[]", "?"] {
      spaced = spaced.split(separator: mark, omittingEmptySubsequences: false).joined(separator: " \(mark) ")
    }
    tokens = spaced.split(separator: " ")
    try expect("interface")
    _ = try next()
    while !tokens.isEmpty { try member() }
  }

  private mutating func next() throws -> Substring {
    guard !tokens.isEmpty else { throw Wrong(message: "the text ends too early") }
    return tokens.removeFirst()
  }

  private mutating func expect(_ token: Substring) throws {
    let found = try next()
    guard found == token else { throw Wrong(message: "\(found) instead of \(token)") }
  }

  private mutating func member() throws {
    let keyword = try next()
    let name = try next()
    guard name.first?.isUppercase == true, name.allSatisfy({ $0.isLetter || $0.isNumber }) else {
      throw Wrong(message: "\(name) is no name of a member")
    }
    declared.append(String(name))
    guard ["type", "method", "error"].contains(keyword) else { throw Wrong(message: "\(keyword)?") }
    try fields()
    guard keyword == "method" else { return }
    try expect("->")
    try fields()
  }

  private mutating func fields() throws {
    try expect("(")
    if tokens.first == ")" { return try expect(")") }
    while true {
      let name = try next()
      guard name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" }) else {
        throw Wrong(message: "\(name) is no name of a field")
      }
      try expect(":")
      try type()
      let mark = try next()
      if mark == ")" { return }
      guard mark == "," else { throw Wrong(message: "\(mark) behind \(name)") }
    }
  }

  private mutating func type() throws {
    if tokens.first == "?" { _ = try next() }
    while tokens.first == "[]" { _ = try next() }
    let name = try next()
    if !["string", "int", "float", "bool", "object"].contains(name) { used.insert(String(name)) }
  }
}

@Suite struct InterfaceDescriptionTests {
  @Test(arguments: [ControlInterface.description, ServiceInterface.description])
  func theDescriptionIsVarlink(_ text: String) throws {
    let reader = try InterfaceReader(text)
    #expect(Set(reader.declared).count == reader.declared.count, "a name stands for two things")
    #expect(reader.used.isSubset(of: reader.declared), "a type is used that there is not")
  }

  @Test func whatIsNoDescriptionIsRefused() {
    for text in [
      "", "interface a.b method X(", "interface a.b type x (a: int)", "interface a.b type X (a int)",
    ] {
      #expect(throws: (any Error).self) { try InterfaceReader(text) }
    }
  }
}
