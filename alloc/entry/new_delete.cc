// SPDX-License-Identifier: Apache-2.0
// The forms of operator delete that fast_path_<arch>.S leaves to the compiler. The standard has each default
// form call a more basic one, which the program may have replaced: so each calls the global name, not ours.
// As the calls are the last thing done, they are jumps.
#include <new>

#include "alloc/entry/slow_path.h"

unsigned char hp_delete_replaced = 1, hp_new_replaced = 1;

#pragma GCC visibility push(hidden)
extern "C" void hp_own_delete(void* block);
#pragma GCC visibility pop

#define HEAPPROF_OPERATOR __attribute__((visibility("default"), weak))

HEAPPROF_OPERATOR void operator delete(void* block, const std::nothrow_t&) noexcept {
  ::operator delete(block);
}
HEAPPROF_OPERATOR void operator delete[](void* block, const std::nothrow_t&) noexcept {
  ::operator delete[](block);
}

// Frees without the size: a zero-size aligned block would be given back to the wrong size class by it.
HEAPPROF_OPERATOR void operator delete(void* block, std::align_val_t) noexcept { hp_own_delete(block); }
HEAPPROF_OPERATOR void operator delete[](void* block, std::align_val_t alignment) noexcept {
  ::operator delete(block, alignment);
}
HEAPPROF_OPERATOR void operator delete(void* block, size_t, std::align_val_t alignment) noexcept {
  ::operator delete(block, alignment);
}
HEAPPROF_OPERATOR void operator delete[](void* block, size_t, std::align_val_t alignment) noexcept {
  ::operator delete[](block, alignment);
}
HEAPPROF_OPERATOR void operator delete(void* block, std::align_val_t alignment,
                                       const std::nothrow_t&) noexcept {
  ::operator delete(block, alignment);
}
HEAPPROF_OPERATOR void operator delete[](void* block, std::align_val_t alignment,
                                         const std::nothrow_t&) noexcept {
  ::operator delete[](block, alignment);
}
