// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <string.h>

#include "sampling/wall/watcher_process.h"

namespace heapprof::wall {
namespace {

constexpr long kFlags = CLONE_VM | CLONE_UNTRACED | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_SETTLS;

void Keep(const KeptRegisters& kept, TracedRegisters* registers) {
  registers->rbx = kept.value[0];
  registers->rbp = kept.value[1];
  registers->r12 = kept.value[2];
  registers->r13 = kept.value[3];
  registers->r14 = kept.value[4];
  registers->r15 = kept.value[5];
}

}  // namespace

int CloneWatcher(void* stack_top, void* thread_pointer, std::atomic<int>* alive, void (*function)(void*),
                 void* argument) {
  // What code compiled for a thread finds at its thread pointer: the pointer itself, twice.
  auto* words = static_cast<void**>(thread_pointer);
  words[0] = words[2] = thread_pointer;
  return CloneOnStack(kFlags, stack_top, thread_pointer, alive, function, argument);
}

void MakeContext(const Place& place, const KeptRegisters* kept, ucontext_t* context) {
  memset(context, 0, sizeof(*context));
  TracedRegisters registers = RegistersOfWait(place.pc, place.stack_pointer);
  if (kept != nullptr) Keep(*kept, &registers);
  heapprof::MakeContext(registers, context);
}

KeptRegisters KeptOf(const TracedRegisters& registers) {
  return {{registers.rbx, registers.rbp, registers.r12, registers.r13, registers.r14, registers.r15}};
}

uintptr_t ControlBlockOf(const TracedRegisters& registers) { return registers.fs_base; }

Place PlaceOf(const TracedRegisters& registers) {
  const long call = SystemCallOf(registers);
  return {call >= 0 ? Place::kWaits : Place::kRunning, call, registers.rsp, registers.rip, registers.rdi};
}

}  // namespace heapprof::wall
