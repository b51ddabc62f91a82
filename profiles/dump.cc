// SPDX-License-Identifier: Apache-2.0
#include "profiles/dump.h"

#include <errno.h>
#include <string.h>

#include <algorithm>
#include <atomic>
#include <initializer_list>

#include "base/dump_record.h"
#include "base/lock/owner_lock.h"
#include "base/options.h"
#include "base/system/call_on_stack.h"
#include "base/system/float_environment.h"
#include "base/system/process_copy.h"
#include "base/system/raw_syscall.h"
#include "base/system/signals_blocked.h"
#include "base/text.h"
#include "profiles/dump_record.h"
#include "profiles/memory/memory_profile.h"
#include "profiles/output/dump_file.h"
#include "profiles/output/dump_memory.h"
#include "profiles/thread_dump.h"
#include "profiles/write/heap_profile.h"
#include "profiles/write/named_profile.h"
#include "proto/descriptor_sink.h"
#include "sampling/contention/contention.h"
#include "sampling/counts/named_profiles.h"
#include "sampling/unwind/caller_frame.h"
#include "sampling/unwind/walk.h"

namespace heapprof {
namespace {

// The dump lock. Threads that want a dump of their own wait.
OwnerLock<LockRank::kDump> g_dump_lock;
// What signals asked for, of SignalDump. Whoever holds the lock sees to it before or after letting go.
std::atomic<uint32_t> g_signal_pending{0};
// By the bit of SignalDump.
NumberedFiles g_files[7] HP_GUARDED_BY(g_dump_lock) = {};
std::atomic<uint64_t> g_keep_dumps{0};

std::atomic<uint64_t> g_dumps{0}, g_failed_dumps{0};

DumpMemory g_memory HP_GUARDED_BY(g_dump_lock);

size_t WorkspaceSize() {
  return std::max({HeapProfileWorkspaceSize(), NamedProfileWorkspaceSize(), ThreadDumpWorkspaceSize(),
                   MemoryProfileWorkspaceSize()});
}

// Writes one profile to a file. Runs on the dump's stack, under the dump lock.
struct FileDump {
  const char* path;  // nullptr: the pattern
  SignalDump kind;   // not of the threads
  void* workspace;
  int result;

  static void Run(void* argument) HP_NOT_ANALYSED {  // called by RunLocked
    auto* dump = static_cast<FileDump*>(argument);
    dump->result = dump->Write();
  }

  const char* ProfileName() const {
    return kind == SignalDump::kMemory      ? "memory"
           : kind == SignalDump::kPeak      ? "peak"
           : kind == SignalDump::kGrowth    ? "growth"
           : kind == SignalDump::kLifetimes ? "lifetimes"
                                            : "heap";
  }

  int Write() HP_REQUIRES(g_dump_lock) {
    NumberedFiles& files = g_files[__builtin_ctz(static_cast<uint32_t>(kind))];
    Text<kPathCapacity> name;
    Text<32> suffix;
    suffix.Str(".").Str(ProfileName()).Str(".pb.gz");
    bool fits = true;
    if (path != nullptr) {
      fits = !name.Str(path).cut();
    } else {
      fits = ExpandPattern(GetOptions().output, files.written + 1, suffix.data(), &name);
    }
    DumpFile file;
    int error = fits ? file.Open(name.data()) : -ENAMETOOLONG;
    if (error == 0) error = file.Close(WriteTo(file.fd()));
    if (error == 0 && path == nullptr) {
      ++files.written;  // a failure leaves no gap in the numbers
      if (kind == SignalDump::kHeap) {
        WriteWaits(files.written);
        RemoveOldest(KeptDumps(), {suffix.data(), ".block.pb.gz", ".mutex.pb.gz"}, &files);
      } else {
        RemoveOldest(KeptDumps(), {suffix.data()}, &files);
      }
    }
    if (error != 0) {
      Text<kPathCapacity + 128> line;
      line.Str("cannot write ").Str(ProfileName()).Str(" profile ");
      Say(line.Str(name.data()).Str(": ").Str(ErrnoText(-error)));
    } else if (GetOptions().verbose) {
      Text<kPathCapacity + 128> line;
      Say(line.Str("wrote ").Str(name.data()));
    }
    return error;
  }
  int WriteTo(int fd) const {
    DescriptorSink sink(fd);
    if (kind != SignalDump::kMemory) {
      return WriteHeapProto(kind == SignalDump::kPeak        ? HeapProfileKind::kPeak
                            : kind == SignalDump::kGrowth    ? HeapProfileKind::kGrowth
                            : kind == SignalDump::kLifetimes ? HeapProfileKind::kLifetimes
                                                             : HeapProfileKind::kHeap,
                            &sink, workspace);
    }
    return WriteMemoryProfile(0, &sink, workspace);
  }

