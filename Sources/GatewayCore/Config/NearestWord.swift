/// The word of `words` that `word` was most likely meant to be, or nil when none is near: few slips of the
/// finger away (Damerau-Levenshtein distance, a third of the length at most), or one an abbreviation of the
/// other. Case does not count. The first of equally near words wins. Used wherever a person's word is
/// refused.
package func nearestWord(to word: String, in words: [String]) -> String? {
  // Nobody misspells a word of 64 letters; the bound keeps hostile input cheap.
  guard !word.isEmpty, word.utf8.count <= 64 else { return nil }
  let given = Array(word.lowercased().utf8)
  let furthest = max(1, min(3, given.count / 3))
  var nearest: (word: String, distance: Int)?
  for candidate in words {
    let letters = Array(candidate.lowercased().utf8)
    var distance = slips(from: given, to: letters)
    // An abbreviation ranks behind every misspelling.
    if distance > furthest, isAbbreviation(given, letters) { distance = furthest + 1 }
    guard distance <= furthest || isAbbreviation(given, letters) else { continue }
    if distance < nearest?.distance ?? .max { nearest = (candidate, distance) }
  }
  return nearest?.word
}

private func isAbbreviation(_ one: [UInt8], _ other: [UInt8]) -> Bool {
  min(one.count, other.count) >= 3 && (one.starts(with: other) || other.starts(with: one))
}

/// Insertions, deletions, replacements and exchanges of neighbours (optimal string alignment).
private func slips(from one: [UInt8], to other: [UInt8]) -> Int {
  var beforeLast: [Int] = []
  var last = Array(0...other.count)
  for row in 0..<one.count {
    var current = [row + 1]
    for column in 0..<other.count {
      var best = min(current[column], last[column + 1]) + 1
      best = min(best, last[column] + (one[row] == other[column] ? 0 : 1))
      let isExchange =
        row > 0 && column > 0 && one[row] == other[column - 1] && one[row - 1] == other[column]
      if isExchange { best = min(best, beforeLast[column - 1] + 1) }
      current.append(best)
    }
    (beforeLast, last) = (last, current)
  }
  return last[other.count]
}
