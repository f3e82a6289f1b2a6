/* Drives a line of the simulated chip: toggle PULL COUNT HIGH_US LOW_US. Writes COUNT pulses into the line's file
 * `pull`, each HIGH_US up and LOW_US down (0: as fast as it goes). Prints the pulses,
 * the microseconds that they took, and the wall clock's microseconds of the first and of the last edge. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long long now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * 1000000LL + time.tv_nsec / 1000;
}

/* Until `length` after `last`, the end of the wait before; after now, where that is late by more than a few pulses
 * of a kilohertz. Returns the end. */
static long long rest(long long last, long length) {
  long long start = now(CLOCK_MONOTONIC);
  if (start - last > 3000) last = start;
  struct timespec time = {(last + length) / 1000000, (last + length) % 1000000 * 1000};
  if (length > 0) while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) != 0) {}
  return last + length;
}

static long long pull(int file, const char *text, int length) {
  if (pwrite(file, text, length, 0) != length) {
    perror("pull");
    exit(1);
  }
  return now(CLOCK_REALTIME);
}

int main(int count, char **arguments) {
  if (count != 5) return 64;
  int file = open(arguments[1], O_WRONLY);
  if (file < 0) {
    perror(arguments[1]);
    return 1;
  }
  long pulses = atol(arguments[2]), high = atol(arguments[3]), low = atol(arguments[4]);
  long long start = now(CLOCK_MONOTONIC), next = start, first = 0, last = 0;
  for (long pulse = 0; pulse < pulses; pulse++) {
    last = pull(file, "pull-up", 7);
    if (pulse == 0) first = last;
    next = rest(next, high);
    last = pull(file, "pull-down", 9);
    next = rest(next, low);
  }
  printf("%ld %lld %lld %lld\n", pulses, now(CLOCK_MONOTONIC) - start, first, last);
  return 0;
}
