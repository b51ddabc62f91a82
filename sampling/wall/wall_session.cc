// SPDX-License-Identifier: Apache-2.0
#include "sampling/wall/wall_session.h"

#include <new>

#include "base/memory/arena.h"
#include "sampling/thread/label_table.h"

namespace heapprof::wall {

static_assert(kMaxSets <= 1u << kKindShift, "a set's number leaves the bits above to the kind");

WallSession* WallSession::Make(size_t threads, uint32_t max_frames) {
  constexpr size_t kLine = 64;
  const size_t head = (sizeof(WallSession) + kLine - 1) / kLine * kLine;
  const size_t bytes = head + max_frames * sizeof(uintptr_t);
  char* memory = static_cast<char*>(MapMetadata(bytes));
  if (memory == nullptr) return nullptr;
  auto* session = new (memory) WallSession();
  session->bytes = bytes;
  session->max_frames = max_frames;
  session->pcs = reinterpret_cast<uintptr_t*>(memory + head);
  if (session->counts.Init()) {
    if (session->threads.Init(threads)) return session;
    session->counts.Free();
  }
  UnmapMetadata(memory, bytes);
  return nullptr;
}

void WallSession::Free() {
  counts.Free();
  threads.Free();
  UnmapMetadata(this, bytes);
}

void WallSession::Finish(uint64_t n) {
  threads.ForEach([this, n](WatchedThread* thread) { ChargeLast(thread, n); });
}

void WallSession::ChargeLast(WatchedThread* thread, uint64_t n) {
  const int64_t ticks = WatchedThreads::TakeLast(thread, n);
  if (thread->entry != 0) {
    counts.At(thread->entry)->in.fetch_add(static_cast<uint64_t>(ticks), std::memory_order_relaxed);
    samples += static_cast<uint64_t>(ticks);
  } else if (ticks > 0) {
    lost += static_cast<uint64_t>(ticks);
  }
}

}  // namespace heapprof::wall
