// SPDX-License-Identifier: Apache-2.0
#include "profiles/wall_profile.h"

#include <errno.h>

#include "base/constinit.h"
#include "base/options.h"
#include "base/text.h"
#include "profiles/dump.h"
#include "profiles/output/clocked_output.h"
#include "profiles/write/proto_parts.h"
#include "sampling/wall/wait_kind.h"
#include "sampling/wall/wall_sampler.h"
#include "sampling/wall/wall_session.h"

namespace heapprof {
namespace {

HP_CONSTINIT LockedClockedOutput<LockRank::kWallProfile> g_output("wall-clock", ".wall.pb.gz");

constexpr int kToFile = ClockedOutput::kToFile, kToCaller = ClockedOutput::kToCaller;

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

int WriteTo(ByteSink* sink, const void* argument) {
  const auto& profile = *static_cast<const wall::WallProfile*>(argument);
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
  return WriteCountProto(counts, sink, g_output.workspace());
}

int Start(int fd, int hz) {
  return g_output.Start(fd, [=] { return wall::Start(hz); });
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
};

int EndProfile(ByteSink* caller) {
  End end = {caller, 0};
  auto write = [](const wall::WallProfile& profile, void* argument) {
    auto* end = static_cast<End*>(argument);
    end->result = g_output.Write(end->caller, WriteTo, &profile);
    CountDump(end->result);
    SayIfCutShort(profile);
  };
  const int error = wall::Stop(write, &end);
  return error != 0 ? error : end.result;
}

// By anybody but who is to have it.
int Stop() { return wall::HasProfile() && g_output.to() == kToCaller ? -EBUSY : EndProfile(nullptr); }

int StartToFile() {
  const int error = Start(kToFile, GetOptions().wall_hz);
  Text<160> line;
  if (error != 0) Say(line.Str("no wall-clock profile: ").Str(ErrnoText(-error)));
  return error;
}

}  // namespace

int StartWallProfile(int fd, int hz) {
  const int error = ClockedOutput::Check(fd, hz);
  return error != 0 ? error : g_output.Perform([=] { return Start(fd, hz); });
}

int StopWallProfile() { return g_output.Perform(Stop); }

int StartWallProfileForCaller(int hz) {
  return g_output.Perform([=] { return Start(kToCaller, hz); });
}

int StopWallProfileForCaller(ByteSink* sink) {
  return g_output.Perform(
      [=] { return wall::HasProfile() && g_output.to() == kToCaller ? EndProfile(sink) : -ENOENT; });
}

void StartWallProfileAtStart() {
  if (GetOptions().wall_at_start) g_output.Perform(StartToFile);
}

void StopWallProfileAtExit() {
  if (!wall::HasProfile()) return;
  g_output.Perform([] { return g_output.EndAtExit([] { return EndProfile(nullptr); }); });
}

void WallProfileAfterForkInChild(bool copied) {
  g_output.AfterForkInChild();
  const bool whole_life = wall::ChildAfterFork() && g_output.to() == kToFile && GetOptions().wall_at_start;
  // A copy is found out when it asks for something, at its end at the latest.
  if (whole_life && !copied) StartWallProfileAtStart();
}

}  // namespace heapprof
