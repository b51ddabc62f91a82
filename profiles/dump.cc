// SPDX-License-Identifier: Apache-2.0
#include "profiles/dump.h"

#include <errno.h>

#include <atomic>

#include "base/lock/owner_lock.h"
#include "base/options.h"
#include "base/system/call_on_stack.h"
#include "base/system/float_environment.h"
#include "base/system/process_copy.h"
#include "base/system/raw_syscall.h"
#include "base/system/signals_blocked.h"
#include "base/text.h"
#include "profiles/dump_file.h"
#include "profiles/dump_memory.h"
#include "profiles/dump_record.h"
#include "profiles/write/heap_profile.h"
#include "profiles/write/named_profile.h"
#include "proto/descriptor_sink.h"
#include "sampling/counts/named_profiles.h"
#include "sampling/unwind/walk.h"

namespace heapprof {
namespace {

// The dump lock. Threads that want a dump of their own wait.
OwnerLock<LockRank::kDump> g_dump_lock;
// A signal asked for a dump. Whoever holds the lock sees to it before or after letting go.
std::atomic<bool> g_signal_pending{false};
uint64_t g_files_written HP_GUARDED_BY(g_dump_lock) = 0;

std::atomic<uint64_t> g_dumps{0}, g_failed_dumps{0};

DumpMemory g_memory HP_GUARDED_BY(g_dump_lock);

size_t WorkspaceSize() {
  size_t heap = HeapProfileWorkspaceSize(), named = NamedProfileWorkspaceSize();
  return heap > named ? heap : named;
}

// Writes one heap profile to a file. Runs on the dump's stack, under the dump lock.
struct FileDump {
  const char* path;  // nullptr: the pattern
  void* workspace;
  int result;

  static void Run(void* argument) HP_NOT_ANALYSED {  // called by RunLocked
    auto* dump = static_cast<FileDump*>(argument);
    dump->result = dump->Write();
  }

  int Write() HP_REQUIRES(g_dump_lock) {
    Text<kPathCapacity> name;
    bool fits = true;
    if (path != nullptr) {
      fits = !name.Str(path).cut();
    } else {
      fits = ExpandPattern(GetOptions().output, g_files_written + 1, ".heap.pb.gz", &name);
    }
    DumpFile file;
    int error = fits ? file.Open(name.data()) : -ENAMETOOLONG;
    if (error == 0) error = file.Close(WriteHeapProto(HeapProfileKind::kHeap, file.fd(), workspace));
    if (error == 0 && path == nullptr) ++g_files_written;  // a failure leaves no gap in the numbers
    if (error != 0) {
      Text<kPathCapacity + 128> line;
      Say(line.Str("cannot write heap profile ").Str(name.data()).Str(": ").Str(ErrnoText(-error)));
    } else if (GetOptions().verbose) {
      Text<kPathCapacity + 128> line;
      Say(line.Str("wrote ").Str(name.data()));
    }
    return error;
  }
};

// Writes a named profile to a descriptor.
struct DescriptorDump {
  const NamedProfile* profile;
  int fd;
  int debug;
  bool in_handler;
  void* workspace;
  int result;

  static void Run(void* argument) {
    auto* dump = static_cast<DescriptorDump*>(argument);
    dump->result = dump->Write();
  }

  int Write() {
    switch (profile->kind) {
      case ProfileKind::kAllocs:
        return WriteHeap(HeapProfileKind::kAllocs);
      case ProfileKind::kHeap:
        return WriteHeap(HeapProfileKind::kHeap);
      case ProfileKind::kPeak:
        return WriteHeap(HeapProfileKind::kPeak);
      default:
        DescriptorSink sink(fd);
        return WriteNamedProfile(*profile, debug, &sink, workspace);
    }
  }
  int WriteHeap(HeapProfileKind kind) {
    return debug == 0 ? WriteHeapProto(kind, fd, workspace) : WriteHeapText(kind, fd, workspace, in_handler);
  }
};

// Writes to a descriptor what was allocated since a moment.
struct IntervalDump {
  const EarlierCounts* earlier;
  int fd;
  void* workspace;
  int result;

