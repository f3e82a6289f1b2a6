#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

/* A function-like macro, which Swift does not import: a new key on the curve P-256. */
static inline int gateway_tls_generate_key(gnutls_x509_privkey_t key) {
  return gnutls_x509_privkey_generate2(
    key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0, NULL, 0);
}
/* A pointer to a function, with a macro over it. */
static inline void gateway_tls_free(gnutls_datum_t datum) { gnutls_free(datum.data); }

/* The subject of the certificate that the peer of `session` showed and that its authorities vouch for; 0 when there
   is none. */
static inline int gateway_tls_peer(gnutls_session_t session, char *subject, size_t size) {
  unsigned int status = 1, count = 0;
  const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
  gnutls_x509_crt_t certificate;
  int found = 0;
  if (!chain || count == 0 || gnutls_certificate_verify_peers2(session, &status) != 0 || status != 0) return 0;
  if (gnutls_x509_crt_init(&certificate) != 0) return 0;
  if (gnutls_x509_crt_import(certificate, chain, GNUTLS_X509_FMT_DER) == 0)
    found = gnutls_x509_crt_get_dn(certificate, subject, &size) == 0;
  gnutls_x509_crt_deinit(certificate);
  return found;
}

/* Ends the handshake with a peer whose certificate is missing or counts for nothing, and says so. */
static inline int gateway_tls_judge(gnutls_session_t session) {
  char subject[1024];
  unsigned int count = 0;
  if (gateway_tls_peer(session, subject, sizeof subject)) return 0;
  gnutls_certificate_get_peers(session, &count);
  gnutls_alert_send(session, GNUTLS_AL_FATAL, count == 0 ? GNUTLS_A_CERTIFICATE_REQUIRED : GNUTLS_A_UNKNOWN_CA);
  return GNUTLS_E_CERTIFICATE_ERROR;
}
static inline void gateway_tls_be_strict(gnutls_session_t session) {
  gnutls_session_set_verify_function(session, gateway_tls_judge);
}
