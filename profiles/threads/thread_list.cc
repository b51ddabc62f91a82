// SPDX-License-Identifier: Apache-2.0
#include "profiles/threads/thread_list.h"

#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "base/options.h"
#include "base/system/raw_syscall.h"
#include "sampling/counts/named_profiles.h"
#include "sampling/cpu/thread_clock.h"
#include "sampling/look/thread_files.h"
#include "sampling/stop/stop_lock.h"
#include "sampling/thread/labels.h"
#include "sampling/thread/thread_state.h"

namespace heapprof {

namespace {

// What threads with the same stack may differ in.
uint64_t GroupHash(const ListedThread& thread, ThreadGrouping grouping) {
  uint64_t hash = static_cast<uint64_t>(thread.answer) << 8 | (thread.is_caller ? 1 : 0);
  if (grouping == ThreadGrouping::kByStack) return MixBits(hash);
  hash = MixBits(hash ^ static_cast<uint64_t>(thread.facts.letter) << 16);
  for (const char* at = thread.facts.name; *at != '\0'; ++at) {
    hash = MixBits(hash * 31 + static_cast<unsigned char>(*at));
  }
  return hash;
}

}  // namespace

int ThreadList::Collect(const OwnStack& own, ThreadGrouping grouping, bool details) {
  TaskFolder folder;
  if (int error = folder.Open()) return error;
  if (!stacks_.Init()) return -ENOMEM;
  const uint32_t max = GetOptions().max_frames;
  if (int error = List(&folder)) return error;
  if (!MapBatch(max)) return -ENOMEM;
  const int self = RawGetTid();
  for (size_t i = 0; i < count_; ++i) {
    if (threads_[i].tid != self) continue;
    threads_[i].is_caller = true;
    ReadFacts(folder, details, &threads_[i]);
  }
  WalkOwn(own, grouping, max);
  StopLock().Lock();
  WalkOthers(grouping, details, folder, max);
  StopLock().Unlock();
  if (details) EnterCreators();
  return 0;
}

// For all threads, or for many of them: each request waits once for the process that walks.
bool ThreadList::MapBatch(uint32_t max) {
  constexpr size_t kMost = 16 << 20;
  const size_t each = sizeof(WalkedThread) + sizeof(void*) + max * sizeof(uintptr_t);
  batch_.capacity = count_ < kMost / each ? count_ : kMost / each;
  batch_bytes_ = batch_.capacity * each;
  batch_memory_ = RawMap(batch_bytes_);
  if (batch_memory_ == nullptr) return false;
  batch_.walked = static_cast<WalkedThread*>(batch_memory_);
  batch_.threads = reinterpret_cast<ListedThread**>(batch_.walked + batch_.capacity);
  batch_.pcs = reinterpret_cast<uintptr_t*>(batch_.threads + batch_.capacity);
  return true;
}

void ThreadList::Free() {
  stacks_.Free();
  if (threads_ != nullptr) RawUnmap(threads_, capacity_ * sizeof(ListedThread));
  if (batch_memory_ != nullptr) RawUnmap(batch_memory_, batch_bytes_);
  threads_ = nullptr;
  batch_memory_ = nullptr;
  capacity_ = count_ = 0;
}

void ThreadList::ForgetAfterFork() {
  walker_.Forget();
  Free();
}

int ThreadList::List(TaskFolder* folder) {
  // Those that begin meanwhile are left out when there are more of them than this.
  constexpr size_t kMore = 64;
  const size_t threads = CountThreads(folder->descriptor());
  capacity_ = threads + threads / 4 + kMore;
  threads_ = static_cast<ListedThread*>(RawMap(capacity_ * sizeof(ListedThread)));
  if (threads_ == nullptr) return -ENOMEM;
  folder->ForEach(
      [](void* self, int tid) {
        auto* list = static_cast<ThreadList*>(self);
        if (list->count_ == list->capacity_) return false;
        ListedThread* thread = &list->threads_[list->count_++];
        thread->tid = tid;
        thread->cpu_nanos = thread->idle_nanos = -1;
        thread->last_ran.store(-1, std::memory_order_relaxed);
        thread->call = {-1, 0, 0};
        return true;
      },
      this);
  return count_ == 0 ? -ENOENT : 0;
}

void ThreadList::ReadFacts(const TaskFolder& folder, bool details, ListedThread* thread) {
  const bool there = ReadThreadFacts(folder, thread->tid, &thread->facts);
  thread->answer = there ? ThreadAnswer::kRefused : ThreadAnswer::kEnded;
  if (!details || !there || thread->is_caller || thread->facts.letter == 'R') return;
  thread->looked_at = RawMonotonicNanos();
  // release: the other of the two before it.
  thread->last_ran.store(ReadLastRan(folder, thread->tid), std::memory_order_release);
}

void ThreadList::ReadFactsOf(void* batch, size_t index) {
  auto* b = static_cast<Batch*>(batch);
  ReadFacts(*b->folder, b->details, b->threads[index]);
}

// In the process that walks: it goes to the processors where the threads ran.
void ThreadList::FindIdleTimes(void* batch) {
  auto* b = static_cast<Batch*>(batch);
  ProcessorClocks clocks;
  for (size_t i = 0; i < b->size; ++i) {
    ListedThread* thread = b->threads[i];
    // acquire: the time of it; what is not there yet is not told.
    const int64_t last_ran = thread->last_ran.load(std::memory_order_acquire);
    if (last_ran < 0) continue;
    const int64_t behind = clocks.Behind(thread->facts.processor);
    if (behind == ProcessorClocks::kUnknown) continue;
    const int64_t idle = thread->looked_at - behind - last_ran;
    thread->idle_nanos = idle > 0 ? idle : 0;
  }
}

void ThreadList::Enter(ListedThread* thread, ThreadGrouping grouping, const StackCounts::Key& stack) {
  StackCounts::Key key = stack;
  key.hash = MixBits(stack.hash ^ GroupHash(*thread, grouping));
  thread->exact_leaf = stack.exact_leaf;
  thread->hash = key.hash;
  thread->entry = stacks_.FindOrAdd(key);
  stacks_.At(thread->entry)->in.fetch_add(1, std::memory_order_relaxed);
}

void ThreadList::WalkOwn(const OwnStack& own, ThreadGrouping grouping, uint32_t max) {
  for (size_t i = 0; i < count_; ++i) {
    ListedThread& thread = threads_[i];
    if (!thread.is_caller) continue;
    const bool exact = own.context != nullptr;
    uintptr_t* pcs = batch_.pcs;
    const WalkResult walk =
        exact ? WalkStackFromContext(*own.context, CurrentThread().stack, pcs, max) : own.walk;
    thread.answer = ThreadAnswer::kWalked;
    thread.labels = CurrentTags()->labels;
    thread.creator = CurrentTags()->creator;
    Enter(&thread, grouping,
          {exact ? pcs : own.pcs, walk.depth, walk.truncated, exact, walk.hash, thread.labels});
  }
}

void ThreadList::WalkOthers(ThreadGrouping grouping, bool details, const TaskFolder& folder, uint32_t max) {
  batch_.folder = &folder;
  batch_.details = details;
  const WalkCompany company = {ReadFactsOf, details ? FindIdleTimes : nullptr, &batch_};
  for (size_t next = 0; next < count_;) {
    size_t size = 0;
    for (; next < count_ && size < batch_.capacity; ++next) {
      if (threads_[next].is_caller) continue;
      batch_.threads[size] = &threads_[next];
      batch_.walked[size] = {};
      batch_.walked[size].tid = threads_[next].tid;
      batch_.walked[size].max = max;
      batch_.walked[size].pcs = batch_.pcs + size * max;
      ++size;
    }
    batch_.size = size;
    walker_.Walk(batch_.walked, size, true, company);
    EnterWalked(grouping);
  }
  walker_.Stop();
  for (size_t i = 0; details && i < count_; ++i) {
    threads_[i].cpu_nanos = cpu::ThreadCpuNanos(threads_[i].tid);
  }
}

void ThreadList::EnterWalked(ThreadGrouping grouping) {
  for (size_t i = 0; i < batch_.size; ++i) {
    ListedThread* thread = batch_.threads[i];
    WalkedThread& walked = batch_.walked[i];
    thread->answer = walked.answer;
    // Who was to read them has ended.
    if (thread->facts.letter == '\0') ReadFacts(*batch_.folder, false, thread);
    if (thread->facts.letter == 'X') thread->answer = ThreadAnswer::kEnded;
    if (thread->answer == ThreadAnswer::kEnded) continue;
    if (batch_.details && thread->facts.letter != 'R') thread->call = walked.call;
    if (walked.answer != ThreadAnswer::kWalked) {
      // Where it waits is known all the same.
      walked.walk = {walked.call.pc != 0 ? 1u : 0u, Truncation::kLost, false, walked.call.pc};
      walked.pcs[0] = walked.call.pc;
    }
    thread->labels = walked.labels;
    thread->creator = walked.creator;
    Enter(thread, grouping,
          {walked.pcs, walked.walk.depth, walked.walk.truncated, true, walked.walk.hash, walked.labels});
  }
}

int ThreadList::Subtract(const ThreadList& earlier) {
  const size_t capacity = count_ + earlier.count_;
  auto* wider = static_cast<ListedThread*>(RawMap(capacity * sizeof(ListedThread)));
  if (wider == nullptr) return -ENOMEM;
  // Nobody writes any more: the atomic in it is a number.
  memcpy(static_cast<void*>(wider), threads_, count_ * sizeof(ListedThread));
  RawUnmap(threads_, capacity_ * sizeof(ListedThread));
  threads_ = wider;
  capacity_ = capacity;
  for (size_t i = 0; i < earlier.count_; ++i) {
    const ListedThread& was = earlier.threads_[i];
    if (was.answer == ThreadAnswer::kEnded) continue;
    const CountedStack& entry = earlier.stacks_.at(was.entry);
    const uint32_t max = GetOptions().max_frames;
    const uint32_t depth = entry.depth < max ? entry.depth : max;
    for (uint32_t frame = 0; frame < depth; ++frame) {
      const uint64_t address = earlier.stacks_.AddressOf(earlier.stacks_.LocationsOf(entry)[frame]);
      batch_.pcs[frame] = frame == 0 && was.exact_leaf ? address : address + 1;
    }
    ListedThread& now = threads_[count_++];
    memcpy(static_cast<void*>(&now), &was, sizeof(now));
    now.entry = stacks_.FindOrAdd({batch_.pcs, depth, entry.truncated, was.exact_leaf, was.hash, was.labels});
    stacks_.At(now.entry)->out.fetch_add(1, std::memory_order_relaxed);
  }
  return 0;
}

// The creators' stacks become entries here, whose count is 0, so that one table has all addresses.
void ThreadList::EnterCreators() {
  NamedProfile* profile = ProcessProfiles().Lookup("threadcreate");
  // acquire: pairs with the release that published it.
  const StackCounts* made = profile->counts.load(std::memory_order_acquire);
  uint32_t last = 0, last_entry = 0;
  for (size_t i = 0; i < count_; ++i) {
    ListedThread& thread = threads_[i];
    const uint32_t creator = thread.answer == ThreadAnswer::kEnded ? 0 : thread.creator;
    thread.creator = 0;
    if (made == nullptr || creator == 0 || creator > made->count()) continue;
    if (creator != last) {
      const CountedStack& entry = made->at(creator);
      const uint32_t max = GetOptions().max_frames;
      const uint32_t depth = entry.depth < max ? entry.depth : max;
      for (uint32_t frame = 0; frame < depth; ++frame) {
        batch_.pcs[frame] = made->AddressOf(made->LocationsOf(entry)[frame]) + 1;
      }
      last = creator;
      last_entry = stacks_.FindOrAdd(
          {batch_.pcs, depth, entry.truncated, false, MixBits(entry.hash ^ creator), entry.labels});
    }
    thread.creator = last_entry == StackCounts::kOverflow ? 0 : last_entry;
  }
}

const char* ThreadStateName(const ListedThread& thread) {
  if (thread.is_caller) return "running";
  switch (thread.facts.letter) {
    case 'R':
      return "running";
    case 'S':
    case 'I':
      return "waiting";
    case 'D':
      return "uninterruptible";
    case 'T':
    case 't':
      return "stopped";
    default:
      return "unknown";
  }
}

bool AppendOccupation(const ListedThread& thread, TextWriter* text) {
  if (thread.is_caller) {
    text->Str("writes this dump");
  } else if (thread.call.number >= 0) {
    AppendCall(thread.call, text);
  } else {
    return false;
  }
  return true;
}

NoStack WhyNoStack(const ListedThread& thread) {
  switch (thread.answer) {
    case ThreadAnswer::kWalked:
      return NoStack::kThereIsOne;
    case ThreadAnswer::kKernels:
      return NoStack::kKernels;
    case ThreadAnswer::kSilent:
      return thread.facts.letter == 'D' ? NoStack::kAsleep : NoStack::kSilent;
    default:
      return NoStack::kRefused;
  }
}

const char* NoStackFrame(NoStack why) {
  static constexpr const char* kFrames[kNoStackKinds] = {
      "", "[worker of the kernel]", "[not stopped: sleeps uninterruptibly]",
      "[not stopped: blocks signals, or got no processor]", "[not stopped: neither traced nor signalled]"};
  return kFrames[static_cast<int>(why)];
}

}  // namespace heapprof
