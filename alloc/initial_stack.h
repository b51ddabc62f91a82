// SPDX-License-Identifier: Apache-2.0
// What the kernel put on the stack when it started the program: arguments, environment, auxiliary vector.
//
// Thread-safety: yes, while nobody changes the environment's own array. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_ALLOC_INITIAL_STACK_H_
#define HEAPPROF_ALLOC_INITIAL_STACK_H_

#include <stddef.h>

namespace heapprof {

struct InitialStack {
  char** environment;  // null-terminated
  bool secure;         // AT_SECURE: the program has rights that its caller has not
  size_t page_size;
};

InitialStack ReadInitialStack();

// The value of `name` (given with its "=") or nullptr.
const char* FindVariable(char** environment, const char* name);

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_INITIAL_STACK_H_
