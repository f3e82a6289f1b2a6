/// Whether a text can be a destination's URL; what is wrong with it otherwise. The sentences never repeat the
/// URL: where it is wrong, it may hold a password, and problems end in logs.
enum DestinationURL {
  /// nil when nothing is wrong. `key`: what it stands under.
  static func problem(_ url: String, key: String = "url", allowsPlain: Bool) -> String? {
    guard url.utf8.count <= 2048, url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      return "\(quoted(key)) should have at most 2048 characters, of ASCII and without spaces (others as %XX)"
    }
    guard let end = url.firstIndex(of: ":"), url[end...].hasPrefix("://") else {
      return "\(quoted(key)) should begin with https://"
    }
    let scheme = url[..<end].lowercased()
    guard scheme == "https" || scheme == "http" else {
      return "\(quoted(key)) should begin with https://, not \(quoted(scheme + "://"))"
    }
    let rest = url[url.index(end, offsetBy: 3)...]
    let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    guard !authority.contains("@") else {
      return "\(quoted(key)) should not hold a user or a password; secrets stand in files, see \"auth\""
    }
    guard let place = NetworkPlace(authority) else {
      return
        "\(quoted(key)) should name a host and perhaps a port behind \(scheme)://, such as https://city.example/v1"
    }
    guard !rest.contains("#") else {
      return "\(quoted(key)) should have no fragment (#), which is never sent"
    }
    if scheme == "http", !allowsPlain, !place.isLoopback {
      return
        "\(quoted(key)) should begin with https://; plain http:// to another host needs \"insecure: true\""
    }
    return nil
  }
}
