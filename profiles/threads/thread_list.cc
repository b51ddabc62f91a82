// SPDX-License-Identifier: Apache-2.0
#include "profiles/threads/thread_list.h"

#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "base/options.h"
#include "base/system/raw_syscall.h"
#include "sampling/counts/named_profiles.h"
#include "sampling/cpu/thread_clock.h"
#include "sampling/stop/stop_lock.h"
#include "sampling/thread/labels.h"
#include "sampling/thread/thread_state.h"

namespace heapprof {

// Threads that are walked by one request.
struct ThreadList::Batch {
  static constexpr size_t kThreads = 64;
  WalkedThread walked[kThreads];
  ListedThread* threads[kThreads];
  uintptr_t pcs[];  // max_frames for each
};

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
  batch_bytes_ = sizeof(Batch) + Batch::kThreads * max * sizeof(uintptr_t);
  batch_ = static_cast<Batch*>(RawMap(batch_bytes_));
  if (batch_ == nullptr) return -ENOMEM;
  if (int error = List(folder)) return error;
  ReadFacts(folder, details);
  WalkOwn(own, grouping, batch_->pcs, max);
  StopLock().Lock();
  WalkOthers(grouping, folder, max);
  StopLock().Unlock();
  if (details) EnterCreators();
  return 0;
}

void ThreadList::Free() {
  stacks_.Free();
  if (threads_ != nullptr) RawUnmap(threads_, capacity_ * sizeof(ListedThread));
  if (batch_ != nullptr) RawUnmap(batch_, batch_bytes_);
  threads_ = nullptr;
  batch_ = nullptr;
  capacity_ = count_ = 0;
}

void ThreadList::ForgetAfterFork() {
  walker_.Forget();
  Free();
}

int ThreadList::List(const TaskFolder& folder) {
  auto& listed = const_cast<TaskFolder&>(folder);
  size_t threads = 0;
  listed.ForEach(
      [](void* count, int) {
        ++*static_cast<size_t*>(count);
        return true;
      },
      &threads);
  // Those that begin meanwhile are left out when there are more of them than this.
  constexpr size_t kMore = 64;
  capacity_ = threads + threads / 4 + kMore;
  threads_ = static_cast<ListedThread*>(RawMap(capacity_ * sizeof(ListedThread)));
  if (threads_ == nullptr) return -ENOMEM;
  listed.ForEach(
      [](void* self, int tid) {
        auto* list = static_cast<ThreadList*>(self);
        if (list->count_ == list->capacity_) return false;
        list->threads_[list->count_++].tid = tid;
        return true;
      },
      this);
  return count_ == 0 ? -ENOENT : 0;
}

void ThreadList::ReadFacts(const TaskFolder& folder, bool details) {
  const int self = RawGetTid();
  for (size_t i = 0; i < count_; ++i) {
    ListedThread& thread = threads_[i];
    const bool there = ReadThreadFacts(folder, thread.tid, &thread.facts);
    thread.is_caller = thread.tid == self;
    thread.answer = there ? ThreadAnswer::kRefused : ThreadAnswer::kEnded;
    thread.cpu_nanos = thread.idle_nanos = -1;
    thread.call = {-1, 0, 0};
    thread.last_ran = {-1, 0};
    if (!details || !there) continue;
    thread.cpu_nanos = cpu::ThreadCpuNanos(thread.tid);
    if (thread.is_caller || thread.facts.letter == 'R') continue;
    thread.call = ReadThreadCall(folder, thread.tid);
    thread.last_ran = ReadLastRan(folder, thread.tid);
  }
}

void ThreadList::Enter(ListedThread* thread, ThreadGrouping grouping, const StackCounts::Key& stack) {
  StackCounts::Key key = stack;
  key.hash = MixBits(stack.hash ^ GroupHash(*thread, grouping));
  thread->exact_leaf = stack.exact_leaf;
  thread->entry = stacks_.FindOrAdd(key);
  stacks_.At(thread->entry)->in.fetch_add(1, std::memory_order_relaxed);
}

void ThreadList::WalkOwn(const OwnStack& own, ThreadGrouping grouping, uintptr_t* pcs, uint32_t max) {
  for (size_t i = 0; i < count_; ++i) {
    ListedThread& thread = threads_[i];
    if (!thread.is_caller) continue;
    const bool exact = own.context != nullptr;
    const WalkResult walk =
        exact ? WalkStackFromContext(*own.context, CurrentThread().stack, pcs, max) : own.walk;
    thread.answer = ThreadAnswer::kWalked;
    thread.labels = CurrentTags()->labels;
    thread.creator = CurrentTags()->creator;
    Enter(&thread, grouping,
          {exact ? pcs : own.pcs, walk.depth, walk.truncated, exact, walk.hash, thread.labels});
  }
}

void ThreadList::WalkOthers(ThreadGrouping grouping, const TaskFolder& folder, uint32_t max) {
  Batch* batch = batch_;
  for (size_t next = 0; next < count_;) {
    size_t size = 0;
    for (; next < count_ && size < Batch::kThreads; ++next) {
      ListedThread* thread = &threads_[next];
      if (thread->is_caller || thread->answer == ThreadAnswer::kEnded) continue;
      batch->threads[size] = thread;
      batch->walked[size] = {};
      batch->walked[size].tid = thread->tid;
      batch->walked[size].max = max;
      batch->walked[size].pcs = batch->pcs + size * max;
      ++size;
    }
    walker_.Walk(batch->walked, size, true);
    for (size_t i = 0; i < size; ++i) {
      ListedThread* thread = batch->threads[i];
      WalkedThread& walked = batch->walked[i];
      thread->answer = walked.answer;
      if (walked.answer == ThreadAnswer::kEnded) continue;
      // To be stopped it has run, just now.
      if (thread->last_ran.nanos >= 0 && walked.answer == ThreadAnswer::kWalked) {
        thread->idle_nanos = thread->last_ran.Until(ReadLastRan(folder, thread->tid));
      }
      if (walked.answer != ThreadAnswer::kWalked) {
        // Where it waits is known all the same.
        walked.walk = {thread->call.pc != 0 ? 1u : 0u, true, false, thread->call.pc};
        walked.pcs[0] = thread->call.pc;
      }
      thread->labels = walked.labels;
      thread->creator = walked.creator;
      Enter(thread, grouping,
            {walked.pcs, walked.walk.depth, walked.walk.truncated, true, walked.walk.hash, walked.labels});
    }
  }
  walker_.Stop();
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
        batch_->pcs[frame] = made->AddressOf(made->LocationsOf(entry)[frame]) + 1;
      }
      last = creator;
      last_entry = stacks_.FindOrAdd(
          {batch_->pcs, depth, entry.truncated, false, MixBits(entry.hash ^ creator), entry.labels});
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
