private import CYaml
package import GatewayCore

/// Reads one YAML document into a tree in which every node knows its place. Promises to take any bytes and to
/// end in a tree or in one problem at its place. The subset is what a configuration needs: mappings, lists
/// and scalars. Anchors, aliases, merge keys, tags and further documents are refused, since each lets a file
/// mean something else than it seems to. The only file that imports libyaml.
package enum YAMLReader {
  /// 1 MiB: a thousand devices of twenty points are half of it.
  package static let maximumBytes = 1 << 20
  /// The contract's files are six levels deep. Bounds the recursion here and wherever the tree is walked.
  package static let maximumDepth = 32

  /// `file` is the name that nodes and problems bear; none for the configuration itself.
  package static func read(_ bytes: [UInt8], file: String? = nil) throws(ConfigProblem) -> ConfigNode {
    do throws(ConfigProblem) { return try tree(bytes, file) } catch {
      var problem = error
      problem.file = file
      throw problem
    }
  }

  private static func tree(_ bytes: [UInt8], _ file: String?) throws(ConfigProblem) -> ConfigNode {
    guard bytes.count <= maximumBytes else {
      throw ConfigProblem(line: 1, column: 1, sentence: "the file should have at most 1 MiB")
    }
    try checkText(bytes)
    // A rethrowing closure would lose the error's type.
    let result: Result<ConfigNode, ConfigProblem> = bytes.withUnsafeBufferPointer { buffer in
      let parser = Parser(buffer, file: file)
      do throws(ConfigProblem) { return .success(try parser.document()) } catch { return .failure(error) }
    }
    return try result.get()
  }

  /// UTF-8 without NUL: libyaml would guess UTF-16, and would stop at nothing.
  private static func checkText(_ bytes: [UInt8]) throws(ConfigProblem) {
    if String(validating: bytes, as: UTF8.self) != nil, !bytes.contains(0) { return }
    var decoder = UTF8()
    var input = bytes.makeIterator()
    var (line, column) = (1, 1)
    while true {
      switch decoder.decode(&input) {
      case .emptyInput: return
      case .error:
        throw ConfigProblem(
          line: line, column: column, sentence: "the file should be UTF-8 text; this is not")
      case .scalarValue("\0"):
        throw ConfigProblem(
          line: line, column: column, sentence: "the file should be text, without NUL bytes")
      case .scalarValue("\n"): (line, column) = (line + 1, 1)
      case .scalarValue: column += 1
      }
    }
  }
}

/// One run of libyaml's parser over bytes that outlive it.
private struct Parser: ~Copyable {
  /// On the heap: libyaml keeps pointers into its own state.
  private let state: UnsafeMutablePointer<yaml_parser_t>
  private let bytes: UnsafeBufferPointer<UInt8>
  private let file: String?

  init(_ bytes: UnsafeBufferPointer<UInt8>, file: String?) {
    self.bytes = bytes
    self.file = file
    state = .allocate(capacity: 1)
    precondition(yaml_parser_initialize(state) == 1, "BUG: no memory for a YAML parser")
    yaml_parser_set_input_string(state, bytes.baseAddress, bytes.count)
  }

  deinit {
    yaml_parser_delete(state)
    state.deallocate()
  }

  func document() throws(ConfigProblem) -> ConfigNode {
    _ = try next()  // The stream's start.
    let start = try next()
    guard start.kind == .documentStart else {
      throw ConfigProblem(
        line: 1, column: 1, sentence: "the file is empty; it should be a mapping (key: value)")
    }
    let root = try node(try next(), depth: 1)
    _ = try next()  // The document's end.
    let end = try next()
    guard end.kind == .streamEnd else {
      throw end.problem("the file should hold one document; this begins another")
    }
    return root
  }

  private func node(_ event: Event, depth: Int) throws(ConfigProblem) -> ConfigNode {
    guard depth <= YAMLReader.maximumDepth else {
      throw event.problem("the nesting should not be deeper than \(YAMLReader.maximumDepth) levels")
    }
    switch event.kind {
    case .scalar(let text, let isPlain): return event.node(.scalar(text, isPlain: isPlain), file)
    case .sequenceStart: return event.node(.sequence(try elements(depth)), file)
    case .mappingStart: return event.node(.mapping(try pairs(depth)), file)
    default: preconditionFailure("BUG: no node can begin with \(event.kind)")
    }
  }

  private func elements(_ depth: Int) throws(ConfigProblem) -> [ConfigNode] {
    var elements: [ConfigNode] = []
    while true {
      let event = try next()
      if event.kind == .sequenceEnd { return elements }
      elements.append(try node(event, depth: depth + 1))
    }
  }

  private func pairs(_ depth: Int) throws(ConfigProblem) -> [(key: ConfigNode, value: ConfigNode)] {
    var pairs: [(key: ConfigNode, value: ConfigNode)] = []
    while true {
      let event = try next()
      if event.kind == .mappingEnd { return pairs }
      if event.kind == .scalar("<<", isPlain: true) {
        throw event.problem("merge keys (<<) are not supported; write the keys out")
      }
      let key = try node(event, depth: depth + 1)
      pairs.append((key, try node(try next(), depth: depth + 1)))
    }
  }
}

