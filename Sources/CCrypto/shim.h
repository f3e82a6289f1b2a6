#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <time.h>

/* When the first certificate in `length` bytes of PEM ends, in seconds since 1970; 0: it holds none. */
static inline int gateway_certificate_end(const void *pem, int length, int64_t *seconds) {
  struct tm end;
  int found = 0;
  BIO *bytes = BIO_new_mem_buf(pem, length);
  X509 *certificate = bytes ? PEM_read_bio_X509(bytes, NULL, NULL, NULL) : NULL;
  if (certificate && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end)) {
    *seconds = timegm(&end);
    found = 1;
  }
  X509_free(certificate);
  BIO_free(bytes);
  return found;
}

/* Certificates of connections that `context` (SSL_CTX *) makes are judged as of so many seconds since 1970. */
static inline void gateway_verify_as_of(void *context, int64_t seconds) {
  X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param((SSL_CTX *)context), (time_t)seconds);
}
