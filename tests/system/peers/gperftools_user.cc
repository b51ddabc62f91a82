// SPDX-License-Identifier: Apache-2.0
// A program that was built for gperftools: by its headers, and linked with its libraries, or with ours.
#include <gperftools/heap-profiler.h>
#include <gperftools/malloc_extension_c.h>
#include <gperftools/profiler.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <string>
#include <vector>

#include "tests/system/peers/held_blocks.h"

namespace {

volatile uint64_t g_sink;
NOINLINE void Spin(double seconds) {
  timespec now, start;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
  do {
    for (int i = 0; i < 20000; ++i) g_sink = g_sink * 3 + 1;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  } while (static_cast<double>(now.tv_sec - start.tv_sec) +
               static_cast<double>(now.tv_nsec - start.tv_nsec) * 1e-9 <
           seconds);
}

// With a stop and a second start, by functions.
void Heap() {
  CHECK(!IsHeapProfilerRunning());
  char* nothing = GetHeapProfile();
  CHECK(nothing != NULL && *nothing == '\0');
  free(nothing);
  HeapProfilerDump("nothing is on");
  const Blocks before = HoldBefore(300, 1024);
  HeapProfilerStart("one");
  CHECK(IsHeapProfilerRunning());
  Free(before);
  const Blocks after = HoldAfter(100, 2048);
  Free(HoldAfter(20, 2048));
  HeapProfilerDump("asked");
  char* text = GetHeapProfile();
  CHECK(text != NULL);
  printf("%s", text);
  free(text);
  HeapProfilerStop();
  CHECK(!IsHeapProfilerRunning());
  HeapProfilerDump("off");
  HeapProfilerStart("two");
  HeapProfilerDump("again");
  HeapProfilerStop();
  Free(after);
}

void Cpu() {
  CHECK(ProfilerStart("no such folder/x.prof") == 0);
  CHECK(!ProfilingIsEnabledForAllThreads());
  CHECK(mkdir("inner", 0700) == 0);
  CHECK(ProfilerStart("by_call.prof") != 0);
  CHECK(ProfilerStart("second.prof") == 0);
  CHECK(ProfilingIsEnabledForAllThreads());
  CHECK(chdir("inner") == 0);
  ProfilerRegisterThread();
  Spin(0.3);
  ProfilerFlush();
  ProfilerState state;
  ProfilerGetCurrentState(&state);
  CHECK(state.enabled && strstr(state.profile_name, "by_call.prof") != NULL &&
        state.start_time > 1'000'000'000);
  ProfilerStop();
  CHECK(!ProfilingIsEnabledForAllThreads());
  ProfilerGetCurrentState(&state);
  CHECK(!state.enabled && state.profile_name[0] == '\0');
}

size_t Property(const char* name) {
  size_t value = 0;
  CHECK(MallocExtension_GetNumericProperty(name, &value));
  return value;
}

void Extension() {
  const size_t before = Property("generic.current_allocated_bytes");
  const Blocks blocks = HoldBefore(64, 1 << 20);
  for (void* block : blocks) memset(block, 1, 1 << 20);
  const size_t with = Property("generic.current_allocated_bytes");
  // Blocks that the thread has in its cache count, too.
  CHECK(with - before >= size_t{63} << 20 && with - before < size_t{80} << 20);
  CHECK(Property("generic.heap_size") >= with);
  CHECK(MallocExtension_GetOwnership(blocks[0]) == MallocExtension_kOwned);
  CHECK(MallocExtension_GetOwnership(&before) == MallocExtension_kNotOwned);
  CHECK(MallocExtension_GetAllocatedSize(blocks[0]) >= size_t{1} << 20);
  CHECK(MallocExtension_GetEstimatedAllocatedSize(1000) >= 1000);
  Free(blocks);
  MallocExtension_MarkThreadIdle();
  MallocExtension_ReleaseFreeMemory();
  CHECK(Property("generic.total_physical_bytes") < size_t{40} << 20);
  char text[4096] = {};
  MallocExtension_GetStats(text, sizeof(text));
  CHECK(strlen(text) > 100);
  size_t value;
  CHECK(!MallocExtension_GetNumericProperty("no.such.property", &value));
  CHECK(MallocExtension_VerifyAllMemory());
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argv[1];
  if (what == "heap") {
    Heap();
  } else if (what == "hold") {
    Free(HoldBefore(50, 3000));
    static Blocks kept = HoldAfter(100, 3000);
  } else if (what == "allocate") {
    for (int i = 0; i < 64; ++i) Free(HoldBefore(1, 1 << 20));
    Free(HoldAfter(64, 1 << 20));
  } else if (what == "signal") {
    const Blocks blocks = HoldAfter(10, 3000);
    CHECK(raise(SIGUSR1) == 0);
    Free(blocks);
  } else if (what == "child") {
    const Blocks blocks = HoldAfter(10, 3000);
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      if (argc > 2) execl(argv[0], argv[0], "hold", NULL);
      HeapProfilerDump("child");
      _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    Free(blocks);
  } else if (what == "time") {
    while (access("mine.0001.heap", F_OK) != 0) Free(HoldBefore(1, 1 << 20));
  } else if (what == "toggle") {
    for (int i = 0; i < 4; ++i) {
      CHECK(raise(SIGUSR1) == 0);
      Spin(0.05);
    }
  } else if (what == "options") {
    ProfilerOptions options = {};
    CHECK(ProfilerStartWithOptions("plain.prof", &options) != 0);
    Spin(0.05);
    ProfilerStop();
    options.filter_in_thread = [](void*) { return 1; };
    CHECK(ProfilerStartWithOptions("filtered.prof", &options) != 0);
    Spin(0.05);
    ProfilerStop();
  } else if (what == "cpu") {
    Cpu();
  } else if (what == "extension") {
    Extension();
  } else {
    CHECK(what == "spin");
    Spin(0.3);
  }
  Finish();
}
