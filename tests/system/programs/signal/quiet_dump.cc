// SPDX-License-Identifier: Apache-2.0
// A dump calls no malloc and touches little memory. The allocator counts each thread's bytes exactly, so that
// any allocation below a dump would show.   quiet_dump DEPTH: 2^DEPTH distinct stacks
#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>

#include "base/dump_record.h"
#include "tests/system/programs/program.h"

extern "C" int mallctl(const char* name, void* old, size_t* old_size, void* fresh, size_t fresh_size)
    __attribute__((weak));

extern "C" __typeof__(heapprof_set_option) heapprof_set_option __attribute__((weak));

namespace {

using namespace heapprof;

NOINLINE void Left(int depth, unsigned path);
NOINLINE void Right(int depth, unsigned path);

void Next(int depth, unsigned path) {
  if (depth == 0) {
    free(malloc(48));
  } else if ((path & 1) != 0) {
    Left(depth - 1, path >> 1);
  } else {
    Right(depth - 1, path >> 1);
  }
}
void Left(int depth, unsigned path) {
  Next(depth, path);
  __asm__ volatile("");
}
void Right(int depth, unsigned path) {
  Next(depth, path);
  __asm__ volatile("nop");
}

uint64_t Counter(const char* name) {
  uint64_t value = 0;
  size_t size = sizeof value;
  CHECK(mallctl(name, &value, &size, nullptr, 0) == 0);
  return value;
}

long Faults() {
  rusage usage;
  CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
  return usage.ru_minflt;
}

double Seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// `bytes`: what it allocates all the same.
template <typename DumpIt>
void Measure(const char* name, DumpIt dump, uint64_t bytes = 0) {
  const uint64_t allocated = Counter("thread.allocated"), freed = Counter("thread.deallocated");
  const long faults = Faults();
  const double start = Seconds();
  dump();
  const double seconds = Seconds() - start;
  const long touched = (Faults() - faults) * 4;
  CHECK(Counter("thread.allocated") == allocated + bytes);
  CHECK(Counter("thread.deallocated") == freed);
  printf("%s seconds %.3f touched_kib %ld\n", name, seconds, touched);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2);
  const int depth = atoi(argv[1]);
  for (unsigned path = 0; path < 1u << depth; ++path) Next(depth, path);
  if (HasLibrary()) {
    const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    Counter("thread.allocated");  // looks its name up once before it counts
    printf("first line: stdio has its buffer\n");
    Measure("signal", [] { CHECK(raise(SIGUSR2) == 0); });
    Measure("call", [] { CHECK(heapprof_dump_heap(nullptr) == 0); });
    Measure("heap", [null] { CHECK(heapprof_write_profile("heap", null, 0) == 0); });
    Measure("allocs", [null] { CHECK(heapprof_write_profile("allocs", null, 0) == 0); });
    // As `heapprof dump --profile` asks for them, in the handler.
    constexpr struct {
      int request;
      const char* name;
    } kRequests[] = {{kMemoryRequest, "memory"},
                     {kPeakRequest, "peak"},
                     {kGrowthRequest, "growth"},
                     {kThreadsRequest, "threads"}};
    for (const auto& kind : kRequests) {
      Measure(kind.name, [&kind] {
        sigval value = {};
        value.sival_int = kind.request;
        CHECK(sigqueue(getpid(), SIGUSR2, value) == 0);
      });
      char file[64];
      snprintf(file, sizeof file, "h.%d.0001.%s.pb.gz", getpid(), kind.name);
      CHECK(unlink(file) == 0);
    }
    const uint64_t dumps = Stats().dumps;
    CHECK(heapprof_set_option("dump_every_allocated", "1m") == 0);
    constexpr size_t kBlock = 64 << 20;
    void* volatile block = nullptr;
    Measure(
        "trigger", [&block] { block = malloc(kBlock); }, kBlock);
    CHECK(block != nullptr && Stats().dumps == dumps + 1);
    free(block);
    CHECK(heapprof_set_option("dump_every_allocated", "0") == 0);
    printf("buckets %llu\n", static_cast<unsigned long long>(Stats().buckets));
  }
  Finish();
}