  // Beside the heap's, with the same number, if waits are or were recorded.
  void WriteWaits(uint64_t number) HP_REQUIRES(g_dump_lock) {
    for (const char* name : {"block", "mutex"}) {
      const NamedProfile* profile = ProcessProfiles().Lookup(name);
      if (contention::Interval() == 0 && ProfileCount(*profile) == 0) continue;
      Text<32> suffix;
      suffix.Str(".").Str(name).Str(".pb.gz");
      Text<kPathCapacity> file_name;
      const bool fits = ExpandPattern(GetOptions().output, number, suffix.data(), &file_name);
      DumpFile file;
      int error = fits ? file.Open(file_name.data()) : -ENAMETOOLONG;
      if (error == 0) {
        DescriptorSink sink(file.fd());
        error = file.Close(WriteNamedProfile(*profile, 0, &sink, Cleared()));
      }
      if (error == 0 && !GetOptions().verbose) continue;
      Text<kPathCapacity + 128> line;
      if (error == 0) {
        line.Str("wrote ").Str(file_name.data());
      } else {
        line.Str("cannot write ").Str(name).Str(" profile ").Str(file_name.data()).Str(": ");
        line.Str(ErrnoText(-error));
      }
      Say(line);
    }
  }
  // The workspace as the next writer wants it.
  void* Cleared() {
    memset(workspace, 0, NamedProfileWorkspaceSize());
    return workspace;
  }
};

// Writes a named profile to a sink.
struct SinkDump {
  const NamedProfile* profile;
  ByteSink* sink;
  int debug;
  bool in_handler;
  const OwnStack* caller;
  void* workspace = nullptr;
  int result = 0;

  static void Run(void* argument) {
    auto* dump = static_cast<SinkDump*>(argument);
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
      case ProfileKind::kMemory:
        return WriteMemoryProfile(debug, sink, workspace);
      case ProfileKind::kThreads:
        return WriteThreads(*caller, debug, sink, workspace);
      case ProfileKind::kGrowth:
        return WriteHeap(HeapProfileKind::kGrowth);
      case ProfileKind::kLifetimes:
        return WriteHeap(HeapProfileKind::kLifetimes);
      default:
        return WriteNamedProfile(*profile, debug, sink, workspace);
    }
  }
  int WriteHeap(HeapProfileKind kind) {
    return debug == 0 ? WriteHeapProto(kind, sink, workspace)
                      : WriteHeapText(kind, sink, workspace, in_handler);
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
    DescriptorSink sink(dump->fd);
    dump->result = WriteIntervalProto(*dump->earlier, &sink, dump->workspace);
  }
};

// What a peer's function asks for.
struct CalledDump {
  int (*write)(void* argument, void* workspace);
  void* argument;
  void* workspace;
  int result;

  static void Run(void* argument) {
    auto* dump = static_cast<CalledDump*>(argument);
    dump->result = dump->write(dump->argument, dump->workspace);
  }
};

// Writes the stacks of all threads to where a signal's go.
struct ThreadsDump {
  const OwnStack* caller;
  bool as_text;
  void* workspace;
  int result;

