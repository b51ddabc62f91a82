// SPDX-License-Identifier: Apache-2.0
// Heap dumps that the options dump_every, dump_every_allocated, dump_on_growth and dump_at_memory ask for.
//
// No thread and no timer: the slow path looks when it has recorded a sample. So an idle process writes none;
// its heap is what it was. When a dump is under way already, whoever writes it writes this one after it.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_PROFILES_DUMP_TRIGGERS_H_
#define HEAPPROF_PROFILES_DUMP_TRIGGERS_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>

namespace heapprof {

extern std::atomic<bool> g_has_dump_triggers;

// Called once, when libc can be called.
void InstallDumpTriggers();
// A block of `size` bytes was recorded at this interval; with none of our locks held.
void LookAtDumpTriggersNow(size_t size, uint64_t interval);
inline void LookAtDumpTriggers(size_t size, uint64_t interval) {
  if (__builtin_expect(g_has_dump_triggers.load(std::memory_order_relaxed), 0))
    LookAtDumpTriggersNow(size, interval);
}
// A block of `size` bytes was asked for, and there was no room.
void LookAtFailureNow(size_t size);
inline void LookAtFailure(size_t size) {
  if (__builtin_expect(g_has_dump_triggers.load(std::memory_order_relaxed), 0)) LookAtFailureNow(size);
}
// The resident memory at which there is a dump; 0: at none.
uint64_t DumpMemoryThreshold();
// The child counts from its own start.
void DumpTriggersAfterForkInChild();

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_DUMP_TRIGGERS_H_
