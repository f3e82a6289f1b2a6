/// The mapping `thingsboard` of a destination with that format.
extension ConfigCheck {
  /// nil where it cannot be read, which was said.
  func thingsBoard(_ keys: inout MappingReader) -> ThingsBoardConfig? {
    guard var keys = requireMapping("thingsboard", of: &keys) else { return nil }
    let file = keys.require("token-file", Self.tokenFile)
    keys.finish()
    return file.map(ThingsBoardConfig.init)
  }

  private static var tokenFile: ScalarForm<String> {
    .text("").map("the name of a file, with {device} in it where each device has a token of its own") {
      text in
      text.replacing("{device}", with: "").contains { "{}".contains($0) } ? nil : text
    }
  }

  /// The mapping that a format needs; nil where there is none, which was said.
  func requireMapping(_ key: String, of keys: inout MappingReader) -> MappingReader? {
    guard let node = keys.require(key) else { return nil }
    return MappingReader(node, quoted(key), log)
  }
}
