// SPDX-License-Identifier: Apache-2.0
// Heap dumps that the options dump_every, dump_every_allocated, dump_on_growth and dump_at_memory ask for, at
// the start or while the program runs.
//
// No thread and no timer: the slow path looks when it has recorded a sample. So an idle process writes none;
// its heap is what it was (docs/decisions/0034-0049/0049-no-timer-for-dumps.md). When a dump is under way
// already, whoever writes it writes this one after it.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_PROFILES_DUMP_TRIGGERS_H_
#define HEAPPROF_PROFILES_DUMP_TRIGGERS_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "base/text.h"

namespace heapprof {

struct Options;

class DumpTriggers {
 public:
  // Each sets one of the options and begins to count anew for it; 0: off. Nanoseconds, and bytes.
  void SetEvery(uint64_t nanos);
  void SetEveryAllocated(uint64_t bytes);
  void SetOnGrowth(uint64_t bytes);
  // `percent`, unless 0, of what the process may have; `bytes` otherwise.
  void SetAtMemory(uint64_t bytes, uint32_t percent);
  // All of them. When libc can be called.
  void SetAll(const Options& options);

  uint64_t every() const { return every_.load(std::memory_order_relaxed); }
  uint64_t every_allocated() const { return every_allocated_.load(std::memory_order_relaxed); }
  uint64_t on_growth() const { return on_growth_.load(std::memory_order_relaxed); }
  // The resident memory at which there is a dump; 0: at none. And as the option has it.
  uint64_t MemoryThreshold() const { return threshold_.load(std::memory_order_relaxed); }
  void PutAtMemory(TextWriter* text) const;

  // Has look(size, interval) called, too, for each block that is recorded; for peers' triggers.
  void SetListener(void (*look)(size_t size, uint64_t interval));
  void Tell(size_t size, uint64_t interval) const;

  // Or a listener is.
  bool IsAnySet() const { return is_any_set_.load(std::memory_order_relaxed); }
  // A block of `size` bytes was recorded at this interval, or there was no room for one. True: a dump is due,
  // for one of the threads that ask.
  bool IsDue(size_t size, uint64_t interval);
  bool IsDueAfterRefusal(size_t size);

  // Growth counts from what is in use now, as for a peak that is looked for anew.
  void RestartGrowth();
  // In the child of a fork, after the heap's peak has begun anew: it counts from its own start.
  void Restart();

 private:
  void NoteWhetherAnyIsSet();
  bool Crosses(size_t size);
  bool IsMemoryDue(size_t size, uint64_t bytes);

  std::atomic<bool> is_any_set_{false};
  std::atomic<void (*)(size_t size, uint64_t interval)> listener_{nullptr};
  std::atomic<uint64_t> every_{0}, every_allocated_{0}, on_growth_{0};
  std::atomic<uint32_t> percent_{0};
  std::atomic<uint64_t> threshold_{0};
  std::atomic<uint64_t> allocated_{0};
  // Where each is due: nanoseconds, bytes allocated, bytes in use.
  std::atomic<uint64_t> next_time_{0}, next_allocated_{0}, next_growth_{0};
  std::atomic<bool> is_above_{false};       // memory was at the threshold, and has not fallen enough since
  std::atomic<uint64_t> not_looked_at_{0};  // bytes allocated since resident memory was asked for
  std::atomic<uint64_t> next_refusal_{0};   // nanoseconds
};

extern DumpTriggers g_dump_triggers;
inline DumpTriggers& ProcessDumpTriggers() { return g_dump_triggers; }

// In the slow path, with none of our locks held: makes the dump that is due.
void LookAtDumpTriggersNow(size_t size, uint64_t interval);
void LookAtRefusalNow(size_t size);
inline void LookAtDumpTriggers(size_t size, uint64_t interval) {
  if (__builtin_expect(g_dump_triggers.IsAnySet(), 0)) LookAtDumpTriggersNow(size, interval);
}
inline void LookAtRefusal(size_t size) {
  if (__builtin_expect(g_dump_triggers.IsAnySet(), 0)) LookAtRefusalNow(size);
}

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_DUMP_TRIGGERS_H_
