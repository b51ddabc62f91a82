// SPDX-License-Identifier: Apache-2.0
// What the C interface answers to calls that cannot be heeded, each with the errno value of heapprof.h.
#include <fcntl.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <string>

#include "tests/system/programs/program.h"

namespace {

void Dumps() {
  const std::string longest(255, 'x');
  CHECK(heapprof_dump_heap("") == -ENOENT);
  CHECK(heapprof_dump_heap(".") == -EISDIR);
  CHECK(heapprof_dump_heap("nowhere/at/all") == -ENOENT);
  CHECK(heapprof_dump_heap("/dev/null/file") == -ENOTDIR);
  CHECK(heapprof_dump_heap(std::string(5000, 'x').c_str()) == -ENAMETOOLONG);
  CHECK(heapprof_dump_heap(longest.c_str()) == -ENAMETOOLONG);
  CHECK(heapprof_dump_heap("h.no pattern: %p.heap.pb.gz") == 0);
  CHECK(access("h.no pattern: %p.heap.pb.gz", R_OK) == 0);
}

void Writes() {
  const int readable = open("/dev/null", O_RDONLY), full = open("/dev/full", O_WRONLY);
  int ends[2], sockets[2];
  CHECK(pipe(ends) == 0 && close(ends[0]) == 0);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0 && close(sockets[0]) == 0);
  CHECK(heapprof_write_profile(nullptr, 1, 0) == -EINVAL);
  for (const char* none : {"", "nope", "cpu", "heap2"}) CHECK(heapprof_write_profile(none, 1, 0) == -ENOENT);
  for (const char* name : {"heap", "allocs", "memory", "peak", "growth", "lifetimes", "threadcreate",
                           "threads", "block", "mutex"}) {
    CHECK(heapprof_write_profile(name, 1, strcmp(name, "threads") == 0 ? 3 : 2) == -EINVAL);
    CHECK(heapprof_write_profile(name, 1, -1) == -EINVAL);
    for (int debug : {0, 1}) {
      CHECK(heapprof_write_profile(name, -1, debug) == -EBADF);
      CHECK(heapprof_write_profile(name, readable, debug) == -EBADF);
      CHECK(heapprof_write_profile(name, full, debug) == -ENOSPC);
      CHECK(heapprof_write_profile(name, ends[1], debug) == -EPIPE);
      CHECK(heapprof_write_profile(name, sockets[1], debug) == -EPIPE);
    }
  }
  const rlimit little{10, RLIM_INFINITY}, all{RLIM_INFINITY, RLIM_INFINITY};
  const int file = open("short", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  CHECK(setrlimit(RLIMIT_FSIZE, &little) == 0);
  CHECK(heapprof_write_profile("heap", file, 0) == -EFBIG);
  CHECK(heapprof_write_profile("heap", file, 1) == -EFBIG);
  CHECK(heapprof_dump_heap("h.big") == -EFBIG);
  CHECK(setrlimit(RLIMIT_FSIZE, &all) == 0);
  CHECK(heapprof_write_profile("heap", file, 0) == 0);
  CHECK(close(file) == 0 && unlink("short") == 0);
}

void Figures() {
  struct {
    struct heapprof_stats stats;
    unsigned char room[512];  // fields that a later library may have
  } later;
  CHECK(heapprof_stats(nullptr) == -EINVAL);
  for (size_t size : {size_t{0}, sizeof(size_t), sizeof(size_t) + 7}) {
    later.stats.size = size;
    CHECK(heapprof_stats(&later.stats) == -EINVAL);
  }
  memset(&later, 0xee, sizeof later);
  later.stats.size = 3 * sizeof(size_t);  // an earlier library's: samples and buckets
  CHECK(heapprof_stats(&later.stats) == 0);
  CHECK(later.stats.samples > 0 && later.stats.stacks == UINT64_C(0xeeeeeeeeeeeeeeee));
  memset(&later, 0xee, sizeof later);
  later.stats.size = sizeof later;
  CHECK(heapprof_stats(&later.stats) == 0);
  CHECK(later.stats.failed_dumps > 0 && later.stats.size == sizeof later);
  for (unsigned char byte : later.room) CHECK(byte == 0);

  for (size_t interval : {size_t{0}, size_t{1}, size_t{4096}, size_t{1} << 47}) {
    CHECK(heapprof_set_sample_interval(interval) == 0);
    CHECK(heapprof_sample_interval() == interval);
    free(malloc(100));
  }
  CHECK(heapprof_set_sample_interval(SIZE_MAX) == 0 && heapprof_sample_interval() == size_t{1} << 47);
}

}  // namespace

int main() {
  if (HasLibrary()) {
    free(malloc(10));
    Dumps();
    Writes();
    Figures();
  }
  Finish();
}
