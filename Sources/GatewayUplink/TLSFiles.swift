private import CCrypto
internal import GatewayCore
internal import GatewaySystem
private import Glibc

/// The files that a destination's TLS stands on, as they were at one instant. Two values are equal while nothing
/// about the files has changed.
struct TLSFiles: Equatable {
  /// What tells one content of a file from the next without reading it.
  private struct Stamp: Equatable {
    var device: UInt
    var inode: UInt
    var size: Int
    var modified: [Int]

    init?(_ path: String?) {
      var status = stat()
      guard let path, stat(path, &status) == 0 else { return nil }
      device = UInt(status.st_dev)
      inode = UInt(status.st_ino)
      size = Int(status.st_size)
      modified = [
        status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
      ]
    }
  }

  /// Paths; nil where the configuration names none.
  let authorities: String?
  let certificate: String?
  let key: String?
  private let stamps: [Stamp?]

  /// Debian's bundle, which counts where no other is named.
  private static let systemBundle = "/etc/ssl/certs/ca-certificates.crt"

  init(_ tls: DestinationConfig.TLS, _ files: SecretFiles) {
    authorities = tls.authorities.map(files.path)
    certificate = tls.certificate.map(files.path)
    key = tls.key.map(files.path)
    stamps = [authorities ?? Self.systemBundle, certificate, key].map(Stamp.init)
  }

  /// When the client certificate ends; nil where there is none that can be read.
  var certificateEnd: Timestamp? {
    guard let certificate, let bytes = try? readFile(certificate) else { return nil }
    var seconds: Int64 = 0
    let isFound = bytes.withUnsafeBytes {
      gateway_certificate_end($0.baseAddress, Int32(clamping: $0.count), &seconds)
    }
    return isFound == 1 ? Timestamp(microseconds: seconds * 1_000_000) : nil
  }
}
