// SPDX-License-Identifier: Apache-2.0
#include "sampling/wall/watched_threads.h"

#include "base/hash.h"
#include "base/memory/arena.h"

namespace heapprof::wall {

bool WatchedThreads::Init(size_t capacity) {
  const size_t places = capacity + 1;
  bytes_ = places * (sizeof(WatchedThread) + sizeof(uint64_t)) + kChains * sizeof(uint32_t);
  char* memory = static_cast<char*>(MapMetadata(bytes_));
  if (memory == nullptr) return false;
  threads_ = reinterpret_cast<WatchedThread*>(memory);
  due_ = reinterpret_cast<uint64_t*>(memory + places * sizeof(WatchedThread));
  chains_ = reinterpret_cast<uint32_t*>(due_ + places);
  capacity_ = static_cast<uint32_t>(capacity);
  used_ = free_ = 0;
  count_ = 0;
  return true;
}

void WatchedThreads::Free() { UnmapMetadata(threads_, bytes_); }

WatchedThread* WatchedThreads::Find(int tid) {
  uint32_t number = *ChainOf(tid);
  while (number != 0 && threads_[number].tid != tid) number = threads_[number].next;
  return number == 0 ? nullptr : &threads_[number];
}

WatchedThread* WatchedThreads::Add(int tid, uint64_t n) {
  uint32_t number = free_;
  if (number != 0) {
    free_ = threads_[number].next;
  } else if (used_ < capacity_) {
    number = ++used_;
  } else {
    return nullptr;
  }
  WatchedThread* thread = &threads_[number];
  *thread = {};
  thread->tid = tid;
  thread->files = -1;
  thread->looked = thread->moved = thread->charged = n;
  thread->until = n + 1;
  uint32_t* chain = ChainOf(tid);
  thread->next = *chain;
  *chain = number;
  due_[number] = 0;
  ++count_;
  return thread;
}

void WatchedThreads::Remove(WatchedThread* thread) {
  const auto number = static_cast<uint32_t>(thread - threads_);
  uint32_t* link = ChainOf(thread->tid);
  while (*link != number) link = &threads_[*link].next;
  *link = thread->next;
  thread->tid = 0;
  thread->next = free_;
  free_ = number;
  due_[number] = UINT64_MAX;
  --count_;
}

void WatchedThreads::SetNextLook(WatchedThread* thread, bool moved) {
  if (moved) thread->moved = thread->looked;
  uint64_t size = 1 + (thread->looked - thread->moved) / 4;
  if (size > kLongest) size = kLongest;
  const uint64_t draw = MixBits(MixBits(static_cast<uint64_t>(thread->tid)) + thread->charged * kGoldenRatio);
  due_[thread - threads_] = thread->charged + 1 + draw % size;
  thread->until = thread->charged + size;
}

}  // namespace heapprof::wall
