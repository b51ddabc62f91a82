// SPDX-License-Identifier: Apache-2.0
#include "sampling/thread/last_walks.h"

#include <string.h>

#include "base/constinit.h"
#include "base/memory/arena.h"
#include "sampling/thread/thread_state.h"

namespace heapprof {
namespace {

HP_CONSTINIT LastWalks g_walks;

}  // namespace

LastWalk* LastWalks::Take() {
  const uint32_t first = next_.load(std::memory_order_relaxed);
  for (uint32_t tries = 0; tries < kThreads; ++tries) {
    const uint32_t at = (first + tries) % kThreads;
    Place& place = places_[at];
    // acquire: who had it before has done with it.
    if (place.taken.load(std::memory_order_relaxed) || place.taken.exchange(true, std::memory_order_acquire))
      continue;
    LastWalk* walk = place.walk.load(std::memory_order_relaxed);
    if (walk == nullptr) {
      auto* memory = static_cast<Memory*>(MapMetadata(sizeof(Memory)));
      if (memory != nullptr) walk = &memory->walk;
      place.walk.store(walk, std::memory_order_relaxed);
    }
    if (walk == nullptr) {
      place.taken.store(false, std::memory_order_relaxed);
      return nullptr;
    }
    // All of it: the child of a fork does not touch, and so copy, what it may never need.
    if (place.torn) memset(static_cast<void*>(walk), 0, sizeof(Memory));
    place.torn = false;
    walk->Forget();
    next_.store(at + 1, std::memory_order_relaxed);
    return walk;
  }
  return nullptr;
}

void LastWalks::GiveBack(LastWalk* walk) {
  for (uint32_t i = 0; i < kThreads; ++i) {
    if (places_[i].walk.load(std::memory_order_relaxed) != walk) continue;
    next_.store(i, std::memory_order_relaxed);
    // release: what was written there before the next one's.
    places_[i].taken.store(false, std::memory_order_release);
    return;
  }
}

void LastWalks::KeepOnly(const LastWalk* own) {
  for (Place& place : places_) {
    const LastWalk* walk = place.walk.load(std::memory_order_relaxed);
    if (walk != nullptr && walk == own) continue;
    place.torn = place.torn || place.taken.load(std::memory_order_relaxed);
    place.taken.store(false, std::memory_order_relaxed);
  }
}

LastWalk* TakeLastWalk() {
  ThreadState& thread = CurrentThread();
  if (thread.last_walk == nullptr && !thread.takes_no_walk) {
    if (LastWalk::IsAvailable()) thread.last_walk = g_walks.Take();
    thread.takes_no_walk =
        thread.last_walk == nullptr;  // to ask each time could mean a system call each time
  }
  return thread.last_walk;
}

void GiveBackLastWalk() {
  ThreadState& thread = CurrentThread();
  LastWalk* walk = thread.last_walk;
  thread.takes_no_walk = true;
  thread.last_walk = nullptr;
  // A handler that comes in here finds the thread without one before another thread may have it.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (walk != nullptr) g_walks.GiveBack(walk);
}

void KeepOwnLastWalk() { g_walks.KeepOnly(CurrentThread().last_walk); }

}  // namespace heapprof
