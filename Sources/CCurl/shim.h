#include <curl/curl.h>
#include <string.h>

/* curl_easy_setopt, curl_easy_getinfo and curl_multi_setopt are variadic, which Swift does not import:
   one wrapper for each type of argument. */
typedef size_t (*gateway_curl_callback)(char *, size_t, size_t, void *);

static inline CURLcode gateway_curl_set_long(CURL *easy, CURLoption option, long value) {
  return curl_easy_setopt(easy, option, value);
}
static inline CURLcode gateway_curl_set_offset(CURL *easy, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(easy, option, value);
}
static inline CURLcode gateway_curl_set_string(CURL *easy, CURLoption option, const char *value) {
  return curl_easy_setopt(easy, option, value);
}
static inline CURLcode gateway_curl_set_pointer(CURL *easy, CURLoption option, void *value) {
  return curl_easy_setopt(easy, option, value);
}
static inline CURLcode gateway_curl_set_callback(CURL *easy, CURLoption option, gateway_curl_callback value) {
  return curl_easy_setopt(easy, option, value);
}
static inline CURLcode gateway_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
  return curl_easy_setopt(easy, option, value);
}
static inline CURLcode gateway_curl_set_socket_callback(CURL *easy, curl_sockopt_callback value) {
  return curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, value);
}
static inline CURLcode gateway_curl_set_context_callback(CURL *easy, curl_ssl_ctx_callback value) {
  return curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, value);
}
static inline CURLMcode gateway_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
  return curl_multi_setopt(multi, option, value);
}
static inline CURLcode gateway_curl_get_long(CURL *easy, CURLINFO info, long *value) {
  return curl_easy_getinfo(easy, info, value);
}
static inline CURLcode gateway_curl_get_string(CURL *easy, CURLINFO info, char **value) {
  return curl_easy_getinfo(easy, info, value);
}
static inline CURLcode gateway_curl_get_offset(CURL *easy, CURLINFO info, curl_off_t *value) {
  return curl_easy_getinfo(easy, info, value);
}
/* When the certificate that the peer showed on a new connection ends, in its own words; NULL: nothing is known.
   Valid until the handle's next request. */
static inline const char *gateway_curl_certificate_end(CURL *easy) {
  static const char name[] = "Expire date:";
  struct curl_certinfo *info = NULL;
  if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &info) != CURLE_OK || !info || info->num_of_certs < 1) return NULL;
  for (struct curl_slist *line = info->certinfo[0]; line; line = line->next)
    if (strncmp(line->data, name, sizeof name - 1) == 0) return line->data + sizeof name - 1;
  return NULL;
}
