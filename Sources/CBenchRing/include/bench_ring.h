/* The yardstick for `gateway-bench ring`: a plain C++ single-producer/single-consumer ring of 32-byte elements,
   with cached indices on cache lines of their own, as good libraries write it. */
#ifndef GATEWAY_BENCH_RING_H
#define GATEWAY_BENCH_RING_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
/* Moves `count` elements from one pinned thread to another in bursts of `burst`; returns nanoseconds, or 0 when
   an element was lost or out of order. */
uint64_t bench_ring_cxx(uint64_t count, uint64_t burst, uint64_t capacity);
/* Pins the calling thread to one processor; 0 when that worked. */
int bench_pin(int processor);
#ifdef __cplusplus
}
#endif
#endif
