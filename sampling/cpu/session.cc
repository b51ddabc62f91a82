// SPDX-License-Identifier: Apache-2.0
#include "sampling/cpu/session.h"

#include <alloca.h>

#include <new>

#include "base/hash.h"
#include "base/memory/arena.h"
#include "base/options.h"
#include "base/system/call_on_stack.h"
#include "base/system/raw_syscall.h"
#include "sampling/thread/labels.h"
#include "sampling/thread/thread_state.h"
#include "sampling/unwind/walk.h"

namespace heapprof::cpu {

// Where a handler works: it may run on a signal stack of the least size, or on a small coroutine's. `busy`
// and the PCs lie below the stack.
struct Session::Scratch {
  static constexpr size_t kStack = 8 << 10;

  std::atomic<bool> busy;
  uintptr_t pcs[];

  static size_t Size(uint32_t max_frames) {
    constexpr size_t kLine = 64;
    size_t size = sizeof(Scratch) + max_frames * sizeof(uintptr_t) + kStack;
    return (size + kLine - 1) / kLine * kLine;
  }
};

struct Session::Walk {
  Session* session;
  Scratch* scratch;
  const ucontext_t* context;
  uint32_t weight;
  uint64_t clock;
};

namespace {

constexpr uint64_t kSmallLimit = 16 << 20;
// How many records who wrote one merges at most. Of those who write at the same time only one does; so it has
// to be more than there are usually at a time.
constexpr int kMergedAtOnce = 32;

size_t BufferWords() {
  constexpr uint64_t kMin = 64 << 10, kMax = 2 << 20;
  uint64_t wanted = GetOptions().metadata_limit / 16;
  uint64_t bytes = kMin;
  while (bytes * 2 <= wanted && bytes < kMax) bytes *= 2;
  return bytes / sizeof(ProfileBuffer::Word);
}

// As many handlers can work at a time; that many are under way only when that many threads run or were
// preempted in one.
size_t ScratchCount() { return GetOptions().metadata_limit < kSmallLimit ? 8 : 64; }

size_t RoundUpToLine(size_t size) { return (size + 63) / 64 * 64; }

}  // namespace

Session* Session::Make(size_t threads) {
  size_t words = BufferWords();
  size_t scratch_size = Scratch::Size(GetOptions().max_frames);
  size_t head = RoundUpToLine(sizeof(Session));
  size_t buffer = words * sizeof(ProfileBuffer::Word);
  size_t last = RoundUpToLine((threads + 1) * sizeof(Last));
  size_t bytes = head + buffer + last + scratch_size * ScratchCount();
  char* memory = static_cast<char*>(MapMetadata(bytes));
  if (memory == nullptr) return nullptr;
  auto* session = new (memory) Session(reinterpret_cast<ProfileBuffer::Word*>(memory + head), words);
  session->bytes_ = bytes;
  session->last_ = reinterpret_cast<Last*>(memory + head + buffer);
  session->scratch_ = memory + head + buffer + last;
  session->scratch_size_ = scratch_size;
  session->scratch_count_ = ScratchCount();
  if (session->stacks_.Init()) return session;
  UnmapMetadata(memory, bytes);
  return nullptr;
}

void Session::Free() {
  stacks_.Free();
  UnmapMetadata(this, bytes_);
}

Session::Scratch* Session::TakeScratch() {
  // Each thread begins its search elsewhere, and mostly ends it there.
  size_t first = MixBits(reinterpret_cast<uintptr_t>(&CurrentThread())) % scratch_count_;
  for (size_t i = 0; i < scratch_count_; ++i) {
    auto* scratch = reinterpret_cast<Scratch*>(scratch_ + (first + i) % scratch_count_ * scratch_size_);
    if (!scratch->busy.load(std::memory_order_relaxed) &&
        !scratch->busy.exchange(true, std::memory_order_acquire)) {
      return scratch;
    }
  }
  return nullptr;
}

void Session::RunWalk(void* argument) {
  auto* walk = static_cast<Walk*>(argument);
  uintptr_t* pcs = walk->scratch->pcs;
  WalkResult result =
      WalkStackFromContext(*walk->context, CurrentThread().stack, pcs, GetOptions().max_frames);
  walk->session->buffer_.Write({RawMonotonicNanos(), CurrentLabels(), walk->weight, result.depth,
                                result.truncated, false, result.hash, walk->clock, pcs});
  walk->session->DrainSome(pcs);
}

void Session::RunOn(Scratch* scratch, void (*function)(void*), void* argument) {
  CallOnStack(function, argument, reinterpret_cast<char*>(scratch) + scratch_size_);
  // release: our use of it before the next one's.
  scratch->busy.store(false, std::memory_order_release);
}

void Session::RecordTick(const ucontext_t& context, uint32_t weight, uint64_t clock) {
  Scratch* scratch = TakeScratch();
  if (scratch == nullptr) {
    buffer_.CountLost(weight);
    return;
  }
  Walk walk = {this, scratch, &context, weight, clock};
  RunOn(scratch, RunWalk, &walk);
}

void Session::RecordEnd(uintptr_t function, uint32_t weight, uint64_t clock) {
  buffer_.Write({RawMonotonicNanos(), CurrentLabels(), weight, function == 0 ? 0u : 1u, Truncation::kNone,
                 true, MixBits(function), clock, &function});
  // Where many threads live for less than a period there are no ticks.
  Scratch* scratch = TakeScratch();
  if (scratch == nullptr) return;
  Walk walk = {this, scratch, nullptr, 0, 0};
  auto drain = [](void* argument) {
    auto* walk = static_cast<Walk*>(argument);
    walk->session->DrainSome(walk->scratch->pcs);
  };
  RunOn(scratch, drain, &walk);
}

uint32_t* Session::LastOf(uint64_t clock) {
  Last* last = &last_[clock >> 32];
  auto count = static_cast<uint32_t>(clock);
  if (last->count != count) *last = {count, 0};
  return &last->entry;
}

void Session::Charge(const Record& record) {
  uint32_t* last = LastOf(record.clock);
  uint32_t entry = record.end ? *last : 0;
  if (entry == 0) {
    entry = stacks_.FindOrAdd({record.pcs, record.depth, record.truncated, true, record.hash, record.labels});
    ++samples_;
    if (record.truncated) ++truncated_;
    if (record.truncated == Truncation::kInBareCode) ++in_bare_code_;
  }
  if (record.end) {
    ended_ += record.weight;
  } else {
    last_entry_ = *last = entry;
  }
  stacks_.At(entry)->in.fetch_add(record.weight, std::memory_order_relaxed);
  periods_ += record.weight;
  squares_ += uint64_t{record.weight} * record.weight;
}

void Session::ChargeRest(uintptr_t function, uint64_t weight, uint64_t clock) {
  Charge({0, 0, static_cast<uint32_t>(weight), function == 0 ? 0u : 1u, Truncation::kNone, true,
          MixBits(function), clock, &function});
}

void Session::ChargeRestOfProcess(uint64_t weight) {
  if (last_entry_ != 0) stacks_.At(last_entry_)->in.fetch_add(weight, std::memory_order_relaxed);
}

// Under the lock.
void Session::Drain() {
  uint32_t max = GetOptions().max_frames;
  auto* pcs = static_cast<uintptr_t*>(alloca(max * sizeof(uintptr_t)));
  Record record;
  while (buffer_.Read(&record, pcs, max)) Charge(record);
}

// A handler may have interrupted whoever holds the lock, and does not wait. What is left is for the next one.
void Session::DrainSome(uintptr_t* pcs) {
  if (!lock_.TryLock()) return;
  Record record;
  for (int i = 0; i < kMergedAtOnce && buffer_.Read(&record, pcs, GetOptions().max_frames); ++i) {
    Charge(record);
  }
  lock_.Unlock();
}

void Session::Finish() {
  SpinLockHolder hold(&lock_);
  Drain();
}

bool Session::HasLocationIn(uint64_t start, uint64_t limit) {
  SpinLockHolder hold(&lock_);
  Drain();
  return stacks_.HasLocationIn(start, limit);
}

void Session::MoveLocations(uint64_t start, uint64_t limit, uint64_t to) {
  SpinLockHolder hold(&lock_);
  stacks_.MoveLocations(start, limit, to);
}

}  // namespace heapprof::cpu
