internal import GatewaySystem
internal import Synchronization

/// Work for someone who carries rows out by hand, on a thread of its own.
protocol Carrying: AnyObject, Sendable {
  func run()
  func cancel()
  /// `run` has nothing more to do.
  var hasEnded: Bool { get }
}

/// One such work at a time: a store is read once, and a second technician can wait.
final class CarryDesk: Sendable {
  private struct Present: ~Copyable, Sendable {
    var work: any Carrying
    var thread: WorkerThread
  }

  private let present = Mutex<Present?>(nil)

  /// Starts `work`; false while another goes on.
  func start(_ work: any Carrying) throws(SystemError) -> Bool {
    let result: Result<Bool, SystemError> = present.withLock { present in
      if let before = present.take() {
        guard before.work.hasEnded else {
          present = consume before
          return .success(false)
        }
        before.thread.join()
      }
      do throws(SystemError) {
        present = Present(work: work, thread: try WorkerThread(name: "export") { work.run() })
        return .success(true)
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// Cancels what goes on and waits for its end.
  func close() {
    present.withLock { present in
      guard let last = present.take() else { return }
      last.work.cancel()
      last.thread.join()
    }
  }
}
