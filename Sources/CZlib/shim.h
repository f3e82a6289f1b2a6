#include <zlib.h>

/* deflateInit2 and inflateInit2 are macros, which Swift does not import. */
static inline int gateway_deflate_init_gzip(z_streamp stream, int level, int window_bits, int memory_level) {
  return deflateInit2(stream, level, Z_DEFLATED, window_bits + 16, memory_level, Z_DEFAULT_STRATEGY);
}
static inline int gateway_inflate_init_gzip(z_streamp stream) {
  return inflateInit2(stream, 15 + 16);
}
