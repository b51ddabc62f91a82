// SPDX-License-Identifier: Apache-2.0
#include "profiles/cpu_profile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/limits.h"
#include "base/lock/owner_lock.h"
#include "base/options.h"
#include "base/system/call_on_stack.h"
#include "base/system/process_copy.h"
#include "base/system/raw_syscall.h"
#include "base/system/signals_blocked.h"
#include "base/text.h"
#include "profiles/dump.h"
#include "profiles/dump_file.h"
#include "profiles/dump_memory.h"
#include "profiles/triggers.h"
#include "profiles/write/count_proto.h"
#include "profiles/write/proto_parts.h"
#include "proto/descriptor_sink.h"
#include "sampling/cpu/cpu_sampler.h"

namespace heapprof {
namespace {

constexpr int kToFile = -1, kToPeer = -2, kToCaller = -3;

// Taken with all signals blocked for each start and stop.
OwnerLock<LockRank::kCpuProfile> g_lock;
// Guarded by the lock.
DumpMemory g_memory;
int g_fd = kToFile;
struct stat g_fd_file = {};         // what g_fd was when the profile began
CpuProfileWriter g_peer = nullptr;  // of kToPeer
uint64_t g_files_written = 0;
bool g_taken_past_libc = false;  // of the profile that is being stopped

const char* KindName(cpu::ClockKind kind) {
  switch (kind) {
    case cpu::ClockKind::kThreadTimers:
      return "thread timers";
    case cpu::ClockKind::kThreadEvents:
      return "perf cpu-clock";
    case cpu::ClockKind::kProcessTimer:
      return "ITIMER_PROF";
  }
  return "";
}

void WriteCpuComments(const void* argument, ProfileBuilder* builder) {
  const auto& profile = *static_cast<const cpu::CpuProfile*>(argument);
  WriteComment("cpu-hz", static_cast<uint64_t>(profile.hz), builder);
  WriteComment("cpu-clock", KindName(profile.kind), builder);
  WriteComment("samples", profile.samples, builder);
  WriteComment("effective-samples", profile.effective, builder);
  WriteComment("lost-samples", profile.lost, builder);
  WriteComment("truncated-stacks", profile.truncated, builder);
  WriteComment("truncated-in-bare-code", profile.in_bare_code, builder);
  WriteComment("periods-at-thread-ends", profile.ended, builder);
  WriteComment("stacks", profile.stacks->count() - 1, builder);
}

int WriteTo(ByteSink* sink, const cpu::CpuProfile& profile) {
  return WriteCountProto(
      {profile.stacks, "samples", "cpu", "nanoseconds", profile.period, profile.start, profile.duration,
       profile.lost, profile.outside, nullptr, 0, WriteCpuComments, &profile},
      sink, static_cast<CountProtoWorkspace*>(g_memory.workspace()));
}

int WriteToFile(const cpu::CpuProfile& profile) {
  Text<kPathCapacity> name;
  bool fits = ExpandPattern(GetOptions().output, g_files_written + 1, ".cpu.pb.gz", &name);
  DumpFile file;
  int error = fits ? file.Open(name.data()) : -ENAMETOOLONG;
  DescriptorSink sink(file.fd());
  if (error == 0) error = file.Close(WriteTo(&sink, profile));
  if (error == 0) ++g_files_written;
  Text<kPathCapacity + 128> line;
  if (error != 0) {
    Say(line.Str("cannot write CPU profile ").Str(name.data()).Str(": ").Str(ErrnoText(-error)));
  } else if (GetOptions().verbose) {
    Say(line.Str("wrote ").Str(name.data()));
  }
  return error;
}

int Start(int fd, int hz, bool only_timers) {
  struct stat file = {};
  if (fd >= 0 && RawSyscall(SYS_fstat, fd, reinterpret_cast<long>(&file)) != 0) return -EBADF;
  int error = cpu::Start(hz, only_timers);
  if (error != 0) return error;
  g_fd = fd;
  g_fd_file = file;
  return 0;
}

// What the end of a profile is given.
struct End {
  ByteSink* caller;  // of a profile for a caller; nullptr: it is thrown away
  int result;

