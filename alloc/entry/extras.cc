// SPDX-License-Identifier: Apache-2.0
// jemalloc's own interface, for programs that were built for it. Blocks made, resized and freed here are
// tracked like those of malloc.
#include <errno.h>

#include "alloc/backend/backend.h"
#include "alloc/backend/early_heap.h"
#include "alloc/entry/controls.h"
#include "alloc/entry/init.h"
#include "alloc/entry/slow_path.h"

using heapprof::kLgAlignMask;
using heapprof::PrepareFree;

extern "C" {

HEAPPROF_EXPORT void* mallocx(size_t size, int flags) {
  return heapprof::AllocateWithFlags(size, flags, HEAPPROF_CALLER_FRAME());
}

HEAPPROF_EXPORT void* rallocx(void* block, size_t size, int flags) {
  return heapprof::Reallocate(block, size == 0 ? 1 : size, flags, HEAPPROF_CALLER_FRAME());
}

HEAPPROF_EXPORT size_t xallocx(void* block, size_t size, size_t extra, int flags) {
  return heapprof::ResizeOnlyInPlace(block, {size == 0 ? 1 : size, extra, flags}, HEAPPROF_CALLER_FRAME());
}

HEAPPROF_EXPORT size_t sallocx(const void* block, int) { return heapprof::UsableSize(block); }

HEAPPROF_EXPORT void dallocx(void* block, int flags) {
  if (PrepareFree(block)) hpje_dallocx(block, flags);
}

HEAPPROF_EXPORT void sdallocx(void* block, size_t size, int flags) {
  // A sample's alignment has put it into another size class than `size` says.
  bool maybe_sample = heapprof::MaybeSample(block);
  if (!PrepareFree(block)) return;
  if (maybe_sample || size == 0) {
    hpje_dallocx(block, flags & ~kLgAlignMask);
  } else {
    hpje_sdallocx(block, size, flags);
  }
}

HEAPPROF_EXPORT size_t nallocx(size_t size, int flags) {
  heapprof::Initialize();
  return hpje_nallocx(size == 0 ? 1 : size, flags);
}

HEAPPROF_EXPORT int mallctl(const char* name, void* old, size_t* old_size, void* fresh, size_t fresh_size) {
  heapprof::CallerFrame caller = HEAPPROF_CALLER_FRAME();
  heapprof::Initialize();
  return heapprof::ControlByName(name, {old, old_size, fresh, fresh_size}, caller);
}

HEAPPROF_EXPORT int mallctlnametomib(const char* name, size_t* mib, size_t* mib_length) {
  heapprof::Initialize();
  return hpje_mallctlnametomib(name, mib, mib_length);
}

HEAPPROF_EXPORT int mallctlbymib(const size_t* mib, size_t mib_length, void* old, size_t* old_size,
                                 void* fresh, size_t fresh_size) {
  heapprof::CallerFrame caller = HEAPPROF_CALLER_FRAME();
  heapprof::Initialize();
  return heapprof::ControlByMib(mib, mib_length, {old, old_size, fresh, fresh_size}, caller);
}

HEAPPROF_EXPORT void malloc_stats_print(void (*write)(void*, const char*), void* arg, const char* options) {
  heapprof::Initialize();
  hpje_malloc_stats_print(write, arg, options);
}

}  // extern "C"
