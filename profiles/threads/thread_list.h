// SPDX-License-Identifier: Apache-2.0
// All threads of the process now: what /proc says of each, and its stack, one thread after the other, by the
// process that sampling/look/thread_walker.h says.
//
//   thread -> name, state, call, times;   its stack -> entry of stacks();   who made it -> entry of stacks()
//
// Threads that begin or end meanwhile are there or not. Thread-safety: one user at a time (the dump lock).
// Signal-safety: yes. Allocates: mmap only, until Free. Lock: kStop. Zeroed memory is an empty list.
#ifndef HEAPPROF_PROFILES_THREADS_THREAD_LIST_H_
#define HEAPPROF_PROFILES_THREADS_THREAD_LIST_H_

#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include <atomic>

#include "sampling/counts/stack_counts.h"
#include "sampling/look/thread_facts.h"
#include "sampling/look/thread_walker.h"
#include "sampling/unwind/walk.h"

namespace heapprof {

struct ListedThread {
  int tid;
  ThreadFacts facts;
  ThreadAnswer answer;
  bool is_caller;     // who asked for the list: it runs
  bool exact_leaf;    // the first address of its stack is where it was, not where a call returns to
  ThreadCall call;    // number -1: none, or not asked for
  int64_t cpu_nanos;  // -1: not known
  int64_t looked_at;  // ns of monotonic time
  std::atomic<int64_t> last_ran;  // then, as ReadLastRan has it
  int64_t idle_nanos;             // between these two; -1: not known, or not asked for
  uint32_t labels;
  uint32_t entry;    // of its stack
  uint64_t hash;     // by which that was found
  uint32_t creator;  // of the stack that made it; 0: not known
};

// The stack of the thread that asks, which is not stopped for it.
struct OwnStack {
  const ucontext_t* context;  // of the signal's handler that asks; nullptr: the stack is here
  const uintptr_t* pcs;       // return addresses
  WalkResult walk;
};

// What makes two threads one entry: `count` of it is then how many there are.
enum class ThreadGrouping {
  kByStack,         // stack and labels
  kByNameAndState,  // these, too
};

class ThreadList {
 public:
  // With `details`: calls, times, creators. 0 or -errno; the list is to be freed in either case.
  int Collect(const OwnStack& own, ThreadGrouping grouping, bool details);
  void Free();
  // Takes those of an earlier list off, which had the same grouping: `in` less `out` of an entry is then how
  // many came or, below 0, went. 0 or -ENOMEM.
  int Subtract(const ThreadList& earlier);
  // In a forked child: of what another thread of the parent was collecting.
  void ForgetAfterFork();

  size_t count() const { return count_; }
  const ListedThread& at(size_t index) const { return threads_[index]; }
  StackCounts& stacks() { return stacks_; }

 private:
  // Threads that are walked by one request.
  struct Batch {
    size_t capacity;
    WalkedThread* walked;
    ListedThread** threads;
    uintptr_t* pcs;  // max_frames for each
    // For who walks.
    const TaskFolder* folder;
    size_t size;
    bool details;
  };

  bool MapBatch(uint32_t max);
  int List(TaskFolder* folder);
  static void ReadFacts(const TaskFolder& folder, bool details, ListedThread* thread);
  static void ReadFactsOf(void* batch, size_t index);
  static void FindIdleTimes(void* batch);
  void WalkOwn(const OwnStack& own, ThreadGrouping grouping, uint32_t max);
  void WalkOthers(ThreadGrouping grouping, bool details, const TaskFolder& folder, uint32_t max);
  void EnterWalked(ThreadGrouping grouping);
  void Enter(ListedThread* thread, ThreadGrouping grouping, const StackCounts::Key& stack);
  void EnterCreators();

  ThreadWalker walker_;
  StackCounts stacks_;
  ListedThread* threads_ = nullptr;
  size_t capacity_ = 0, count_ = 0;
  Batch batch_ = {};
  void* batch_memory_ = nullptr;
  size_t batch_bytes_ = 0;
};

// The state of a thread in a word: "running", "waiting", ...
const char* ThreadStateName(const ListedThread& thread);
// What it does there: the call that it waits in, or that it writes this list. False: that is not known.
bool AppendOccupation(const ListedThread& thread, TextWriter* text);
// Why there is no stack of a thread, or its innermost frame only.
enum class NoStack : uint8_t { kThereIsOne, kKernels, kAsleep, kSilent, kRefused };
inline constexpr int kNoStackKinds = 5;
NoStack WhyNoStack(const ListedThread& thread);
// The frame that stands for what is missing: "[...]".
const char* NoStackFrame(NoStack why);

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_THREADS_THREAD_LIST_H_
