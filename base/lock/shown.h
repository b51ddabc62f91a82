// SPDX-License-Identifier: Apache-2.0
// An object that any thread, and any handler, may use while it is shown, and that its owner takes away before
// it ends.
//
// Who is about to use it counts itself first and looks then; the owner takes it away first and then looks at
// the count (all sequentially consistent): so either the user sees nothing, or the owner sees the user and
// waits for it. In a copy of the process nothing is shown.
//
// Thread-safety: Show, TakeAway and WaitForUsers by one at a time; the rest from anywhere. Whoever waits must
// have interrupted no user: others than its own handlers use it with all signals blocked. Signal-safety: yes.
// Allocates: never. Zeroed memory is an object that shows nothing.
#ifndef HEAPPROF_BASE_LOCK_SHOWN_H_
#define HEAPPROF_BASE_LOCK_SHOWN_H_

#include <sys/syscall.h>

#include <atomic>

#include "base/system/process_copy.h"
#include "base/system/raw_syscall.h"

namespace heapprof {

template <typename Object>
class Shown {
 public:
  class User {
   public:
    explicit User(Shown* shown) : shown_(shown) {
      shown_->users_.fetch_add(1, std::memory_order_seq_cst);
      object_ = IsCopy() ? nullptr : shown_->object_.load(std::memory_order_seq_cst);
    }
    // release: what was done with the object before the count that its owner waits for.
    ~User() { shown_->users_.fetch_sub(1, std::memory_order_release); }
    User(const User&) = delete;
    User& operator=(const User&) = delete;
    // nullptr: nothing is shown.
    Object* get() const { return object_; }

   private:
    Shown* const shown_;
    Object* object_;
  };

  // Without a right to use it.
  Object* Peek() const { return object_.load(std::memory_order_relaxed); }
  bool IsAny() const { return Peek() != nullptr && !IsCopy(); }
  void Show(Object* object) { object_.store(object, std::memory_order_seq_cst); }
  void TakeAway() { object_.store(nullptr, std::memory_order_seq_cst); }
  // Until those that saw it are done.
  void WaitForUsers() const {
    while (users_.load(std::memory_order_acquire) != 0) RawSyscall(SYS_sched_yield);
  }
  // In a child of fork, whose other threads are gone. What was shown.
  Object* ForgetAfterFork() {
    Object* object = Peek();
    object_.store(nullptr, std::memory_order_relaxed);
    users_.store(0, std::memory_order_relaxed);
    return object;
  }

 private:
  std::atomic<Object*> object_{nullptr};
  std::atomic<int> users_{0};
};

}  // namespace heapprof

#endif  // HEAPPROF_BASE_LOCK_SHOWN_H_
