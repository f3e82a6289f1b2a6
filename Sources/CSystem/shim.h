/* What Glibc's Swift module leaves out: variadic calls, GNU extensions, and constants built by macros. */
#ifndef GATEWAY_CSYSTEM_SHIM_H
#define GATEWAY_CSYSTEM_SHIM_H
/* _GNU_SOURCE stays undefined: with it fd_set differs from the one that the other C modules see. */
#include <errno.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

/* open(2), openat(2) and fcntl(2) are variadic. */
static inline int gateway_openat(int directory, const char *path, int flags, mode_t mode) {
  return openat(directory, path, flags, mode);
}
static inline int gateway_fcntl(int descriptor, int command, int argument) {
  return fcntl(descriptor, command, argument);
}
/* fallocate(2) and its flag need _GNU_SOURCE before the first libc header. */
int fallocate(int, int, off_t, off_t);
#define GATEWAY_FALLOC_FL_KEEP_SIZE 0x01
static inline int gateway_reserve(int descriptor, off_t length) {
  return fallocate(descriptor, GATEWAY_FALLOC_FL_KEEP_SIZE, 0, length);
}
/* renameat2(2) and its flag are GNU extensions. */
int renameat2(int, const char *, int, const char *, unsigned int);
#define GATEWAY_RENAME_NOREPLACE 1
/* pthread_setname_np, ppoll and accept4 are GNU extensions, hidden from the plain Glibc module. */
int pthread_setname_np(pthread_t, const char *);
int ppoll(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
int accept4(int, struct sockaddr *, socklen_t *, int);
/* Pseudo terminals are hidden from it as well: they ask for _XOPEN_SOURCE. */
int posix_openpt(int);
int grantpt(int);
int unlockpt(int);
int ptsname_r(int, char *, size_t);
/* prctl(2) is variadic. How late the calling thread's timers may strike; 50 us unless told otherwise. */
static inline int gateway_set_timer_slack(unsigned long nanoseconds) {
  return prctl(PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0);
}
/* No core of this process is written, and others of its user cannot read its memory. */
static inline int gateway_hide_memory(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }
/* struct ucred is a GNU extension: who is at the other end of a Unix socket. */
static inline int gateway_peer_user(int descriptor, uint32_t *user, uint32_t *group) {
  struct { int32_t pid; uint32_t uid; uint32_t gid; } credentials;
  socklen_t length = sizeof credentials;
  int result = getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length);
  if (result == 0) { *user = credentials.uid; *group = credentials.gid; }
  return result;
}
/* ioctl(2) is variadic. The columns of the terminal at a descriptor; 0 when it is none. */
static inline int gateway_terminal_columns(int descriptor) {
  struct winsize size;
  return ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}
/* The same; what a serial port has beyond termios. No other program may open it any more. */
static inline int gateway_claim_terminal(int descriptor) { return ioctl(descriptor, TIOCEXCL); }
static inline int gateway_release_terminal(int descriptor) { return ioctl(descriptor, TIOCNXCL); }
/* The level of the RTS line. */
static inline int gateway_set_rts(int descriptor, int is_set) {
  int line = TIOCM_RTS;
  return ioctl(descriptor, is_set ? TIOCMBIS : TIOCMBIC, &line);
}
/* The kernel's driver shall switch an RS-485 transceiver; delays and polarity stay as the board has them. */
static inline int gateway_enable_rs485(int descriptor) {
  struct serial_rs485 mode;
  int result = ioctl(descriptor, TIOCGRS485, &mode);
  if (result != 0) return result;
  mode.flags |= SER_RS485_ENABLED;
  if (!(mode.flags & SER_RS485_RTS_AFTER_SEND)) mode.flags |= SER_RS485_RTS_ON_SEND;
  return ioctl(descriptor, TIOCSRS485, &mode);
}
#endif
