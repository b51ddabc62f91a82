// SPDX-License-Identifier: Apache-2.0
// What profiles that a clock takes (CPU, wall) have in common: where each goes when it ends, the memory that
// it is written with, and the lock under which it is started and stopped.
//
// It goes to the descriptor that it began with, to the next file of the pattern `output` with a suffix of its
// kind, whose files have a count of their own, or to who asks for it.
//
// Thread-safety: Perform, and whoever knows that there is no profile; the rest inside of Perform.
// Signal-safety: yes. Allocates: mmap only, at the first Perform.
#ifndef HEAPPROF_PROFILES_OUTPUT_CLOCKED_OUTPUT_H_
#define HEAPPROF_PROFILES_OUTPUT_CLOCKED_OUTPUT_H_

#include <errno.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/lock/owner_lock.h"
#include "base/system/call_on_stack.h"
#include "base/system/process_copy.h"
#include "base/system/signals_blocked.h"
#include "profiles/output/dump_memory.h"
#include "profiles/write/count_proto.h"
#include "proto/byte_sink.h"

namespace heapprof {

class ClockedOutput {
 public:
  // What a profile goes to, where that is no descriptor.
  static constexpr int kToFile = -1, kToPeer = -2, kToCaller = -3;

  // `name` is the kind's in messages, `suffix` its files'.
  constexpr ClockedOutput(const char* name, const char* suffix) : name_(name), suffix_(suffix) {}

  // Whether the C interface may begin one so: 0, -EINVAL or -EBADF.
  static int Check(int fd, int hz);
  // start(), and if that is 0 the profile goes to `fd`. 0 or -errno.
  template <typename Function>
  int Start(int fd, Function start) {
    struct stat file = {};
    if (!ReadDescriptor(fd, &file)) return -EBADF;
    const int error = start();
    if (error != 0) return error;
    fd_ = fd;
    file_ = file;
    return 0;
  }
  int to() const { return fd_; }
  bool has_descriptor() const { return fd_ >= 0; }

  // write(sink, profile) to where the profile goes: to the next file, to the descriptor, or to `caller`,
  // where nullptr is nobody. What it returns, or -errno.
  using WriteFunction = int (*)(ByteSink* sink, const void* profile);
  int Write(ByteSink* caller, WriteFunction write, const void* profile);
  CountProtoWorkspace* workspace() const { return static_cast<CountProtoWorkspace*>(memory_.workspace()); }

  // end(), at the program's exit: nobody is left to stop a profile that goes to a descriptor. That may have
  // been closed, and another file may have its number now.
  template <typename Function>
  int EndAtExit(Function end) {
    if (!has_descriptor()) return end();
    if (!IsStillThere()) return -EBADF;
    const int error = end();
    if (error != 0) SayNotWritten(error);
    return error;
  }

 protected:
  DumpMemory memory_;
  uint64_t files_written_ = 0;

 private:
  static bool ReadDescriptor(int fd, struct stat* file);
  int WriteToFile(WriteFunction write, const void* profile);
  bool IsStillThere() const;
  void SayNotWritten(int error) const;

  const char* const name_;
  const char* const suffix_;
  int fd_ = kToFile;
  struct stat file_ = {};  // what fd_ was when the profile began
};

// The same with its lock.
template <LockRank kRank>
class LockedClockedOutput : public ClockedOutput {
 public:
  constexpr LockedClockedOutput(const char* name, const char* suffix) : ClockedOutput(name, suffix) {}

  // function() under the lock, with all signals blocked, on a stack of our own: a handler may have a small
  // one. What it returns, or -ENOMEM.
  template <typename Function>
  int Perform(Function function) {
    struct Work {
      Function* function;
      int result;
    } work = {&function, -ENOMEM};
    const auto run = [](void* argument) {
      auto* work = static_cast<Work*>(argument);
      work->result = (*work->function)();
    };
    SignalsBlocked blocked;
    AdoptIfCopy();
    lock_.Lock();
    if (memory_.Map(sizeof(CountProtoWorkspace))) {
      CallOnStack(run, &work, memory_.stack_top());
      memory_.GiveBack();
    }
    lock_.Unlock();
    return work.result;
  }
  void AfterForkInChild() {
    lock_.ResetAfterFork();
    memory_.GiveBack();
    files_written_ = 0;
  }

 private:
  OwnerLock<kRank> lock_;  // taken with all signals blocked
};

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_OUTPUT_CLOCKED_OUTPUT_H_
