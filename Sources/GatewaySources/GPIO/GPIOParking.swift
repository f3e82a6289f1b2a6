internal import Synchronization

/// Lines on their way from the sources of one configuration to those of the next. They stay requested meanwhile, so
/// that the kernel keeps their edges (with libgpiod 1.6 up to 16 of each line, with 2.x 1024) and no pulse is lost
/// by a reload; and a chip is known again by its place. Any thread.
package final class GPIOParking: Sendable {
  private let chips = Mutex<[String: ParkedChip]>([:])

  package init() {}

  /// Lets go of the chips that the next configuration does not have, by their paths there.
  package func release(except paths: [String]) {
    let gone = chips.withLock { chips in
      let gone = chips.filter { !paths.contains($0.key) }
      for path in gone.keys { chips[path] = nil }
      return gone
    }
    // Outside the lock: closing a line may take the kernel a while.
    _ = consume gone
  }

  func park(_ chip: ParkedChip, at path: String) { chips.withLock { $0[path] = chip } }

  func take(_ path: String) -> ParkedChip? { chips.withLock { $0.removeValue(forKey: path) } }
}

/// A chip with its open lines, which no thread uses.
final class ParkedChip: @unchecked Sendable {
  // Sendable: handed over whole, from the thread that ended to the one that begins.
  let chip: GPIOChip
  let place: ChipPlace?
  let channels: [GPIOChannel]

  init(chip: GPIOChip, place: ChipPlace?, channels: [GPIOChannel]) {
    self.chip = chip
    self.place = place
    self.channels = channels
  }
}
