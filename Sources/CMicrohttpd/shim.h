#include <stddef.h>
#include <microhttpd.h>

/* MHD_start_daemon is variadic, which Swift does not import: everything goes through the option array. */
static inline struct MHD_Daemon *gateway_mhd_start(
  unsigned int flags, MHD_AccessHandlerCallback handler, void *context, struct MHD_OptionItem *options) {
  return MHD_start_daemon(flags, 0, NULL, NULL, handler, context, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}
