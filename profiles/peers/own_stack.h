// SPDX-License-Identifier: Apache-2.0
// What a peer's signal asks for, on a stack mapped for it: the handler's own may be of the least size.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: mmap only.
#ifndef HEAPPROF_PROFILES_PEERS_OWN_STACK_H_
#define HEAPPROF_PROFILES_PEERS_OWN_STACK_H_

#include <stddef.h>

#include "base/system/call_on_stack.h"
#include "base/system/raw_syscall.h"
#include "base/text.h"

namespace heapprof {

inline void CallOnOwnStack(void (*function)(void*)) {
  constexpr size_t kSize = 64 << 10;
  auto* stack = static_cast<char*>(RawMap(kSize));
  if (stack == nullptr) return Say("no memory for what a signal asks for");
  CallOnStack(function, nullptr, stack + kSize);
  RawUnmap(stack, kSize);
}

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_PEERS_OWN_STACK_H_
