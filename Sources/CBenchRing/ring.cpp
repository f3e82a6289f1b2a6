#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "bench_ring.h"

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>

namespace {
struct Element {
  uint64_t words[4];
};

struct Ring {
  explicit Ring(uint64_t capacity) : mask(capacity - 1), slots(new Element[capacity]) {}
  alignas(128) std::atomic<uint64_t> head{0};
  alignas(128) std::atomic<uint64_t> tail{0};
  alignas(128) uint64_t mask;
  std::unique_ptr<Element[]> slots;
};
}  // namespace

extern "C" int bench_pin(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  return pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

extern "C" uint64_t bench_ring_cxx(uint64_t count, uint64_t burst, uint64_t capacity) {
  Ring ring(capacity);
  bool intact = true;
  auto start = std::chrono::steady_clock::now();
  std::thread producer([&] {
    bench_pin(0);
    uint64_t head = 0, seen = 0;
    while (head < count) {
      uint64_t wanted = count - head < burst ? count - head : burst;
      while (capacity - (head - seen) < wanted) {
        seen = ring.tail.load(std::memory_order_acquire);
        if (capacity - (head - seen) < wanted) sched_yield();
      }
      for (uint64_t index = 0; index < wanted; index++) {
        uint64_t number = head + index;
        ring.slots[number & ring.mask] = Element{{number, number, number, number}};
      }
      head += wanted;
      ring.head.store(head, std::memory_order_release);
    }
  });
  std::thread consumer([&] {
    bench_pin(1);
    uint64_t tail = 0, seen = 0, sum = 0;
    while (tail < count) {
      while (seen == tail) {
        seen = ring.head.load(std::memory_order_acquire);
        if (seen == tail) sched_yield();
      }
      uint64_t until = burst == 1 ? tail + 1 : seen;
      for (; tail < until; tail++) sum += ring.slots[tail & ring.mask].words[0];
      ring.tail.store(tail, std::memory_order_release);
    }
    intact = sum == count * (count - 1) / 2;
  });
  producer.join();
  consumer.join();
  auto end = std::chrono::steady_clock::now();
  if (!intact) return 0;
  return std::chrono::duration_cast<std::chrono::nanoseconds>(end - start).count();
}
