// SPDX-License-Identifier: Apache-2.0
#include "sampling/stop/stop_world.h"

#include <errno.h>
#include <sys/syscall.h>
#include <time.h>

#include <atomic>

#include "base/system/raw_syscall.h"
#include "sampling/stop/stop_by_signal.h"
#include "sampling/stop/stop_lock.h"

namespace heapprof {
namespace {

constexpr int64_t kLookAgain = 2'000'000;  // ns between two looks at the list of threads

// The last table that handlers knew of: one that comes late may still look at it, so that it stays mapped,
// and is used again.
ThreadTable* g_kept = nullptr;

OwnerLock<LockRank::kStop> g_stop_lock;

ThreadTable* MakeTable(size_t threads) {
  if (g_kept != nullptr && g_kept->HasRoomFor(threads)) {
    ThreadTable* table = g_kept;
    g_kept = nullptr;
    return table;
  }
  return ThreadTable::Map(threads);
}

void Pause() {
  timespec time = {0, kLookAgain};
  RawSyscall(SYS_nanosleep, reinterpret_cast<long>(&time), 0);
}

}  // namespace

OwnerLock<LockRank::kStop>& StopLock() { return g_stop_lock; }

int StoppedWorld::Stop(int64_t patience) HP_NOT_ANALYSED {
  StopLock().Lock();
  locked_ = true;
  int error = folder_.Open();
  if (error != 0) {
    Resume();
    return error;
  }
  caller_ = RawGetTid();
  size_t threads = 0;
  folder_.ForEach(
      [](void* count, int) {
        ++*static_cast<size_t*>(count);
        return true;
      },
      &threads);
  // Threads that start in the meantime may be more than there is room for.
  constexpr int kMaxTries = 8;
  error = -ENOSPC;
  for (int tries = 0; error == -ENOSPC && tries < kMaxTries; ++tries, threads *= 2) {
    LetGoAll();
    error = StopWithRoomFor(threads + threads / 4, patience);
  }
  if (error == 0) error = List();
  if (error != 0) Resume();
  return error;
}

int StoppedWorld::StopWithRoomFor(size_t threads, int64_t patience) {
  table_ = MakeTable(threads);
  if (table_ == nullptr) return -ENOMEM;
  int error = tracer_.Stop(table_, &folder_, patience);
  traced_ = error == 0;
  if (error == -ENOSPC) return error;
  int64_t progress = RawMonotonicNanos();
  for (uint32_t answered_before = 0;;) {
    uint32_t answered = signalling_ ? stop_signal::Answered() : 0;
    size_t asked_before = asked_;
    if (AskAll() || full_) break;
    while (signalling_ && answered < asked_ && stop_signal::Wait(answered, kLookAgain)) {
      answered = stop_signal::Answered();
    }
    int64_t now = RawMonotonicNanos();
    if (asked_ != asked_before || answered != answered_before) {
      progress = now;
    } else if (now - progress > patience) {
      break;
    } else if (!signalling_) {
      Pause();
    }
    answered_before = answered;
  }
  return full_ ? -ENOSPC : 0;
}

// Looks at every thread once, and asks those that nobody has stopped. True: all had been stopped before.
// A thread that starts another is itself seen running, or was stopped before: when a whole look finds none
// running, there is none.
bool StoppedWorld::AskAll() {
  silent_ = 0;
  full_ = false;
  bool whole = folder_.ForEach(
      [](void* self, int tid) {
        auto* world = static_cast<StoppedWorld*>(self);
        if (tid == world->caller_) return true;
        ThreadRecord* record = world->table_->FindOrAdd(tid);
        if (record == nullptr) {
          world->full_ = true;
          return false;
        }
        StopState state = record->state.load(std::memory_order_acquire);
        if (state == StopState::kStopped || state == StopState::kKernels) return true;
        TaskFolder::Status status = world->folder_.StatusOf(tid);
        if (status.ended()) return true;  // but still listed
        if (status.kernels) {
          record->state.store(StopState::kKernels, std::memory_order_relaxed);
          return true;
        }
        ++world->silent_;
        if (state == StopState::kAsked || state == StopState::kTraced) return true;
        if (!world->signalling_) stop_signal::Begin(world->table_);
        world->signalling_ = true;
        record->state.store(StopState::kAsked, std::memory_order_release);
        ++world->asked_;
        if (!stop_signal::Ask(tid)) {
          record->state.store(StopState::kGone, std::memory_order_relaxed);
          --world->asked_;
        }
        return true;
      },
      this);
  return whole && silent_ == 0;
}

int StoppedWorld::List() {
  capacity_ = table_->count() + 1;
  threads_ = static_cast<StoppedThread*>(RawMap(capacity_ * sizeof(StoppedThread)));
  if (threads_ == nullptr) return -ENOMEM;
  for (size_t i = 0; i < table_->capacity() && count_ < capacity_; ++i) {
    const ThreadRecord& record = table_->at(i);
    int tid = record.tid.load(std::memory_order_relaxed);
    if (tid == 0) continue;
    StopState state = record.state.load(std::memory_order_acquire);
    if (state == StopState::kKernels) continue;
    bool stopped = state == StopState::kStopped;
    if (!stopped) {
      if (folder_.StatusOf(tid).ended()) continue;
      ++running_;
    }
    const InterruptedCode& code = record.code;
    threads_[count_++] = {tid, stopped, code.stack_pointer, code.control_block, code.registers, code.vectors};
  }
  return 0;
}

void StoppedWorld::Resume() HP_NOT_ANALYSED {
  LetGoAll();
  if (locked_) StopLock().Unlock();
  locked_ = false;
}

void StoppedWorld::LetGoAll() {
  if (table_ == nullptr) return;
  if (signalling_) stop_signal::End();
  tracer_.Release();
  if (signalling_) {
    table_->Clear();
    g_kept = table_;
  } else {
    table_->Unmap();
  }
  table_ = nullptr;
  if (threads_ != nullptr) RawUnmap(threads_, capacity_ * sizeof(StoppedThread));
  threads_ = nullptr;
  count_ = running_ = asked_ = 0;
  traced_ = full_ = signalling_ = false;
}

void ForgetStoppedWorldAfterFork() HP_NOT_ANALYSED {
  StopLock().ResetAfterFork();
  stop_signal::ForgetAfterFork();
}

}  // namespace heapprof
