// SPDX-License-Identifier: Apache-2.0
#include "alloc/initial_stack.h"

#include <elf.h>
#include <string.h>

#include "alloc/libc/calls.h"

// Where the stack began: argc, then argv, null, environment, null, auxiliary vector. Set by the loader before
// it runs any code of ours. In a program linked with -static its own _start sets it, and has pushed a word
// before that: %rax, in which the kernel leaves 0.
extern "C" void* __libc_stack_end;

namespace heapprof {

InitialStack ReadInitialStack() {
  char** argument = LoaderArguments();
  if (argument == nullptr) {
    auto** word = static_cast<char**>(__libc_stack_end);
    if (*word == nullptr && word[1] != nullptr) ++word;
    argument = word + 1;
  }
  // A loader that was started by name takes its own arguments away, and some leave their number as it was.
  while (*argument != nullptr) ++argument;
  InitialStack start = {argument + 1, false, 4096};
  char** end = start.environment;
  while (*end != nullptr) ++end;
  for (auto* entry = reinterpret_cast<Elf64_auxv_t*>(end + 1); entry->a_type != AT_NULL; ++entry) {
    if (entry->a_type == AT_SECURE) start.secure = entry->a_un.a_val != 0;
    if (entry->a_type == AT_PAGESZ) start.page_size = entry->a_un.a_val;
  }
  return start;
}

const char* FindVariable(char** environment, const char* name) {
  size_t length = strlen(name);
  for (char** entry = environment; *entry != nullptr; ++entry) {
    if (strncmp(*entry, name, length) == 0) return *entry + length;
  }
  return nullptr;
}

}  // namespace heapprof
