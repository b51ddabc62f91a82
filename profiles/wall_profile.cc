// SPDX-License-Identifier: Apache-2.0
#include "profiles/wall_profile.h"

#include <errno.h>
#include <fcntl.h>
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
#include "profiles/write/count_proto.h"
#include "profiles/write/proto_parts.h"
#include "proto/descriptor_sink.h"
#include "sampling/wall/wait_kind.h"
#include "sampling/wall/wall_sampler.h"
#include "sampling/wall/wall_session.h"

namespace heapprof {
namespace {

constexpr int kToFile = -1, kToCaller = -2;

// Taken with all signals blocked for each start and stop.
OwnerLock<LockRank::kWallProfile> g_lock;
// Guarded by the lock.
DumpMemory g_memory;
int g_fd = kToFile;
struct stat g_fd_file = {};  // what g_fd was when the profile began
uint64_t g_files_written = 0;

void WriteWallComments(const void* argument, ProfileBuilder* builder) {
  const auto& profile = *static_cast<const wall::WallProfile*>(argument);
  WriteComment("wall-hz", static_cast<uint64_t>(profile.hz), builder);
  WriteComment("samples", profile.samples, builder);
  WriteComment("lost-samples", profile.lost, builder);
  WriteComment("walks", profile.stacks, builder);
  WriteComment("truncated-stacks", profile.truncated, builder);
  WriteComment("truncated-in-bare-code", profile.in_bare_code, builder);
  WriteComment("stops", profile.stops, builder);
  WriteComment("refused-stops", profile.refused, builder);
  WriteComment("late-ticks", profile.late, builder);
  if (profile.unwatched != 0) WriteComment("unwatched-threads", profile.unwatched, builder);
  WriteComment("stacks", profile.counts->count() - 1, builder);
}

void WriteWallLabels(uint32_t labels, ProfileBuilder* builder) {
  WriteLabels(wall::SetOf(labels), builder);
  const char* kind = wall::NameOf(wall::KindOf(labels));
  builder->SampleLabel("state", kind == nullptr ? "running" : "waiting");
  if (kind != nullptr) builder->SampleLabel("wait", kind);
}

int WriteTo(ByteSink* sink, const wall::WallProfile& profile) {
  CountProfile counts = {profile.counts,
                         "samples",
                         "wall",
                         "nanoseconds",
                         profile.period,
                         profile.start,
                         profile.duration,
                         profile.lost,
                         0,
                         nullptr,
                         0,
                         WriteWallComments,
                         &profile};
  counts.labels = WriteWallLabels;
  return WriteCountProto(counts, sink, static_cast<CountProtoWorkspace*>(g_memory.workspace()));
}

int WriteToFile(const wall::WallProfile& profile) {
  Text<kPathCapacity> name;
  bool fits = ExpandPattern(GetOptions().output, g_files_written + 1, ".wall.pb.gz", &name);
  DumpFile file;
  int error = fits ? file.Open(name.data()) : -ENAMETOOLONG;
  DescriptorSink sink(file.fd());
  if (error == 0) error = file.Close(WriteTo(&sink, profile));
  if (error == 0) ++g_files_written;
  Text<kPathCapacity + 128> line;
  if (error != 0) {
    Say(line.Str("cannot write wall-clock profile ").Str(name.data()).Str(": ").Str(ErrnoText(-error)));
  } else if (GetOptions().verbose) {
    Say(line.Str("wrote ").Str(name.data()));
  }
  return error;
}

int Start(int fd, int hz) {
  struct stat file = {};
  if (fd >= 0 && RawSyscall(SYS_fstat, fd, reinterpret_cast<long>(&file)) != 0) return -EBADF;
  const int error = wall::Start(hz);
  if (error != 0) return error;
  g_fd = fd;
  g_fd_file = file;
  return 0;
}

void SayIfCutShort(const wall::WallProfile& profile) {
  if (profile.rights_changed) {
    Say("the program changed its rights or its memory past libc: the wall-clock profile ends there");
  } else if (profile.given_up == wall::GivenUp::kWaits) {
    Say("the program waits for children of all kinds (__WALL), of which the watcher would be one: the "
        "wall-clock "
        "profile ends there");
  } else if (profile.given_up == wall::GivenUp::kConfined) {
    Say("the program confined itself by seccomp: the wall-clock profile ends there");
  } else if (profile.not_resumed != 0) {
    Text<160> line;
    Say(line.Str("the wall-clock profile ends where the program changed its rights: ")
            .Str(ErrnoText(-profile.not_resumed)));
  } else if (profile.killed) {
    Say("the process that watched the threads was killed: the wall-clock profile ends there");
  } else if (profile.refused >= profile.stops &&
             (profile.truncated - profile.in_bare_code) * 2 > profile.stacks) {
    Say("the threads may not be stopped (ptrace is forbidden here, or a debugger has them): the wall-clock "
        "profile lacks stacks");
  }
}

// What the end of a profile is given.
struct End {
  ByteSink* caller;  // of a profile for a caller; nullptr: it is thrown away
  int result;

