// SPDX-License-Identifier: Apache-2.0
#include "http/differences.h"

#include <string.h>

#include <initializer_list>

#include "base/lock/owner_lock.h"
#include "base/system/signals_blocked.h"
#include "profiles/dump.h"

namespace heapprof::http {
namespace {

OwnerLock<LockRank::kDelta> g_lock;
// What the last requests have left.
ProfileMoment g_last_heap HP_GUARDED_BY(g_lock), g_last_block HP_GUARDED_BY(g_lock),
    g_last_mutex HP_GUARDED_BY(g_lock);

ProfileMoment* LastOf(const NamedProfile& profile) HP_REQUIRES(g_lock) {
  return profile.kind == ProfileKind::kHeap    ? &g_last_heap
         : profile.kind == ProfileKind::kBlock ? &g_last_block
                                               : &g_last_mutex;
}

// What is done under the lock of dumps.
struct Work {
  const NamedProfile* profile;
  ProfileMoment* now;
  const ProfileMoment* before;  // nullptr: nothing is written
  bool in_use_as_it_is;
  ByteSink* sink;

  static int Run(void* argument, void* workspace) {
    const auto* work = static_cast<Work*>(argument);
    const int error = work->now->Take(*work->profile, OwnStack{});
    if (error != 0 || work->before == nullptr) return error;
    return WriteDifference(*work->profile, *work->before, work->now, work->in_use_as_it_is, work->sink,
                           workspace);
  }
};

}  // namespace

int TakeMoment(const NamedProfile& profile, ProfileMoment* moment) {
  Work work = {&profile, moment, nullptr, false, nullptr};
  return RunAsDump(Work::Run, &work);
}

int WriteSince(const NamedProfile& profile, const ProfileMoment& before, ByteSink* sink) {
  ProfileMoment now;
  Work work = {&profile, &now, &before, false, sink};
  const int error = RunAsDump(Work::Run, &work);
  now.Free();
  return error;
}

const NamedProfile* ProfileOfDelta(const char* name) {
  constexpr char kDelta[] = "delta_";
  if (strncmp(name, kDelta, strlen(kDelta)) != 0) return nullptr;
  name += strlen(kDelta);
  for (const char* known : {"heap", "block", "mutex"}) {
    if (strcmp(name, known) == 0) return ProcessProfiles().Lookup(name);
  }
  return nullptr;
}

int WriteSinceLast(const NamedProfile& profile, ByteSink* sink) {
  const SignalsBlocked blocked;
  g_lock.Lock();
  ProfileMoment now;
  ProfileMoment* last = LastOf(profile);
  Work work = {&profile, &now, last, true, sink};
  const int error = RunAsDump(Work::Run, &work);
  if (error == 0) last->Swap(&now);
  now.Free();
  g_lock.Unlock();
  return error;
}

void DifferencesAfterForkInChild() { g_lock.ResetAfterFork(); }

}  // namespace heapprof::http
