// SPDX-License-Identifier: Apache-2.0
#include "sampling/memory/heap_view.h"

#include <atomic>

namespace heapprof {
namespace {

std::atomic<const HeapView*> g_view{nullptr};

}  // namespace

// release, acquire: what the functions of a view use was set up before it was given.
void SetHeapView(const HeapView* view) { g_view.store(view, std::memory_order_release); }
const HeapView* GetHeapView() { return g_view.load(std::memory_order_acquire); }

}  // namespace heapprof
