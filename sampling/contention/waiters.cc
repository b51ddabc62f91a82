// SPDX-License-Identifier: Apache-2.0
#include "sampling/contention/waiters.h"

#include "base/constinit.h"

namespace heapprof {
namespace {

// This thread holds a shard's lock: a handler of its own must not want another.
thread_local bool t_inside __attribute__((tls_model("initial-exec"))) = false;

}  // namespace

HP_CONSTINIT Waiters g_waiters;

// Holds a shard's lock, unless this thread has been interrupted in here.
class Waiters::Hold {
 public:
  explicit Hold(Shard* shard) HP_NOT_ANALYSED : shard_(t_inside ? nullptr : shard) {
    if (shard_ == nullptr) return;
    t_inside = true;
    // The flag before the lock, and after it, in the eyes of this thread's handlers.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    shard_->lock.Lock();
  }
  ~Hold() HP_NOT_ANALYSED {
    if (shard_ == nullptr) return;
    shard_->lock.Unlock();
    std::atomic_signal_fence(std::memory_order_seq_cst);
    t_inside = false;
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  explicit operator bool() const { return shard_ != nullptr; }

 private:
  Shard* shard_;
};

Waiters::Entry* Waiters::Shard::Find(Kind kind, const void* address, const void* with) {
  for (Entry& entry : entries) {
    if (entry.kind == kind && entry.address == address && entry.lock == with) return &entry;
  }
  return nullptr;
}

// nullptr: there is no room.
Waiters::Entry* Waiters::Shard::FindOrAdd(Kind kind, const void* address, const void* with) {
  if (Entry* entry = Find(kind, address, with)) return entry;
  for (Entry& entry : entries) {
    if (entry.kind != Kind::kFree) continue;
    entry = {address, with, kind, 0, 0, 0, 0};
    used.store(used.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return &entry;
  }
  return nullptr;
}

void Waiters::Shard::Drop(Entry* entry) {
  if (--entry->count != 0) return;
  entry->kind = Kind::kFree;
  used.store(used.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
}

uint64_t Waiters::Enter(const void* lock, uint64_t now) HP_NOT_ANALYSED {
  Shard* shard = Of(lock);
  Hold hold(shard);
  if (!hold) return 0;
  Entry* entry = shard->FindOrAdd(Kind::kLock, lock);
  if (entry == nullptr) return 0;
  // Whoever unlocked since the clock was read has taken up to that moment.
  if (now < entry->taken) now = entry->taken;
  ++entry->count;
  entry->since_sum += now;
  return now;
}

void Waiters::Leave(const void* lock, uint64_t since) HP_NOT_ANALYSED {
  if (since == 0) return;
  Shard* shard = Of(lock);
  Hold hold(shard);
  Entry* entry = hold ? shard->Find(Kind::kLock, lock) : nullptr;
  if (entry == nullptr) return;  // a child, whose parent's thread began to wait
  entry->since_sum -= since > entry->taken ? since : entry->taken;
  shard->Drop(entry);
}

uint64_t Waiters::TakeWaited(const void* lock, uint64_t now) HP_NOT_ANALYSED {
  Shard* shard = Of(lock);
  Hold hold(shard);
  Entry* entry = hold ? shard->Find(Kind::kLock, lock) : nullptr;
  if (entry == nullptr) return 0;
  const auto waited = static_cast<int64_t>(entry->count * now - entry->since_sum);
  if (waited <= 0 || now <= entry->taken) return 0;
  entry->taken = now;
  entry->since_sum = entry->count * now;
  for (Entry& other : shard->entries) {
    if (other.kind == Kind::kCondition && other.lock == lock) other.since_sum = other.woken * now;
  }
  return static_cast<uint64_t>(waited);
}

bool Waiters::EnterLockOf(const void* condition, const void* lock) HP_NOT_ANALYSED {
  Shard* shard = Of(condition);
  Hold hold(shard);
  Entry* entry = hold ? shard->FindOrAdd(Kind::kLockOf, condition, lock) : nullptr;
  if (entry == nullptr) return false;
  ++entry->count;
  return true;
}

void Waiters::LeaveLockOf(const void* condition, const void* lock) HP_NOT_ANALYSED {
  Shard* shard = Of(condition);
  Hold hold(shard);
  if (Entry* entry = hold ? shard->Find(Kind::kLockOf, condition, lock) : nullptr) shard->Drop(entry);
}

bool Waiters::EnterCondition(const void* condition, const void* lock) HP_NOT_ANALYSED {
  if (!EnterLockOf(condition, lock)) return false;
  {
    Shard* shard = Of(lock);
    Hold hold(shard);
    if (Entry* entry = hold ? shard->FindOrAdd(Kind::kCondition, condition, lock) : nullptr) {
      ++entry->count;
      return true;
    }
  }
  LeaveLockOf(condition, lock);
  return false;
}

void Waiters::LeaveCondition(const void* condition, const void* lock) HP_NOT_ANALYSED {
  {
    Shard* shard = Of(lock);
    Hold hold(shard);
    Entry* entry = hold ? shard->Find(Kind::kCondition, condition, lock) : nullptr;
    if (entry == nullptr) return;
    // Who comes first counts as woken, as long as anybody was: of two, one may have run into its time.
    if (entry->woken != 0) {
      const uint64_t since = entry->since_sum / entry->woken;
      entry->since_sum -= since;
      --entry->woken;
      AddWoken(lock, uint64_t{0} - 1);
      if (Entry* waiting = shard->Find(Kind::kLock, lock)) {
        waiting->since_sum -= since;
        shard->Drop(waiting);
      }
    }
    shard->Drop(entry);
  }
  LeaveLockOf(condition, lock);
}

void Waiters::Wake(const void* condition, uint64_t now, bool all) HP_NOT_ANALYSED {
  const void* locks[kEntries];
  size_t count = 0;
  {
    Shard* shard = Of(condition);
    Hold hold(shard);
    if (!hold) return;
    for (const Entry& entry : shard->entries) {
      if (entry.kind == Kind::kLockOf && entry.address == condition) locks[count++] = entry.lock;
    }
  }
  for (size_t i = 0; i < count; ++i) {
    if (WakeWith(condition, locks[i], now, all) && !all) return;
  }
}

// False: none of those who wait with that lock has yet to be woken.
bool Waiters::WakeWith(const void* condition, const void* lock, uint64_t now, bool all) HP_NOT_ANALYSED {
  Shard* shard = Of(lock);
  Hold hold(shard);
  Entry* entry = hold ? shard->Find(Kind::kCondition, condition, lock) : nullptr;
  if (entry == nullptr || entry->woken == entry->count) return false;
  Entry* waiting = shard->FindOrAdd(Kind::kLock, lock);
  if (waiting == nullptr) return true;
  const uint32_t count = all ? entry->count - entry->woken : 1;
  if (now < waiting->taken) now = waiting->taken;
  entry->woken += count;
  AddWoken(lock, count);
  entry->since_sum += count * now;
  waiting->count += count;
  waiting->since_sum += count * now;
  return true;
}

void Waiters::ForgetAllInChild() HP_NOT_ANALYSED {
  for (Shard& shard : shards_) {
    if (shard.used.load(std::memory_order_relaxed) == 0) continue;
    // What a handler of this thread has interrupted goes on with its entry.
    if (shard.lock.IsOwn()) continue;
    for (Entry& entry : shard.entries) entry.kind = Kind::kFree;
    shard.used.store(0, std::memory_order_relaxed);
  }
  for (auto& woken : woken_) {
    if (woken.load(std::memory_order_relaxed) != 0) woken.store(0, std::memory_order_relaxed);
  }
  // Only what another thread held, so that a child writes to no page of the table for nothing.
  for (Shard& shard : shards_) {
    if (!shard.lock.IsFree()) shard.lock.UnlockAfterFork(true);
  }
}

}  // namespace heapprof
