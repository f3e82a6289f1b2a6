internal import GatewayCore

/// The platform's intake and books without sockets and without a clock, for histories in virtual time. Checks each
/// batch as the platform does; keeps ranges of numbers, no rows. Owned by one thread.
package final class VirtualPlatform {
  private let intake = BatchIntake(isStrict: false, keepsRows: false)
  private var books = PlatformBooks(keptRows: 0)

  package init() {}

  package var stats: PlatformStats { books.stats }

  /// Takes in a body compressed with gzip, posted under the Idempotency-Key `key`; returns the HTTP status.
  package func post(_ body: UnsafeRawBufferPointer, key: String) -> Int {
    books.countRequest()
    do throws(BatchIntake.Refusal) {
      let batch = try intake.read(body, isGzip: true, key: key)
      _ = books.take(batch.summary, bytes: batch.size)
      return 200
    } catch {
      guard case .status(let status, let reason) = error else { return 500 }
      books.countRejected(reason)
      return status
    }
  }
}
