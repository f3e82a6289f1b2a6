internal import CCurl
internal import GatewayCore

extension DeliveryTrouble {
  /// What libcurl's `code` means for the next attempt. `proxyStatus`: the proxy's answer to CONNECT, or 0; `detail`:
  /// what it says beside the code.
  init(_ code: CURLcode, isConnected: Bool, proxyStatus: Int, detail: String) {
    switch code {
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT: self = .unreachable
    case CURLE_OPERATION_TIMEDOUT: self = isConnected ? .busy : .unreachable
    case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_PEER_FAILED_VERIFICATION,
      CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CIPHER,
      CURLE_LOGIN_DENIED:
      self = .misconfigured
    case CURLE_SSL_CONNECT_ERROR, CURLE_RECV_ERROR, CURLE_SEND_ERROR:
      let isRefused = (400...499).contains(proxyStatus) && proxyStatus != 408 && proxyStatus != 429
      self = isRefused || CurlSentence.isDisagreement(detail) ? .misconfigured : .busy
    default: self = .busy
    }
  }
}
