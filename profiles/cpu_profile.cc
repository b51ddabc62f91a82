// SPDX-License-Identifier: Apache-2.0
#include "profiles/cpu_profile.h"

#include <errno.h>

#include "base/constinit.h"
#include "base/options.h"
#include "base/text.h"
#include "profiles/dump.h"
#include "profiles/output/clocked_output.h"
#include "profiles/triggers.h"
#include "profiles/write/proto_parts.h"
#include "sampling/cpu/cpu_sampler.h"

namespace heapprof {
namespace {

HP_CONSTINIT LockedClockedOutput<LockRank::kCpuProfile> g_output("CPU", ".cpu.pb.gz");
// Guarded by its lock.
CpuProfileWriter g_peer = nullptr;  // of kToPeer
bool g_taken_past_libc = false;     // of the profile that is being stopped

constexpr int kToFile = ClockedOutput::kToFile, kToPeer = ClockedOutput::kToPeer,
              kToCaller = ClockedOutput::kToCaller;

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

int WriteTo(ByteSink* sink, const void* argument) {
  const auto& profile = *static_cast<const cpu::CpuProfile*>(argument);
  return WriteCountProto(
      {profile.stacks, "samples", "cpu", "nanoseconds", profile.period, profile.start, profile.duration,
       profile.lost, profile.outside, nullptr, 0, WriteCpuComments, &profile},
      sink, g_output.workspace());
}

int Start(int fd, int hz, bool only_timers) {
  return g_output.Start(fd, [=] { return cpu::Start(hz, only_timers); });
}

// What the end of a profile is given.
struct End {
  ByteSink* caller;  // of a profile for a caller; nullptr: it is thrown away
  int result;

  int Write(const cpu::CpuProfile& profile) const {
    if (g_output.to() == kToPeer) return g_peer(profile, g_output.workspace());
    return g_output.Write(caller, WriteTo, &profile);
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
int Stop() { return cpu::HasProfile() && g_output.to() == kToCaller ? -EBUSY : EndProfile(nullptr); }

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

int StartToFile() {
  const int error = Start(kToFile, GetOptions().cpu_hz, false);
  if (error != 0) SayNotStarted(error);
  return error;
}

void OnCpuSignal(int, siginfo_t*, void*) {
  g_output.Perform([] { return cpu::HasProfile() ? Stop() : StartToFile(); });
}

}  // namespace

int StartCpuProfile(int fd, int hz) {
  const int error = ClockedOutput::Check(fd, hz);
  return error != 0 ? error : g_output.Perform([=] { return Start(fd, hz, false); });
}

int StartCpuProfileFor(CpuProfileWriter write, int hz) {
  return g_output.Perform([=] {
    const int error = Start(kToPeer, hz, false);
    if (error == 0) g_peer = write;
    return error;
  });
}

int StopCpuProfile() { return g_output.Perform(Stop); }

int StartCpuProfileForCaller(int hz, bool only_timers) {
  return g_output.Perform([=] { return Start(kToCaller, hz, only_timers); });
}

int StopCpuProfileForCaller(ByteSink* sink) {
  return g_output.Perform(
      [=] { return cpu::HasProfile() && g_output.to() == kToCaller ? EndProfile(sink) : -ENOENT; });
}

void CpuProfileLosesItsSignal(const char* what) {
  if (!cpu::Running() || !cpu::HasProfile()) return;
  Text<160> line;
  Say(line.Str(what).Str(": the CPU profile ends here"));
  g_output.Perform([] {
    cpu::Halt();
    return g_output.has_descriptor() ? 0 : Stop();
  });
}

void InstallCpuTriggers() {
  const Options& options = GetOptions();
  if (options.cpu_signal > 0) InstallHandler(options.cpu_signal, OnCpuSignal);
  if (options.cpu_at_start) g_output.Perform(StartToFile);
}

void StopCpuProfileAtExit() {
  if (!cpu::HasProfile()) return;
  g_output.Perform([] { return g_output.EndAtExit([] { return EndProfile(nullptr); }); });
}

void CpuProfileAfterForkInChild(bool copied) {
  g_output.AfterForkInChild();
  const bool whole_life = cpu::ChildAfterFork() && g_output.to() == kToFile && GetOptions().cpu_at_start;
  // A copy is found out when it asks for something, at its end at the latest.
  if (whole_life && !copied) g_output.Perform(StartToFile);
}

}  // namespace heapprof
