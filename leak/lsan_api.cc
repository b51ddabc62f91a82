// SPDX-License-Identifier: Apache-2.0
// LeakSanitizer's interface (sanitizer/lsan_interface.h), so that a program that calls it need not change.
//
// Where a real sanitizer is loaded as a library its functions are called instead: ours stand before them when
// we are preloaded.
#include <dlfcn.h>
#include <stddef.h>

#include "heapprof/heapprof.h"

#define HEAPPROF_API __attribute__((visibility("default")))

namespace {

template <typename Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

HEAPPROF_API void __lsan_disable(void) {
  if (auto* real = Real<void()>("__lsan_disable")) return real();
  heapprof_leaks_disable();
}

HEAPPROF_API void __lsan_enable(void) {
  if (auto* real = Real<void()>("__lsan_enable")) return real();
  heapprof_leaks_enable();
}

HEAPPROF_API void __lsan_ignore_object(const void* block) {
  if (auto* real = Real<void(const void*)>("__lsan_ignore_object")) return real(block);
  heapprof_ignore_object(block);
}

HEAPPROF_API void __lsan_register_root_region(const void* start, size_t size) {
  if (auto* real = Real<void(const void*, size_t)>("__lsan_register_root_region")) return real(start, size);
  heapprof_register_root_region(start, size);
}

HEAPPROF_API void __lsan_unregister_root_region(const void* start, size_t size) {
  if (auto* real = Real<void(const void*, size_t)>("__lsan_unregister_root_region")) return real(start, size);
  heapprof_unregister_root_region(start, size);
}

HEAPPROF_API void __lsan_do_leak_check(void) {
  if (auto* real = Real<void()>("__lsan_do_leak_check")) return real();
  heapprof_do_leak_check();
}

HEAPPROF_API int __lsan_do_recoverable_leak_check(void) {
  if (auto* real = Real<int()>("__lsan_do_recoverable_leak_check")) return real();
  return heapprof_do_recoverable_leak_check();
}

}  // extern "C"
