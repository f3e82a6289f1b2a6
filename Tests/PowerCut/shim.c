// Takes a promise of the store away from a real gatewayd, to see that the rig notices (LD_PRELOAD).
//
// POWER_CUT_SHIM=nosync  fdatasync and fsync do nothing.
// POWER_CUT_SHIM=ledger  fdatasync does nothing behind a write of a ledger block: it becomes durable with what follows.
// POWER_CUT_SHIM=shift   the store's file begins 3584 bytes further into its file, so that a commit shares its first
//                        page with the end of the one before: the kernel rewrites what was acknowledged.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHIFT = 3584, BLOCK = 4096, SLOT = 64 << 10 };  // SLOT: as the rig's scenes have it

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

static int wrote_ledger;  // by the one thread that writes

int fdatasync(int number) {
  if (takes("nosync") || (takes("ledger") && wrote_ledger)) return 0;
  return REAL(fdatasync)(number);
}

int fsync(int number) { return takes("nosync") ? 0 : REAL(fsync)(number); }

ssize_t pwrite(int number, const void *bytes, size_t count, off_t offset) {
  wrote_ledger = count == BLOCK && (offset == SLOT / 4 || offset == SLOT / 2);
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
