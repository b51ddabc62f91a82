// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <string.h>

#include "sampling/wall/watcher_process.h"

namespace heapprof::wall {
namespace {

constexpr long kFlags = CLONE_VM | CLONE_UNTRACED | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_SETTLS;
constexpr size_t kFirstKept = 19, kInstruction = 4;

}  // namespace

int CloneWatcher(void* stack_top, void* thread_pointer, std::atomic<int>* alive, void (*function)(void*),
                 void* argument) {
  return CloneOnStack(kFlags, stack_top, thread_pointer, alive, function, argument);
}

void MakeContext(const Place& place, const KeptRegisters* kept, ucontext_t* context) {
  memset(context, 0, sizeof(*context));
  TracedRegisters registers = RegistersOfWait(place.pc, place.stack_pointer);
  if (kept != nullptr) memcpy(&registers.regs[kFirstKept], kept->value, sizeof(kept->value));
  heapprof::MakeContext(registers, context);
}

KeptRegisters KeptOf(const TracedRegisters& registers) {
  KeptRegisters kept;
  memcpy(kept.value, &registers.regs[kFirstKept], sizeof(kept.value));
  return kept;
}

uintptr_t ControlBlockOf(const TracedRegisters& registers) { return registers.thread_pointer; }

// Where it goes on once the call is over, as /proc says it.
Place PlaceOf(const TracedRegisters& registers) {
  const long call = SystemCallOf(registers);
  if (call < 0) return {Place::kRunning, call, registers.sp, registers.pc, registers.regs[0]};
  return {Place::kWaits, call, registers.sp, registers.pc + kInstruction, registers.regs[0]};
}

}  // namespace heapprof::wall
