internal import Synchronization

/// The table of boots that everybody shares: who watches the clock changes it, whoever gives rows out asks it.
package final class BootClocks: Sendable {
  private let table: Mutex<BootClock>
  private let changes = Atomic<UInt64>(0)

  package init(_ table: BootClock = BootClock()) { self.table = Mutex(table) }

  /// Rises whenever rows get other times than before: what was made of such rows is to be made anew.
  package var version: UInt64 { changes.load(ordering: .acquiring) }

  package var current: BootClock { table.withLock { $0 } }

  package func healing(of boot: BootID) -> BootHealing { table.withLock { $0.healing(of: boot) } }

  /// `change` returns whether rows get other times by it.
  package func update(_ change: (inout BootClock) -> Bool) {
    if table.withLock({ change(&$0) }) { changes.wrappingAdd(1, ordering: .releasing) }
  }
}
