// SPDX-License-Identifier: Apache-2.0
#include "alloc/backend/default_settings.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "alloc/backend/backend.h"

int hpje_shown_percpu_arena;  // declared extern "C" in backend.h

namespace heapprof {
namespace {

// Threads then take memory from the arena of the processor they run on: as many arenas as threads can be at
// work at once, and none that is emptied whenever its only thread ends.
constexpr char kArenaOfProcessor[] = "percpu_arena:percpu";

// jemalloc asks the same and, where an answer is no, leaves the setting out with a message or, under
// abort:true, ends the process: some processors are off, the process is tied to a part of them, or must not
// ask where it runs.
bool EachProcessorIsOurs() {
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  cpu_set_t ours;
  return online > 0 && online == sysconf(_SC_NPROCESSORS_CONF) &&
         sched_getaffinity(0, sizeof(ours), &ours) == 0 && CPU_COUNT(&ours) == online && sched_getcpu() >= 0;
}

// Who counts arenas means that number; jemalloc would raise it to that of the processors.
bool ChoosesArenas(const char* settings) {
  return settings != nullptr &&
         (strstr(settings, "narenas:") != nullptr || strstr(settings, "percpu_arena:") != nullptr);
}

char g_settings[4096];

// Values of jemalloc's setting.
constexpr int kPercpuWhileStarting = 0, kPercpuDisabled = 2, kPercpu = 3;
bool g_with_threads;  // whether threads beside the first have arenas of their processors

}  // namespace

const char* DefaultSettings(const char* program, const char* user, const char* machine) {
  if (ChoosesArenas(program) || ChoosesArenas(user) || ChoosesArenas(machine) || !EachProcessorIsOurs()) {
    return program;
  }
  const size_t length = program != nullptr ? strlen(program) : 0;
  if (sizeof(kArenaOfProcessor) + 1 + length > sizeof(g_settings)) return program;
  memcpy(g_settings, kArenaOfProcessor, sizeof(kArenaOfProcessor));
  if (length != 0) {
    g_settings[sizeof(kArenaOfProcessor) - 1] = ',';
    memcpy(g_settings + sizeof(kArenaOfProcessor), program, length + 1);
  }
  return g_settings;
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

void SettingsOfThreads() {
  // relaxed: jemalloc reads it as it is; whoever has the old value takes an arena by turns.
  if (g_with_threads) __atomic_store_n(&hpje_je_opt_percpu_arena, kPercpu, __ATOMIC_RELAXED);
}

}  // namespace heapprof
