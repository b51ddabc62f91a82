// SPDX-License-Identifier: Apache-2.0
#include "alloc/entry/arena_reset.h"

#include <errno.h>
#include <stdint.h>

#include "alloc/backend/backend.h"
#include "base/lock/owner_lock.h"
#include "base/system/raw_syscall.h"
#include "base/system/signals_blocked.h"
#include "leak/quarantine.h"
#include "sampling/heap/heap_tables.h"
#include "sampling/recorder.h"

#pragma GCC visibility push(hidden)
extern "C" {
void hpje_je_arena_reset(void* thread, void* arena);
void hpje_arena_reset(void* thread, void* arena);
}
#pragma GCC visibility pop

namespace heapprof {
namespace {

constexpr size_t kAllArenas = 4096, kDestroyedArenas = 4097;  // indexes that stand for no arena of their own

OwnerLock<LockRank::kArenaReset> g_lock;

// The samples that go with the arena. Guarded by g_lock.
const uintptr_t* g_discarded = nullptr;
size_t g_discarded_count = 0;

// Which arena a block lies in. If it is freed meanwhile the answer may be wrong, and that is all: jemalloc
// never unmaps what it looks up, but with the arena.
class ArenaLookup {
 public:
  explicit ArenaLookup(size_t arena) : arena_(arena) {
    known_ = hpje_mallctlnametomib("arenas.lookup", mib_, &length_) == 0;
  }
  bool Holds(uintptr_t block) const {
    unsigned found = 0;
    size_t size = sizeof(found);
    return known_ && hpje_mallctlbymib(mib_, length_, &found, &size, &block, sizeof(block)) == 0 &&
           found == arena_;
  }

 private:
  size_t arena_;
  size_t mib_[2] = {}, length_ = 2;
  bool known_;
};

// The samples that lie in an arena. The program may not use the arena meanwhile: they stay the same.
class SamplesOfArena {
 public:
  SamplesOfArena() = default;
  ~SamplesOfArena() { Release(); }
  SamplesOfArena(const SamplesOfArena&) = delete;
  SamplesOfArena& operator=(const SamplesOfArena&) = delete;

  // False: no memory.
  bool Find(const ArenaLookup& lookup) {
    size_t live;
    do {
      Release();
      constexpr size_t kSlack = 4096;  // other threads add samples meanwhile
      room_ = LiveSamples().Count() + kSlack;
      addresses_ = static_cast<uintptr_t*>(RawMap(room_ * sizeof(uintptr_t)));
      if (addresses_ == nullptr) return false;
      live = LiveSamples().CopyAddresses(addresses_, room_);
    } while (live > room_);
    for (size_t i = 0; i < live; ++i) {
      if (lookup.Holds(addresses_[i])) addresses_[count_++] = addresses_[i];
    }
    return true;
  }

  const uintptr_t* addresses() const { return addresses_; }
  size_t count() const { return count_; }

 private:
  void Release() {
    if (addresses_ != nullptr) RawUnmap(addresses_, room_ * sizeof(uintptr_t));
    addresses_ = nullptr;
  }

  uintptr_t* addresses_ = nullptr;
  size_t room_ = 0, count_ = 0;
};

// What the program has freed and the quarantine keeps goes back to the arena, past the thread's cache, which
// must hold nothing of the arena.
void FreeQuarantined(const ArenaLookup& lookup) {
  quarantine::TakeOut([&lookup](void* block) { return lookup.Holds(reinterpret_cast<uintptr_t>(block)); },
                      [](void* block) { return hpje_sallocx(block, 0); },
                      [](void* block) { hpje_dallocx(block, kNoCacheFlag); });
}

}  // namespace

int ResetArena(const size_t* mib, void* old, size_t* old_size, void* fresh, size_t fresh_size) {
  size_t arena = mib[1];
  // jemalloc looks past the end of its table of arenas for these.
  if (arena == kAllArenas || arena == kDestroyedArenas) return EFAULT;
  SignalsBlocked block_signals;
  g_lock.Lock();
  ArenaLookup lookup(arena);
  FreeQuarantined(lookup);
  SamplesOfArena samples;
  int error = EAGAIN;
  if (samples.Find(lookup)) {
    g_discarded = samples.addresses();
    g_discarded_count = samples.count();
    error = hpje_mallctlbymib(mib, kResetMibLength, old, old_size, fresh, fresh_size);
    g_discarded_count = 0;
  }
  g_lock.Unlock();
  return error;
}

bool LockArenaResetForFork() HP_NOT_ANALYSED { return g_lock.LockForFork(); }
void UnlockArenaResetInParent() HP_NOT_ANALYSED { g_lock.Unlock(); }
void UnlockArenaResetInChild() { g_lock.ResetAfterFork(); }

}  // namespace heapprof

// What jemalloc's controls call in place of its arena_reset, under g_lock and once all conditions are met.
extern "C" void hpje_arena_reset(void* thread, void* arena) {
  for (size_t i = 0; i < heapprof::g_discarded_count; ++i) {
    heapprof::recorder::RecordFree(reinterpret_cast<const void*>(heapprof::g_discarded[i]));
  }
  hpje_je_arena_reset(thread, arena);
}