  int Write(const cpu::CpuProfile& profile) const {
    if (g_fd == kToFile) return WriteToFile(profile);
    if (g_fd == kToPeer) return g_peer(profile, g_memory.workspace());
    if (g_fd == kToCaller) return caller == nullptr ? 0 : WriteTo(caller, profile);
    DescriptorSink sink(g_fd);
    return WriteTo(&sink, profile);
  }
};

int EndProfile(ByteSink* caller) {
  End end = {caller, 0};
  auto write = [](const cpu::CpuProfile& profile, void* argument) {
    auto* end = static_cast<End*>(argument);
    end->result = end->Write(profile);
    CountDump(end->result);
    g_taken_past_libc = profile.signal_taken;
  };
  int error = cpu::Stop(write, &end);
  if (g_taken_past_libc) {
    Say("the program took SIGPROF past libc, by a raw system call: the CPU profile has the time since then "
        "in "
        "[lost samples]");
  }
  g_taken_past_libc = false;
  return error != 0 ? error : end.result;
}

// By anybody but who is to have it.
int Stop() { return cpu::HasProfile() && g_fd == kToCaller ? -EBUSY : EndProfile(nullptr); }

// At exit nobody is left to stop a profile that goes to a descriptor. That may have been closed, and another
// file may have its number now.
int StopAtExit() {
  if (g_fd < 0) return EndProfile(nullptr);
  struct stat file = {};
  Text<160> line;
  line.Str("the CPU profile that descriptor ").Dec(g_fd).Str(" was to get is not written: ");
  if (RawSyscall(SYS_fstat, g_fd, reinterpret_cast<long>(&file)) != 0 || file.st_dev != g_fd_file.st_dev ||
      file.st_ino != g_fd_file.st_ino) {
    Say(line.Str("it was closed"));
    return -EBADF;
  }
  int error = Stop();
  if (error != 0) Say(line.Str(ErrnoText(-error)));
  return error;
}

// What is to be done under the lock, on a stack of our own: a handler may have a small one.
struct Work {
  int (*function)(const Work& work);
  int fd, hz;
  bool only_timers = false;
  ByteSink* sink = nullptr;
  int result = 0;
  CpuProfileWriter peer = nullptr;

  static void Run(void* argument) {
    auto* work = static_cast<Work*>(argument);
    work->result = work->function(*work);
  }
};

int Perform(Work work) {
  SignalsBlocked blocked;
  AdoptIfCopy();
  g_lock.Lock();
  if (g_memory.Map(sizeof(CountProtoWorkspace))) {
    CallOnStack(Work::Run, &work, g_memory.stack_top());
    g_memory.GiveBack();
  } else {
    work.result = -ENOMEM;
  }
  g_lock.Unlock();
  return work.result;
}

void SayNotStarted(int error) {
  Text<160> line;
  line.Str("no CPU profile: ");
  if (error == -EEXIST) {
    line.Str("the program uses SIGPROF or ITIMER_PROF itself");
  } else if (error == -ENOMEM) {
    line.Str(ErrnoText(-error));
  } else {
    line.Str("the system refuses a timer, seccomp may: ").Str(ErrnoText(-error));
  }
  Say(line);
}

int StartToFile(const Work& work) {
  int error = Start(kToFile, work.hz, false);
  if (error != 0) SayNotStarted(error);
  return error;
}

void OnCpuSignal(int, siginfo_t*, void*) {
  Perform({[](const Work& work) { return cpu::HasProfile() ? Stop() : StartToFile(work); }, kToFile,
           GetOptions().cpu_hz});
}

}  // namespace

int StartCpuProfile(int fd, int hz) {
  long flags = RawSyscall(SYS_fcntl, fd, F_GETFL);
  if (hz < kMinCpuHz || hz > kMaxCpuHz) return -EINVAL;
  if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) return -EBADF;
  return Perform({[](const Work& work) { return Start(work.fd, work.hz, work.only_timers); }, fd, hz});
}

int StartCpuProfileFor(CpuProfileWriter write, int hz) {
  Work work = {[](const Work& work) {
                 const int error = Start(kToPeer, work.hz, false);
                 if (error == 0) g_peer = work.peer;
                 return error;
               },
               kToPeer, hz};
  work.peer = write;
  return Perform(work);
}

int StopCpuProfile() {
  return Perform({[](const Work&) { return Stop(); }, kToFile, 0});
}

int StartCpuProfileForCaller(int hz, bool only_timers) {
  return Perform({[](const Work& work) { return Start(work.fd, work.hz, work.only_timers); }, kToCaller, hz,
                  only_timers});
}

int StopCpuProfileForCaller(ByteSink* sink) {
  auto stop = [](const Work& work) {
    return cpu::HasProfile() && g_fd == kToCaller ? EndProfile(work.sink) : -ENOENT;
  };
  return Perform({stop, kToCaller, 0, false, sink});
}

void CpuProfileLosesItsSignal(const char* what) {
  if (!cpu::Running() || !cpu::HasProfile()) return;
  Text<160> line;
  Say(line.Str(what).Str(": the CPU profile ends here"));
  Perform({[](const Work&) {
             cpu::Halt();
             return g_fd < 0 ? Stop() : 0;
           },
           kToFile, 0});
}

void InstallCpuTriggers() {
  const Options& options = GetOptions();
  if (options.cpu_signal > 0) InstallHandler(options.cpu_signal, OnCpuSignal);
  if (options.cpu_at_start) Perform({StartToFile, kToFile, options.cpu_hz});
}

void StopCpuProfileAtExit() {
  if (!cpu::HasProfile()) return;
  Perform({[](const Work&) { return StopAtExit(); }, kToFile, 0});
}

void CpuProfileAfterForkInChild(bool copied) {
  g_lock.ResetAfterFork();
  g_memory.GiveBack();
  g_files_written = 0;
  bool whole_life = cpu::ChildAfterFork() && g_fd == kToFile && GetOptions().cpu_at_start;
  // A copy is found out when it asks for something, at its end at the latest.
  if (whole_life && !copied) Perform({StartToFile, kToFile, GetOptions().cpu_hz});
}

}  // namespace heapprof
