// SPDX-License-Identifier: Apache-2.0
// What of operator new can throw: the retry loop of the new handler, and the nothrow forms that stop it. The
// only file of the runtime that is compiled with exceptions.
#include <new>

#include "alloc/entry/cxx_runtime.h"
#include "alloc/entry/slow_path.h"

using heapprof::Allocate;
using heapprof::AllocateDue;
using heapprof::CallerFrame;
using heapprof::kNaturalAlignment;
using heapprof::PrepareForExceptions;

#define HEAPPROF_OPERATOR __attribute__((visibility("default"), weak))

// Our own definitions under names that no program can replace.
#pragma GCC visibility push(hidden)
extern "C" {
void* hp_own_new(size_t size);
void* hp_own_array_new(size_t size);
void* hp_own_aligned_new(size_t size, std::align_val_t alignment);  // jumps to the next, or does the same
void* hp_aligned_new(size_t size, std::align_val_t alignment);
void* hp_nothrow_new(size_t size) noexcept;
void* hp_nothrow_array_new(size_t size) noexcept;
void* hp_nothrow_new_slow(size_t size) noexcept;
void* hp_nothrow_new_spent(size_t size) noexcept;
void* hp_own_aligned_array_new(size_t size, std::align_val_t alignment);
}
#pragma GCC visibility pop

namespace {

// [new.delete.single]: calls the handler until there is memory. Whatever the handler throws passes through,
// and each attempt asks for the same alignment. Without a handler: throws, or returns nullptr to who would
// only catch it, for which the process need not have what throws.
template <bool kThrows = true>
void* Retry(size_t size, size_t alignment, const CallerFrame& caller) {
  if (hpje_je_opt_experimental_infallible_new) {
    hpje_je_safety_check_fail(
        "heapprof: operator new: no memory for %zu bytes, and MALLOC_CONF says "
        "experimental_infallible_new:true\n",
        size);
  }
  for (;;) {
    std::new_handler handler = heapprof::NewHandler(caller);
    if (handler == nullptr) {
      if (!kThrows) return nullptr;
      heapprof::ThrowBadAlloc(caller);
    }
    handler();
    void* block = Allocate(size, alignment, 0, caller);
    if (block != nullptr) return block;
  }
}

template <bool kThrows = true>
void* New(size_t size, size_t alignment, const CallerFrame& caller) {
  void* block = Allocate(size, alignment, 0, caller);
  return block != nullptr ? block : Retry<kThrows>(size, alignment, caller);
}

}  // namespace

extern "C" void* hp_new_slow(size_t size) {
  CallerFrame caller = HEAPPROF_CALLER_FRAME();
  void* block = AllocateDue(size, kNaturalAlignment, 0, caller);
  return block != nullptr ? block : Retry(size, kNaturalAlignment, caller);
}

extern "C" void* hp_new_failed(size_t size) {
  return Retry(size, kNaturalAlignment, HEAPPROF_CALLER_FRAME());
}

extern "C" void* hp_aligned_new(size_t size, std::align_val_t alignment) {
  return New(size, static_cast<size_t>(alignment), HEAPPROF_CALLER_FRAME());
}

extern "C" void* hp_own_aligned_array_new(size_t size, std::align_val_t alignment) {
  return ::operator new(size, alignment);
}

HEAPPROF_OPERATOR void* operator new[](size_t size, std::align_val_t alignment)
    __attribute__((alias("hp_own_aligned_array_new")));

// volatile below: clang takes two functions with different names for different ones, and would not look.
//
// The nothrow forms go by way of the throwing ones when the program has replaced those, as the standard says;
// else directly, so that the stack of a sample begins at the program.
extern "C" void* hp_nothrow_new(size_t size) noexcept {
  CallerFrame caller = HEAPPROF_CALLER_FRAME();
  void* (*volatile basic)(size_t) = &::operator new;
  try {
    if (basic == &hp_own_new) return New<false>(size, kNaturalAlignment, caller);
    PrepareForExceptions(caller);
    return basic(size);
  } catch (...) {
    return nullptr;
  }
}

// As New<false>, once the size has been counted down: what that found due, and what it did not.
extern "C" void* hp_nothrow_new_slow(size_t size) noexcept {
  CallerFrame caller = HEAPPROF_CALLER_FRAME();
  try {
    void* block = AllocateDue(size, kNaturalAlignment, 0, caller);
    return block != nullptr ? block : Retry<false>(size, kNaturalAlignment, caller);
  } catch (...) {
    return nullptr;
  }
}

extern "C" void* hp_nothrow_new_spent(size_t size) noexcept {
  CallerFrame caller = HEAPPROF_CALLER_FRAME();
  try {
    void* block = heapprof::AllocatePlain(size, kNaturalAlignment, 0);
    return block != nullptr ? block : Retry<false>(size, kNaturalAlignment, caller);
  } catch (...) {
    return nullptr;
  }
}

extern "C" void* hp_nothrow_array_new(size_t size) noexcept {
  CallerFrame caller = HEAPPROF_CALLER_FRAME();
  void* (*volatile single)(size_t) = &::operator new;
  void* (*volatile basic)(size_t) = &::operator new[];
  try {
    if (single == &hp_own_new && basic == &hp_own_array_new)
      return New<false>(size, kNaturalAlignment, caller);
    PrepareForExceptions(caller);
    return basic(size);
  } catch (...) {
    return nullptr;
  }
}

HEAPPROF_OPERATOR void* operator new(size_t size, std::align_val_t alignment,
                                     const std::nothrow_t&) noexcept {
  CallerFrame caller = HEAPPROF_CALLER_FRAME();
  void* (*volatile basic)(size_t, std::align_val_t) = &::operator new;
  try {
    if (basic == &hp_own_aligned_new) return New<false>(size, static_cast<size_t>(alignment), caller);
    PrepareForExceptions(caller);
    return basic(size, alignment);
  } catch (...) {
    return nullptr;
  }
}

HEAPPROF_OPERATOR void* operator new[](size_t size, std::align_val_t alignment,
                                       const std::nothrow_t&) noexcept {
  CallerFrame caller = HEAPPROF_CALLER_FRAME();
  void* (*volatile single)(size_t, std::align_val_t) = &::operator new;
  void* (*volatile basic)(size_t, std::align_val_t) = &::operator new[];
  try {
    if (single == &hp_own_aligned_new && basic == &hp_own_aligned_array_new) {
      return New<false>(size, static_cast<size_t>(alignment), caller);
    }
    PrepareForExceptions(caller);
    return basic(size, alignment);
  } catch (...) {
    return nullptr;
  }
}
