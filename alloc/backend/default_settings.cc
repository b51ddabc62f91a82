// SPDX-License-Identifier: Apache-2.0
#include "alloc/backend/default_settings.h"

#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "alloc/backend/backend.h"
#include "base/cgroup_limits.h"
#include "base/text.h"

int hpje_shown_percpu_arena;  // declared extern "C" in backend.h

namespace heapprof {
namespace {

// Up to so many processors one arena is enough, where it has as many bins of each size, so that threads
// which allocate at once seldom want one lock.
constexpr long kProcessorsOfAnArena = 4;

// With more of them threads take memory from the arena of the processor they run on: as many arenas as
// threads can be at work at once, and few that are empty whenever a thread ends.
constexpr char kOneArena[] = "narenas:1", kArenaOfProcessor[] = "percpu_arena:percpu";
constexpr char kBins[] = ",bin_shards:1-229376:";  // all sizes that have bins, where pages are of 64 KiB, too

// How many processors the process may run on; 0: not known.
long OurProcessors() {
  cpu_set_t ours;
  return sched_getaffinity(0, sizeof(ours), &ours) == 0 ? CPU_COUNT(&ours) : 0;
}

// jemalloc asks the same and, where an answer is no, leaves the setting out with a message or, under
// abort:true, ends the process: some processors are off, the process is tied to a part of them, or must not
// ask where it runs.
bool EachProcessorIsOurs(long ours) {
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 && online == sysconf(_SC_NPROCESSORS_CONF) && ours == online && sched_getcpu() >= 0;
}

// Who counts arenas means that number; jemalloc would raise it to that of the processors.
bool ChoosesArenas(const char* settings) {
  if (settings == nullptr) return false;
  for (const char* key : {"narenas:", "narenas_ratio:", "percpu_arena:"}) {
    if (strstr(settings, key) != nullptr) return true;
  }
  return false;
}

char g_settings[4096];

// Values of jemalloc's setting.
constexpr int kPercpuWhileStarting = 0, kPercpuDisabled = 2, kPercpu = 3;
bool g_with_threads;  // whether threads beside the first have arenas of their processors

// Whether all processors have one arena: who may use few of many at a time.
enum class Shared : uint8_t { kNotAsked, kNo, kYes };
std::atomic<Shared> g_shared{Shared::kNotAsked};

}  // namespace

const char* DefaultSettings(const char* program, const char* user, const char* machine) {
  if (ChoosesArenas(program) || ChoosesArenas(user) || ChoosesArenas(machine)) return program;
  const long processors = OurProcessors();
  if (processors == 0) return program;
  if (processors > kProcessorsOfAnArena && !EachProcessorIsOurs(processors)) return program;
  TextWriter settings(g_settings, sizeof(g_settings));
  settings.Str(processors <= kProcessorsOfAnArena ? kOneArena : kArenaOfProcessor);
  settings.Str(kBins).Dec(std::min(processors, kProcessorsOfAnArena));
  if (program != nullptr && *program != '\0') settings.Str(",").Str(program);
  return settings.cut() ? program : settings.data();
}

// Where arenas belong to processors, jemalloc's control `thread.arena` refuses (EPERM) the arenas that
// threads share: a program that binds its thread to an arena for a while could not bind it back. So nobody
// who did not ask for the setting meets that: the control sees the value that the setting has while jemalloc
// starts, of the same name.
//
// One thread alone uses the first arena, on whichever processor it begins: a second one would be made for it.
void StartSettings() {
  const char* version;
  size_t size = sizeof(version);
  hpje_mallctl("version", &version, &size, nullptr, 0);  // starts jemalloc, and chooses no arena
  hpje_shown_percpu_arena = hpje_je_opt_percpu_arena;
  if (hpje_malloc_conf != g_settings || hpje_je_opt_percpu_arena != kPercpu) return;
  hpje_shown_percpu_arena = kPercpuWhileStarting;
  hpje_je_opt_percpu_arena = kPercpuDisabled;
  g_with_threads = true;
}

// relaxed throughout: two that ask at once find the same, and jemalloc reads its setting as it is: whoever
// has the old value takes an arena by turns.
void AskForProcessors() {
  if (!g_with_threads || g_shared.load(std::memory_order_relaxed) != Shared::kNotAsked) return;
  const double limit = ProcessorLimit();
  g_shared.store(limit > 0 && limit <= kProcessorsOfAnArena ? Shared::kYes : Shared::kNo,
                 std::memory_order_relaxed);
}

void SettingsOfThreads() {
  if (!g_with_threads) return;
  AskForProcessors();
  __atomic_store_n(&hpje_je_opt_percpu_arena, kPercpu, __ATOMIC_RELAXED);
}

}  // namespace heapprof

// What jemalloc asks for a thread's arena, where those belong to processors.
extern "C" int hpje_sched_getcpu(void) {
  return heapprof::g_shared.load(std::memory_order_relaxed) == heapprof::Shared::kYes ? 0 : sched_getcpu();
}
