// SPDX-License-Identifier: Apache-2.0
// A library to preload: walks the stack of malloc's callers in a program that nobody here wrote, and says on
// stderr at its end what that cost, or how often the walk agreed with libunwind's.
//
//   WALK_PROBE=ours | remember | libunwind | none    the clock around each walk; "none" reads the clock alone
//   WALK_PROBE=compare                    all three walks; differing stacks go to WALK_PROBE_FILE.PID
//   WALK_PROBE_INTERVAL=BYTES             a walk each time that many bytes were asked for; 1: always
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>
#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include <atomic>
#include <utility>

#include "base/system/raw_syscall.h"
#include "sampling/unwind/last_walk.h"
#include "sampling/unwind/walk.h"
#include "tests/support/thread_bounds.h"

namespace {

using heapprof::StackBounds;

enum class Mode { kOff, kOurs, kLibunwind, kNone, kCompare, kRemember };

constexpr uint32_t kMaxFrames = 128;
constexpr int kMaxReports = 50;

Mode g_mode = Mode::kOff;
int64_t g_interval = 1;
std::atomic<uint64_t> g_stacks{0}, g_frames{0}, g_cycles{0}, g_unequal{0}, g_truncated{0}, g_remembered{0};
std::atomic<int> g_reports{0};
char g_report_path[512];
int64_t g_start_nanos;
uint64_t g_start_cycles;

#define PROBE_TLS __attribute__((tls_model("initial-exec"))) thread_local
PROBE_TLS bool t_inside;
PROBE_TLS int64_t t_due;
PROBE_TLS StackBounds t_bounds;
PROBE_TLS heapprof::LastWalk t_last;

void Report(const uintptr_t* ours, uint32_t our_depth, void* const* theirs, uint32_t their_depth) {
  if (g_report_path[0] == '\0' || g_reports++ >= kMaxReports) return;
  char path[600];
  snprintf(path, sizeof(path), "%s.%d", g_report_path, getpid());
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return;
  auto line = [&](const char* who, uint32_t depth, auto pc_at) {
    dprintf(fd, "%s", who);
    for (uint32_t i = 0; i < depth; ++i) dprintf(fd, " %lx", pc_at(i));
    dprintf(fd, "\n");
  };
  line("ours  ", our_depth, [&](uint32_t i) { return ours[i]; });
  line("theirs", their_depth, [&](uint32_t i) { return reinterpret_cast<uintptr_t>(theirs[i]); });
  if (g_reports == 1) {
    int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    char text[4096];
    for (ssize_t n; (n = read(maps, text, sizeof(text))) > 0;) {
      if (write(fd, text, static_cast<size_t>(n)) != n) break;
    }
    close(maps);
  }
  close(fd);
}

// Equal up to where libunwind ends: it may show one PC of nothing behind the outermost frame, and both may
// have met the limit.
bool Equal(const uintptr_t* ours, uint32_t our_depth, void* const* theirs, uint32_t their_depth) {
  if (their_depth != our_depth && their_depth != our_depth + 1) return false;
  for (uint32_t i = 0; i < our_depth; ++i) {
    if (ours[i] != reinterpret_cast<uintptr_t>(theirs[i])) return false;
  }
  return true;
}

void Count(uint32_t depth, bool truncated, uint64_t cycles) {
  g_stacks.fetch_add(1, std::memory_order_relaxed);
  g_frames.fetch_add(depth, std::memory_order_relaxed);
  g_cycles.fetch_add(cycles, std::memory_order_relaxed);
  if (truncated) g_truncated.fetch_add(1, std::memory_order_relaxed);
}

// Whether the walk that remembers the thread's last one says the same, if it says anything.
bool IsRemembered(const heapprof::CallerFrame& caller, const heapprof::WalkResult& walk,
                  const uintptr_t* pcs) {
  heapprof::WalkResult again;
  if (!t_last.Walk(caller, t_bounds, kMaxFrames - 8, &again)) return true;
  g_remembered.fetch_add(1, std::memory_order_relaxed);
  if (again.depth != walk.depth || again.truncated != walk.truncated || again.hash != walk.hash) return false;
  const uintptr_t* leaf = t_last.leaf();
  for (ptrdiff_t i = 0; i < static_cast<ptrdiff_t>(walk.depth); ++i) {
    if (pcs[i] != leaf[i * heapprof::LastWalk::kPcStride]) return false;
  }
  return true;
}

void Probe(const heapprof::CallerFrame& caller) {
  t_inside = true;
  if (t_bounds.high == 0) t_bounds = heapprof::test::BoundsOfThread();
  static PROBE_TLS uintptr_t ours[kMaxFrames];
  static PROBE_TLS void* theirs[kMaxFrames + 8];
  uint64_t before = __rdtsc();
  switch (g_mode) {
    case Mode::kOurs: {
      heapprof::WalkResult walk = heapprof::WalkStack(caller, t_bounds, ours, kMaxFrames);
      Count(walk.depth, walk.truncated, __rdtsc() - before);
      break;
    }
    case Mode::kRemember: {
      heapprof::WalkResult walk;
      if (!t_last.Walk(caller, t_bounds, kMaxFrames, &walk))
        walk = heapprof::WalkStack(caller, t_bounds, ours, kMaxFrames);
      Count(walk.depth, walk.truncated, __rdtsc() - before);
      break;
    }
    case Mode::kLibunwind: {
      int depth = unw_backtrace(theirs, kMaxFrames);
      Count(static_cast<uint32_t>(depth), false, __rdtsc() - before);
      break;
    }
    case Mode::kCompare: {
      heapprof::WalkResult walk = heapprof::WalkStack(caller, t_bounds, ours, kMaxFrames - 8);
      auto their_depth = static_cast<uint32_t>(unw_backtrace(theirs, kMaxFrames));
      // Theirs begins in this library.
      uint32_t skip = 0;
      while (skip < their_depth && skip < 6 && reinterpret_cast<uintptr_t>(theirs[skip]) != caller.pc) ++skip;
      their_depth -= skip;
      if (walk.depth == kMaxFrames - 8 && their_depth > walk.depth) their_depth = walk.depth;
      Count(walk.depth, walk.truncated, 0);
      if (!Equal(ours, walk.depth, theirs + skip, their_depth) || !IsRemembered(caller, walk, ours)) {
        g_unequal.fetch_add(1, std::memory_order_relaxed);
        Report(ours, walk.depth, theirs + skip, their_depth);
      }
      break;
    }
    default:
      Count(0, false, __rdtsc() - before);
  }
  t_inside = false;
}

__attribute__((constructor)) void Start() {
  const char* mode = getenv("WALK_PROBE");
  const char* interval = getenv("WALK_PROBE_INTERVAL");
  const char* file = getenv("WALK_PROBE_FILE");
  if (interval != nullptr) g_interval = atoll(interval);
  if (file != nullptr) snprintf(g_report_path, sizeof(g_report_path), "%s", file);
  g_start_nanos = heapprof::RawMonotonicNanos();
  g_start_cycles = __rdtsc();
  if (mode == nullptr) return;
  for (auto [name, value] : {std::pair{"ours", Mode::kOurs},
                             {"libunwind", Mode::kLibunwind},
                             {"none", Mode::kNone},
                             {"compare", Mode::kCompare},
                             {"remember", Mode::kRemember}}) {
    if (strcmp(mode, name) == 0) g_mode = value;
  }
}

__attribute__((destructor)) void End() {
  if (g_mode == Mode::kOff || g_stacks == 0) return;
  g_mode = Mode::kOff;
  double nanos_per_cycle = static_cast<double>(heapprof::RawMonotonicNanos() - g_start_nanos) /
                           static_cast<double>(__rdtsc() - g_start_cycles);
  auto stacks = static_cast<double>(g_stacks);
  fprintf(stderr, "walk_probe: stacks %.0f frames %.2f ns %.1f unequal %lu truncated %lu remembered %lu\n",
          stacks, static_cast<double>(g_frames) / stacks,
          static_cast<double>(g_cycles) * nanos_per_cycle / stacks, g_unequal.load(), g_truncated.load(),
          g_remembered.load());
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void* malloc(size_t size) {
  if (g_mode != Mode::kOff && !t_inside) {
    t_due -= static_cast<int64_t>(size) + 1;
    if (t_due < 0) {
      t_due += g_interval;
      if (t_due < 0) t_due = 0;
      Probe(HEAPPROF_CALLER_FRAME());
    }
  }
  // The program's own: Debian's redis-server brings another than libc's.
  static void* (*next)(size_t) = nullptr;
  if (next == nullptr) next = reinterpret_cast<void* (*)(size_t)>(dlsym(RTLD_NEXT, "malloc"));
  return next(size);
}
