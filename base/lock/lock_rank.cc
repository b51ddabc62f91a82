// SPDX-License-Identifier: Apache-2.0
#include "base/lock/lock_rank.h"

#ifndef NDEBUG

#include "base/text.h"

namespace heapprof {
namespace {

thread_local uint32_t t_held_ranks __attribute__((tls_model("initial-exec"))) = 0;

const char* RankName(int rank) {
  constexpr const char* kNames[] = {
      "none",     "arena reset",  "import slots", "modules",      "labels",       "named profiles",
      "mappings", "stack insert", "live shard",   "growth",       "lifetimes",    "leak turn",
      "HTTP",     "differences",  "dump",         "CPU profile",  "wall profile", "stop",
      "signals",  "CPU clocks",   "CPU stacks",   "wall watcher", "waiters"};
  static_assert(sizeof(kNames) / sizeof(kNames[0]) == static_cast<int>(LockRank::kWaiters) + 1);
  return kNames[rank];
}

}  // namespace

void CheckRankBeforeLock(LockRank rank) {
  const int wanted = static_cast<int>(rank);
  if ((t_held_ranks >> wanted) == 0) return;
  const int held = 31 - __builtin_clz(t_held_ranks);
  Text<160> line;
  line.Str("a lock was taken out of the order of ranks: ").Str(RankName(wanted));
  Die(line.Str(" under ").Str(RankName(held)).data());
}

void NoteHeld(LockRank rank, bool held) {
  const uint32_t bit = 1u << static_cast<int>(rank);
  t_held_ranks = held ? (t_held_ranks | bit) : (t_held_ranks & ~bit);
}

}  // namespace heapprof

#endif
