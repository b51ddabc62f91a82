// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/cfi/registered_frames.h"

#include <sys/syscall.h>

#include <algorithm>

#include "base/system/raw_syscall.h"

namespace heapprof::unwind {

RegisteredFrames g_registered_frames;

void RegisteredFrames::Add(uintptr_t key, uintptr_t begin, const PointerBases& bases) {
  const CodeRange code = CodeOfRecords(begin, bases);
  if (code.lo >= code.hi) return;
  uint32_t at = 0;
  while (at < kMax && all_[at].hi.load(std::memory_order_relaxed) != 0) ++at;
  if (at == kMax) return;
  Slot& slot = all_[at];
  slot.lo.store(code.lo, std::memory_order_relaxed);
  slot.begin.store(begin, std::memory_order_relaxed);
  slot.end.store(code.end_of_records, std::memory_order_relaxed);
  slot.key.store(key, std::memory_order_relaxed);
  slot.text.store(bases.text, std::memory_order_relaxed);
  slot.data.store(bases.data, std::memory_order_relaxed);
  // release: the slot before what says that it is taken.
  slot.hi.store(code.hi, std::memory_order_release);
  slots_.store(std::max(slots_.load(std::memory_order_relaxed), at + 1), std::memory_order_release);
}

bool RegisteredFrames::Remove(uintptr_t key) {
  bool found = false;
  const uint32_t count = slots_.load(std::memory_order_relaxed);
  for (uint32_t i = 0; i < count; ++i) {
    Slot& slot = all_[i];
    if (slot.hi.load(std::memory_order_relaxed) == 0 || slot.key.load(std::memory_order_relaxed) != key)
      continue;
    slot.hi.store(0, std::memory_order_seq_cst);
    found = true;
  }
  // A reader is in for microseconds; one that never ends was killed in there with its thread.
  constexpr int kMaxTurns = 100000;
  for (int turn = 0; found && turn < kMaxTurns && readers_.load(std::memory_order_seq_cst) != 0; ++turn) {
    RawSyscall(SYS_sched_yield);
  }
  return found;
}

bool RegisteredFrames::Find(uintptr_t pc, UnwindTables* tables) const {
  const uint32_t count = slots_.load(std::memory_order_acquire);
  for (uint32_t i = 0; i < count; ++i) {
    const Slot& slot = all_[i];
    const uintptr_t hi = slot.hi.load(std::memory_order_seq_cst),
                    lo = slot.lo.load(std::memory_order_relaxed);
    if (pc < lo || pc >= hi) continue;
    const uintptr_t begin = slot.begin.load(std::memory_order_relaxed);
    *tables = {begin, slot.end.load(std::memory_order_relaxed), begin, lo, hi, begin, {}};
    tables->bases.text = slot.text.load(std::memory_order_relaxed);
    tables->bases.data = slot.data.load(std::memory_order_relaxed);
    return true;
  }
  return false;
}

}  // namespace heapprof::unwind