  static void Run(void* argument) {
    auto* dump = static_cast<ThreadsDump*>(argument);
    dump->result = dump->as_text ? DumpThreadText(*dump->caller, dump->workspace)
                                 : DumpThreadFile(*dump->caller, dump->workspace);
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

int ServeLook() HP_REQUIRES(g_dump_lock) {
  char place[kPlaceSize];
  if (!ReadPlace(place)) return -EINVAL;
  for (const SignalDump kind : {SignalDump::kMemory, SignalDump::kHeap}) {
    Text<kPlaceSize + 32> path;
    path.Str(place).Str(kind == SignalDump::kMemory ? ".memory" : ".heap");
    FileDump dump = {path.Str(".pb.gz").data(), kind, nullptr, 0};
    if (const int error = RunLocked(&dump); error != 0) return error;
  }
  return 0;
}

void Serve(SignalDump kind, const OwnStack& caller) HP_REQUIRES(g_dump_lock) {
  int error;
  if (kind == SignalDump::kLook) {
    error = ServeLook();
  } else if (kind != SignalDump::kThreadText && kind != SignalDump::kThreadFile) {
    FileDump dump = {nullptr, kind, nullptr, 0};
    error = RunLocked(&dump);
  } else {
    ThreadsDump dump = {&caller, kind == SignalDump::kThreadText, nullptr, 0};
    error = RunLocked(&dump);
  }
  if (error != 0 && kind != SignalDump::kThreadText) PublishDumpFailure(error);
}

// Serves the signals that came in. The word is looked at again after the lock is free, as a handler may have
// set it and gone away in between.
void ServePendingSignals(const OwnStack& caller) {
  while (g_signal_pending.load(std::memory_order_acquire) != 0 && g_dump_lock.TryLock()) {
    uint32_t pending = g_signal_pending.exchange(0, std::memory_order_acq_rel);
    for (; pending != 0; pending &= pending - 1) Serve(static_cast<SignalDump>(pending & -pending), caller);
    g_dump_lock.Unlock();
  }
}

// By a thread that has written something else: that is where it is.
__attribute__((noinline)) void ServeForOthers() {
  constexpr uint32_t kFrames = 128;
  uintptr_t pcs[kFrames];
  const OwnStack caller = {nullptr, pcs, WalkStack(HEAPPROF_CALLER_FRAME(), {0, 0}, pcs, kFrames)};
  ServePendingSignals(caller);
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
    if (g_signal_pending.load(std::memory_order_acquire) != 0) ServeForOthers();
  }
  errno = saved_errno;
  return result;
}

}  // namespace

// At the start, where nobody else is.
void MapDumpMemory() HP_NOT_ANALYSED { g_memory.Map(WorkspaceSize()); }

void DumpOnSignal(SignalDump kind, const void* context) {
  int saved_errno = errno;
  AdoptIfCopy();
  // release: ServePendingSignals of whoever holds the lock sees it.
  g_signal_pending.fetch_or(static_cast<uint32_t>(kind), std::memory_order_release);
  ServePendingSignals({static_cast<const ucontext_t*>(context), nullptr, {}});
  errno = saved_errno;
}

void DumpOnTrigger() {
  const int saved_errno = errno;
  SignalsBlocked blocked;
  AdoptIfCopy();
  // release: as above. If a dump is under way its writer sees to this one.
  g_signal_pending.fetch_or(static_cast<uint32_t>(SignalDump::kHeap), std::memory_order_release);
  ServeForOthers();
  errno = saved_errno;
}

void DumpsAfterForkInChild() HP_NOT_ANALYSED {
  g_dump_lock.ResetAfterFork();
  g_signal_pending.store(0, std::memory_order_relaxed);
  g_memory.GiveBack();  // a dump that another thread of the parent had under way left it half used
  for (NumberedFiles& files : g_files) files = {};
  ThreadDumpsAfterForkInChild();
}

int DumpHeap(const char* path) {
  FileDump dump = {path, SignalDump::kHeap, nullptr, 0};
  return RunDump(&dump);
}

int DumpLifetimes() {
  FileDump dump = {nullptr, SignalDump::kLifetimes, nullptr, 0};
  return RunDump(&dump);
}

int WriteProfile(const char* name, int fd, int debug) {
  DescriptorSink sink(fd);
  return WriteProfileTo(name, &sink, debug, HEAPPROF_CALLER_FRAME());
}

int WriteProfileTo(const char* name, ByteSink* sink, int debug, const CallerFrame& frame) {
  if (name == nullptr || debug < 0 || debug > 2) return -EINVAL;
  SinkDump dump = {ProcessProfiles().Lookup(name), sink, debug, false, nullptr};
  if (dump.profile == nullptr) return -ENOENT;
  const bool threads = dump.profile->kind == ProfileKind::kThreads;
  if (debug > 1 && !threads) return -EINVAL;
  if (debug == 0 && !threads) return RunDump(&dump);
  // The allocator's statistics take its locks, which the code that a handler interrupted may hold.
  constexpr uint32_t kFrames = 256;
  uintptr_t pcs[kFrames];
  const OwnStack caller = {nullptr, pcs, WalkStack(frame, {0, 0}, pcs, kFrames)};
  dump.in_handler = caller.walk.in_handler || caller.walk.truncated || caller.walk.depth == kFrames;
  dump.caller = &caller;
  return RunDump(&dump);
}

int WriteInterval(const EarlierCounts& earlier, int fd) {
  IntervalDump dump = {&earlier, fd, nullptr, 0};
  return RunDump(&dump);
}

void KeepDumps(uint64_t files) { g_keep_dumps.store(files, std::memory_order_relaxed); }
uint64_t KeptDumps() { return g_keep_dumps.load(std::memory_order_relaxed); }

int RunAsDump(int (*write)(void* argument, void* workspace), void* argument) {
  CalledDump dump = {write, argument, nullptr, 0};
  return RunDump(&dump);
}

int WriteProfileByOwnThread(const NamedProfile& profile, ByteSink* sink, int debug) {
  const OwnStack caller = {};
  SinkDump dump = {&profile, sink, debug, true, &caller};
  return RunDump(&dump);
}

void CountDump(int error) { (error == 0 ? g_dumps : g_failed_dumps).fetch_add(1, std::memory_order_relaxed); }

DumpStats GetDumpStats() {
  return {g_dumps.load(std::memory_order_relaxed), g_failed_dumps.load(std::memory_order_relaxed)};
}

}  // namespace heapprof
