// Takes a promise of the store away from a real gatewayd, to see that the rig notices (LD_PRELOAD).
//
// POWER_CUT_SHIM=nosync   fdatasync and fsync do nothing.
// POWER_CUT_SHIM=ledger   fdatasync does nothing behind a write of a ledger block: it becomes durable with what follows.
// POWER_CUT_SHIM=packed   the same, of the rows of a packed segment: its header may come before them.
// POWER_CUT_SHIM=late     what is written of a packed segment is held back until a segment has been begun in a slot that
//                         it made free.
// POWER_CUT_SHIM=summary  as ledger, of summaries: the ledger may call their rows settled before.
// POWER_CUT_SHIM=shift    the store's file begins 3584 bytes further into its file, so that a commit shares its first
//                         page with the end of the one before: the kernel rewrites what was acknowledged.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHIFT = 3584, BLOCK = 4096, SLOT = 64 << 10 };  // SLOT: as the rig's scenes have it
enum { COMMIT = 1, SUMMARY = 3, PACKED = 4, ORDINARY_HEADER, PACKED_HEADER, LEDGER };

static int takes(const char *what) {
  const char *asked = getenv("POWER_CUT_SHIM");
  return asked && strcmp(asked, what) == 0;
}

static off_t shift(int number) {
  char link[32], path[4096];
  if (!takes("shift")) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", number);
  ssize_t length = readlink(link, path, sizeof path);
  return length > 9 && memcmp(path + length - 9, "/store-v1", 9) == 0 ? SHIFT : 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

// What a write brings, as a set of the kinds above.
static unsigned kinds(const char *bytes, size_t count, off_t offset) {
  unsigned found = count == BLOCK && (offset == SLOT / 4 || offset == SLOT / 2) ? 1u << LEDGER : 0;
  for (size_t place = 0; place + BLOCK <= count; place += BLOCK) {
    const char *block = bytes + place;
    if (memcmp(block, "CGWR", 4) == 0) found |= 1u << block[8];
    if (memcmp(block, "CGWSEGM1", 8) == 0) {
      found |= 1u << (memcmp(block + 68, "\0\0\0\0", 4) == 0 ? ORDINARY_HEADER : PACKED_HEADER);
    }
  }
  return found;
}

static unsigned written;  // by the last write of the one thread that writes

int fdatasync(int number) {
  int skips = takes("nosync") || (takes("ledger") && written & 1u << LEDGER) ||
              (takes("packed") && written & 1u << PACKED) || (takes("summary") && written & 1u << SUMMARY);
  return skips ? 0 : REAL(fdatasync)(number);
}

int fsync(int number) { return takes("nosync") ? 0 : REAL(fsync)(number); }

static struct {
  char bytes[SLOT];
  size_t count;
  off_t offset;
} held[16];
static int held_count;

// Whether the write waits.
static int hold(const void *bytes, size_t count, off_t offset) {
  if (!(written & (1u << PACKED | 1u << PACKED_HEADER)) || held_count == 16 || count > SLOT) return 0;
  memcpy(held[held_count].bytes, bytes, count);
  held[held_count].count = count;
  held[held_count++].offset = offset;
  return 1;
}

static void release(int number) {
  for (int place = 0; place < held_count; place++) {
    REAL(pwrite)(number, held[place].bytes, held[place].count, held[place].offset);
  }
  held_count = 0;
}

ssize_t pwrite(int number, const void *bytes, size_t count, off_t offset) {
  // What was held back goes out with the fourth segment that is begun: those before it lie in freed slots.
  static int begun;
  written = kinds(bytes, count, offset);
  if (takes("late") && hold(bytes, count, offset)) return (ssize_t)count;
  if (written & 1u << ORDINARY_HEADER && held_count && ++begun % 4 == 0) release(number);
  return REAL(pwrite)(number, bytes, count, offset + shift(number));
}

ssize_t pread(int number, void *bytes, size_t count, off_t offset) {
  return REAL(pread)(number, bytes, count, offset + shift(number));
}

int fstat(int number, struct stat *status) {
  int result = REAL(fstat)(number, status);
  off_t by = shift(number);
  if (result == 0) status->st_size = status->st_size > by ? status->st_size - by : 0;
  return result;
}
