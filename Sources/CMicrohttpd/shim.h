#include <stddef.h>
#include <microhttpd.h>

/* MHD_start_daemon is variadic, which Swift does not import: everything goes through the option array. */
static inline struct MHD_Daemon *gateway_mhd_start(
  unsigned int flags, MHD_AccessHandlerCallback handler, void *context, struct MHD_OptionItem *options) {
  return MHD_start_daemon(flags, 0, NULL, NULL, handler, context, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

/* MHD_get_connection_info is variadic as well. GnuTLS's session; NULL without TLS. */
static inline void *gateway_mhd_session(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  return info ? info->tls_session : NULL;
}
