import GatewayCore
import Testing

@Suite struct CertificateEndTests {
  // 2026-11-26T20:00:00Z
  private static let now = Timestamp(microseconds: 1_795_723_200_000_000)

  @Test(
    arguments: [
      (30 * 86_400, nil), (30 * 86_400 - 1, "expires in 29 days, on 2026-12-26"),
      (86_400, "expires in 1 day, on 2026-11-27"), (3600, "expires in less than a day, on 2026-11-26"),
      (0, "expired on 2026-11-26"), (-86_400, "expired on 2026-11-25"),
    ] as [(Int, String?)])
  func anEndIsToldThirtyDaysAhead(seconds: Int, words: String?) {
    for (owner, whose) in [
      (CertificateEnd.Owner.platform, "the platform's certificate"),
      (.gateway, "the gateway's client certificate"),
    ] {
      let end = CertificateEnd(owner: owner, time: Self.now.advanced(by: .seconds(seconds)))
      #expect(end.sentence(at: Self.now) == words.map { "\(whose) \($0)" })
    }
  }
}
