// Runs a program and keeps what it says.
import Glibc

struct Outcome: Equatable {
  /// The exit code, or 128 + the signal.
  var code: Int32
  var output: String
  var errors: String
}

/// Starts `arguments[0]` (a path) and waits for its end. Its environment is `environment` alone.
func run(_ arguments: [String], environment: [String] = ["PATH=/usr/bin:/bin"]) -> Outcome {
  let scratch = Scratch()
  let process = start(arguments, scratch, environment)
  return finish(process, scratch)
}

func start(_ arguments: [String], _ scratch: Scratch, _ environment: [String] = []) -> pid_t {
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  for (number, name) in [(STDOUT_FILENO, "output"), (STDERR_FILENO, "errors")] {
    posix_spawn_file_actions_addopen(&actions, number, "\(scratch.path)/\(name)", O_WRONLY | O_CREAT, 0o600)
  }
  // The threads that tests run on block signals, and a child would inherit that.
  var attributes = posix_spawnattr_t()
  posix_spawnattr_init(&attributes)
  defer { posix_spawnattr_destroy(&attributes) }
  var none = sigset_t()
  sigemptyset(&none)
  posix_spawnattr_setsigmask(&attributes, &none)
  posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
  var process = pid_t()
  let words = arguments.map { strdup($0) } + [nil]
  let variables = environment.map { strdup($0) } + [nil]
  defer { (words + variables).forEach { free($0) } }
  let code = posix_spawn(&process, arguments[0], &actions, &attributes, words, variables)
  precondition(code == 0, "cannot start \(arguments[0]): \(code)")
  return process
}

func finish(_ process: pid_t, _ scratch: Scratch) -> Outcome {
  var status: Int32 = 0
  while waitpid(process, &status, 0) < 0 && errno == EINTR {}
  let code = status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
  return Outcome(code: code, output: read("\(scratch.path)/output"), errors: read("\(scratch.path)/errors"))
}

func read(_ path: String) -> String {
  let number = open(path)
  defer { close(number) }
  var text: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 65536)
  while case let count = Glibc.read(number, &chunk, chunk.count), count > 0 { text += chunk[..<count] }
  return String(decoding: text, as: UTF8.self)
}

private func open(_ path: String) -> Int32 { Glibc.open(path, O_RDONLY | O_CLOEXEC) }