  static void Run(void* argument) {
    auto* dump = static_cast<IntervalDump*>(argument);
    dump->result = WriteIntervalProto(*dump->earlier, dump->fd, dump->workspace);
  }
};

// Runs `dump` under the lock that the caller holds.
template <typename Dump>
int RunLocked(Dump* dump) HP_REQUIRES(g_dump_lock) {
  if (!g_memory.Map(WorkspaceSize())) {
    Say("no memory for writing a heap profile (the address space is used up); nothing is written");
    CountDump(-ENOMEM);
    return -ENOMEM;
  }
  dump->workspace = g_memory.workspace();
  OwnFloatEnvironment environment;
  CallOnStack(Dump::Run, dump, g_memory.stack_top());
  g_memory.GiveBack();
  CountDump(dump->result);
  return dump->result;
}

// Serves the signals that came in. The flag is looked at again after the lock is free, as a handler may have
// set it and gone away in between.
void ServePendingSignals() {
  while (g_signal_pending.load(std::memory_order_acquire) && g_dump_lock.TryLock()) {
    if (g_signal_pending.exchange(false, std::memory_order_acq_rel)) {
      FileDump dump = {nullptr, nullptr, 0};
      if (const int error = RunLocked(&dump); error != 0) PublishDumpFailure(error);
    }
    g_dump_lock.Unlock();
  }
}

template <typename Dump>
int RunDump(Dump* dump) {
  int saved_errno = errno;
  int result;
  {
    SignalsBlocked blocked;
    AdoptIfCopy();
    g_dump_lock.Lock();
    result = RunLocked(dump);
    g_dump_lock.Unlock();
    ServePendingSignals();
  }
  errno = saved_errno;
  return result;
}

}  // namespace

// At the start, where nobody else is.
void MapDumpMemory() HP_NOT_ANALYSED { g_memory.Map(WorkspaceSize()); }

void DumpOnSignal() {
  int saved_errno = errno;
  AdoptIfCopy();
  // release: ServePendingSignals of whoever holds the lock sees it.
  g_signal_pending.store(true, std::memory_order_release);
  ServePendingSignals();
  errno = saved_errno;
}

void DumpsAfterForkInChild() HP_NOT_ANALYSED {
  g_dump_lock.ResetAfterFork();
  g_signal_pending.store(false, std::memory_order_relaxed);
  g_memory.GiveBack();  // a dump that another thread of the parent had under way left it half used
  g_files_written = 0;
}

int DumpHeap(const char* path) {
  FileDump dump = {path, nullptr, 0};
  return RunDump(&dump);
}

int WriteProfile(const char* name, int fd, int debug) {
  if (name == nullptr || debug < 0 || debug > 1) return -EINVAL;
  DescriptorDump dump = {ProcessProfiles().Lookup(name), fd, debug, false, nullptr, 0};
  if (dump.profile == nullptr) return -ENOENT;
  if (debug != 0) {
    // The allocator's statistics take its locks, which the code that a handler interrupted may hold.
    constexpr uint32_t kFrames = 256;
    uintptr_t pcs[kFrames];
    WalkResult walk = WalkStack(HEAPPROF_CALLER_FRAME(), {0, 0}, pcs, kFrames);
    dump.in_handler = walk.in_handler || walk.truncated || walk.depth == kFrames;
  }
  return RunDump(&dump);
}

int WriteInterval(const EarlierCounts& earlier, int fd) {
  IntervalDump dump = {&earlier, fd, nullptr, 0};
  return RunDump(&dump);
}

void CountDump(int error) { (error == 0 ? g_dumps : g_failed_dumps).fetch_add(1, std::memory_order_relaxed); }

DumpStats GetDumpStats() {
  return {g_dumps.load(std::memory_order_relaxed), g_failed_dumps.load(std::memory_order_relaxed)};
}

}  // namespace heapprof
