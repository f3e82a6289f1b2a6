/// The word that was most likely meant; nil when none is near (more than two letters added, dropped or changed).
func closestVerb(to word: String, in words: [String]) -> String? {
  guard word.utf8.count <= 32 else { return nil }
  let near = words.map { (word: $0, distance: editDistance(Array(word.utf8), Array($0.utf8))) }
  return near.filter { $0.distance <= 2 }.min { $0.distance < $1.distance }?.word
}

/// Levenshtein's distance, one row at a time.
private func editDistance(_ one: [UInt8], _ other: [UInt8]) -> Int {
  var row = Array(0...other.count)
  for (line, byte) in one.enumerated() {
    var diagonal = row[0]
    row[0] = line + 1
    for column in other.indices {
      let substituted = diagonal + (byte == other[column] ? 0 : 1)
      diagonal = row[column + 1]
      row[column + 1] = min(substituted, row[column] + 1, row[column + 1] + 1)
    }
  }
  return row[other.count]
}
