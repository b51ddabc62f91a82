// SPDX-License-Identifier: Apache-2.0
// When an arena that has lost its last thread is emptied (decision 70).
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <algorithm>
#include <atomic>

#include "base/hash.h"

#pragma GCC visibility push(hidden)
extern "C" {
int hpje_clock_gettime(clockid_t clock, timespec* now);
void hpje_je_arena_decay(void* thread, void* arena, bool in_background, bool all);
void hpje_arena_decay(void* thread, void* arena, bool in_background, bool all);
}
#pragma GCC visibility pop

namespace heapprof {
namespace {

// jemalloc begins memory of its own for each arena, with the arena's record, at a multiple of 2 MiB (512 MiB
// where pages are of 64 KiB), mostly right beside that of the one before.
constexpr int kLgApart = 21;
constexpr int kLgNotes = 8;
std::atomic<uint64_t> g_emptied[1 << kLgNotes];

std::atomic<uint64_t>& NoteOf(const void* arena) {
  const uint64_t number = reinterpret_cast<uintptr_t>(arena) >> kLgApart;
  return g_emptied[number * kGoldenRatio >> (64 - kLgNotes)];
}

uint64_t Milliseconds() {
  timespec now{};
  hpje_clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
}

constexpr uint64_t kBetweenEmptyings = 100;  // milliseconds

// Whether the pages that `arena` keeps for reuse are to go back to the kernel, now that its last thread has
// ended or has gone on to another arena: not if they did shortly before `now`; else true, and that is noted.
// Two arenas may share a note, and then go back more rarely. Takes no lock, allocates nothing.
bool EmptiesIdleArena(const void* arena, uint64_t now) {
  std::atomic<uint64_t>& note = NoteOf(arena);
  // relaxed: of two threads that come at once, one does it. 0 is an arena that was never emptied. Another
  // thread may have noted a later time since this one looked at the clock.
  uint64_t last = note.load(std::memory_order_relaxed);
  const uint64_t time = std::max<uint64_t>(now, 1);
  if (last != 0 && time < last + kBetweenEmptyings) return false;
  return note.compare_exchange_strong(last, time, std::memory_order_relaxed);
}

}  // namespace
}  // namespace heapprof

// What jemalloc calls in place of its arena_decay where an arena has no thread any more. Not `all`: only what
// has been unused for long enough goes back, as while the arena has threads.
extern "C" void hpje_arena_decay(void* thread, void* arena, bool in_background, bool all) {
  if (all) all = heapprof::EmptiesIdleArena(arena, heapprof::Milliseconds());
  hpje_je_arena_decay(thread, arena, in_background, all);
}