  int Write(const wall::WallProfile& profile) const {
    if (g_fd == kToFile) return WriteToFile(profile);
    if (g_fd == kToCaller) return caller == nullptr ? 0 : WriteTo(caller, profile);
    DescriptorSink sink(g_fd);
    return WriteTo(&sink, profile);
  }
};

int EndProfile(ByteSink* caller) {
  End end = {caller, 0};
  auto write = [](const wall::WallProfile& profile, void* argument) {
    auto* end = static_cast<End*>(argument);
    end->result = end->Write(profile);
    CountDump(end->result);
    SayIfCutShort(profile);
  };
  const int error = wall::Stop(write, &end);
  return error != 0 ? error : end.result;
}

// By anybody but who is to have it.
int Stop() { return wall::HasProfile() && g_fd == kToCaller ? -EBUSY : EndProfile(nullptr); }

// At exit nobody is left to stop a profile that goes to a descriptor. That may have been closed, and another
// file may have its number now.
int StopAtExit() {
  if (g_fd < 0) return EndProfile(nullptr);
  struct stat file = {};
  Text<160> line;
  line.Str("the wall-clock profile that descriptor ").Dec(g_fd).Str(" was to get is not written: ");
  if (RawSyscall(SYS_fstat, g_fd, reinterpret_cast<long>(&file)) != 0 || file.st_dev != g_fd_file.st_dev ||
      file.st_ino != g_fd_file.st_ino) {
    Say(line.Str("it was closed"));
    return -EBADF;
  }
  const int error = Stop();
  if (error != 0) Say(line.Str(ErrnoText(-error)));
  return error;
}

// What is to be done under the lock, on a stack of our own: a handler may have a small one.
struct Work {
  int (*function)(const Work& work);
  int fd, hz;
  ByteSink* sink = nullptr;
  int result = 0;

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

int StartToFile(const Work& work) {
  const int error = Start(kToFile, work.hz);
  Text<160> line;
  if (error != 0) Say(line.Str("no wall-clock profile: ").Str(ErrnoText(-error)));
  return error;
}

}  // namespace

int StartWallProfile(int fd, int hz) {
  const long flags = RawSyscall(SYS_fcntl, fd, F_GETFL);
  if (hz < kMinCpuHz || hz > kMaxCpuHz) return -EINVAL;
  if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) return -EBADF;
  return Perform({[](const Work& work) { return Start(work.fd, work.hz); }, fd, hz});
}

int StopWallProfile() {
  return Perform({[](const Work&) { return Stop(); }, kToFile, 0});
}

int StartWallProfileForCaller(int hz) {
  return Perform({[](const Work& work) { return Start(work.fd, work.hz); }, kToCaller, hz});
}

int StopWallProfileForCaller(ByteSink* sink) {
  auto stop = [](const Work& work) {
    return wall::HasProfile() && g_fd == kToCaller ? EndProfile(work.sink) : -ENOENT;
  };
  return Perform({stop, kToCaller, 0, sink});
}

void StartWallProfileAtStart() {
  if (GetOptions().wall_at_start) Perform({StartToFile, kToFile, GetOptions().wall_hz});
}

void StopWallProfileAtExit() {
  if (!wall::HasProfile()) return;
  Perform({[](const Work&) { return StopAtExit(); }, kToFile, 0});
}

void WallProfileAfterForkInChild(bool copied) {
  g_lock.ResetAfterFork();
  g_memory.GiveBack();
  g_files_written = 0;
  const bool whole_life = wall::ChildAfterFork() && g_fd == kToFile && GetOptions().wall_at_start;
  // A copy is found out when it asks for something, at its end at the latest.
  if (whole_life && !copied) StartWallProfileAtStart();
}

}  // namespace heapprof