/// An event of libyaml, copied out of its memory.
private struct Event {
  enum Kind: Equatable {
    case scalar(String, isPlain: Bool)
    case sequenceStart, sequenceEnd, mappingStart, mappingEnd
    case streamStart, documentStart, documentEnd, streamEnd
  }

  let kind: Kind
  let line: Int
  let column: Int

  func problem(_ sentence: String) -> ConfigProblem {
    ConfigProblem(line: line, column: column, sentence: sentence)
  }

  func node(_ content: ConfigNode.Content, _ file: String?) -> ConfigNode {
    ConfigNode(content, line: line, column: column, file: file)
  }
}

extension Parser {
  private func next() throws(ConfigProblem) -> Event {
    var event = yaml_event_t()
    guard yaml_parser_parse(state, &event) == 1 else { throw syntaxProblem() }
    defer { yaml_event_delete(&event) }
    let (line, column) = (Int(event.start_mark.line) + 1, Int(event.start_mark.column) + 1)
    if let refusal = Self.refusal(event) {
      throw ConfigProblem(line: line, column: column, sentence: refusal)
    }
    return Event(kind: Self.kind(event), line: line, column: column)
  }

  /// Why an event that libyaml understands is not taken.
  private static func refusal(_ event: yaml_event_t) -> String? {
    let properties: (anchor: UnsafeMutablePointer<yaml_char_t>?, tag: UnsafeMutablePointer<yaml_char_t>?)
    switch event.type {
    case YAML_ALIAS_EVENT: return "aliases (*name) are not supported; write the value out"
    case YAML_SCALAR_EVENT:
      let scalar = event.data.scalar
      properties = (scalar.anchor, scalar.tag)
      if UnsafeBufferPointer(start: scalar.value, count: scalar.length).contains(0) {
        return "a text should not contain a NUL character"
      }
    case YAML_SEQUENCE_START_EVENT:
      properties = (event.data.sequence_start.anchor, event.data.sequence_start.tag)
    case YAML_MAPPING_START_EVENT:
      properties = (event.data.mapping_start.anchor, event.data.mapping_start.tag)
    default: return nil
    }
    if properties.anchor != nil {
      return "anchors (&name) are not supported; write the value out where it is needed"
    }
    if properties.tag != nil { return "tags (!name) are not supported; leave the tag out" }
    return nil
  }

  private static func kind(_ event: yaml_event_t) -> Event.Kind {
    switch event.type {
    case YAML_STREAM_START_EVENT: return .streamStart
    case YAML_STREAM_END_EVENT: return .streamEnd
    case YAML_DOCUMENT_START_EVENT: return .documentStart
    case YAML_DOCUMENT_END_EVENT: return .documentEnd
    case YAML_SEQUENCE_START_EVENT: return .sequenceStart
    case YAML_SEQUENCE_END_EVENT: return .sequenceEnd
    case YAML_MAPPING_START_EVENT: return .mappingStart
    case YAML_MAPPING_END_EVENT: return .mappingEnd
    case YAML_SCALAR_EVENT:
      let scalar = event.data.scalar
      let text = String(
        decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
      return .scalar(text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
    default: preconditionFailure("BUG: libyaml has no event \(event.type.rawValue) here")
    }
  }

  /// What libyaml refused, in its words, at its place.
  private func syntaxProblem() -> ConfigProblem {
    let cause = state.pointee.problem.map { String(cString: $0) } ?? "no memory"
    guard state.pointee.error != YAML_READER_ERROR else { return unreadableCharacter(cause) }
    let mark = state.pointee.problem_mark
    var sentence = "this is not YAML: \(cause)"
    if Int(mark.index) < bytes.count, character(at: mark) == UInt8(ascii: "\t") {
      sentence = "a tab cannot indent or begin a value; use spaces"
    } else if let context = state.pointee.context {
      let start = state.pointee.context_mark
      sentence += " (\(String(cString: context)) that begins at \(start.line + 1):\(start.column + 1))"
    }
    return ConfigProblem(line: Int(mark.line) + 1, column: Int(mark.column) + 1, sentence: sentence)
  }

  private func unreadableCharacter(_ cause: String) -> ConfigProblem {
    var (line, column) = (1, 1)
    for byte in bytes.prefix(state.pointee.problem_offset) {
      if byte == UInt8(ascii: "\n") {
        (line, column) = (line + 1, 1)
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
    return ConfigProblem(line: line, column: column, sentence: "this is not YAML: \(cause)")
  }

  /// The first byte of the character at `mark`; libyaml's index counts characters.
  private func character(at mark: yaml_mark_t) -> UInt8? {
    var remaining = Int(mark.index)
    for byte in bytes where byte & 0xC0 != 0x80 {
      if remaining == 0 { return byte }
      remaining -= 1
    }
    return nil
  }
}
