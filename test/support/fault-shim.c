// SPDX-License-Identifier: MIT
// Loaded before libc into a child of a test (LD_PRELOAD): makes reads, writes or syncs of certain files fail, as a
// failing device does. SEGLOG_FAULT is "<read|write|sync> <errno> <part of the path>"; calls fail while the file that
// SEGLOG_FAULT_WHEN names exists. Both names of each call are here: programs are built with 64-bit offsets or without.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int Fails(const char* operation, int fd) {
  const char* const fault = getenv("SEGLOG_FAULT");
  const char* const when = getenv("SEGLOG_FAULT_WHEN");
  if (fault == NULL || when == NULL || access(when, F_OK) != 0) return 0;
  char wanted[16];
  char part[256];
  int number = 0;
  if (sscanf(fault, "%15s %d %255s", wanted, &number, part) != 3) abort();
  if (strcmp(wanted, operation) != 0) return 0;
  char link[64];
  char path[4096];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof(path) - 1);
  if (length < 0) return 0;
  path[length] = '\0';
  if (strstr(path, part) == NULL) return 0;
  errno = number;
  return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pread(int fd, void* out, size_t count, off_t offset) {
  return Fails("read", fd) ? -1 : NEXT(pread)(fd, out, count, offset);
}
ssize_t pread64(int fd, void* out, size_t count, off64_t offset) {
  return Fails("read", fd) ? -1 : NEXT(pread64)(fd, out, count, offset);
}
ssize_t pwrite(int fd, const void* bytes, size_t count, off_t offset) {
  return Fails("write", fd) ? -1 : NEXT(pwrite)(fd, bytes, count, offset);
}
ssize_t pwrite64(int fd, const void* bytes, size_t count, off64_t offset) {
  return Fails("write", fd) ? -1 : NEXT(pwrite64)(fd, bytes, count, offset);
}
ssize_t pwritev2(int fd, const struct iovec* parts, int count, off_t offset, int flags) {
  return Fails("write", fd) ? -1 : NEXT(pwritev2)(fd, parts, count, offset, flags);
}
ssize_t pwritev64v2(int fd, const struct iovec* parts, int count, off64_t offset, int flags) {
  return Fails("write", fd) ? -1 : NEXT(pwritev64v2)(fd, parts, count, offset, flags);
}
int fdatasync(int fd) { return Fails("sync", fd) ? -1 : NEXT(fdatasync)(fd); }
int fsync(int fd) { return Fails("sync", fd) ? -1 : NEXT(fsync)(fd); }
