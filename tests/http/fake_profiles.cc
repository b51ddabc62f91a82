// SPDX-License-Identifier: Apache-2.0
#include "tests/http/fake_profiles.h"

#include <errno.h>
#include <string.h>

#include "base/option_text.h"
#include "base/options.h"
#include "http/differences.h"
#include "http/pages.h"
#include "profiles/cpu_profile.h"
#include "profiles/dump.h"
#include "profiles/live_options.h"
#include "profiles/moments/profile_moment.h"
#include "profiles/wall_profile.h"

namespace heapprof {

using http::Fake;

namespace {

int Put(ByteSink* sink, const std::string& text) {
  if (Fake().error != 0) return Fake().error;
  return sink->Write(text.data(), text.size());
}

int Start(bool* clock) {
  if (Fake().error != 0) return Fake().error;
  if (*clock) return -EBUSY;
  *clock = true;
  return 0;
}

int Stop(bool* clock, ByteSink* sink, const char* text) {
  *clock = false;
  return sink == nullptr ? 0 : Put(sink, text);
}

std::string* Live(const char* name) {
  if (strcmp(name, "sample_interval") == 0) return &Fake().interval;
  return strcmp(name, "dump_every") == 0 ? &Fake().dump_every : nullptr;
}

}  // namespace

int WriteProfileTo(const char* name, ByteSink* sink, int debug, const CallerFrame&) {
  return Put(sink, std::string(name) + " " + std::to_string(debug));
}
int WriteProfileByOwnThread(const NamedProfile& profile, ByteSink* sink, int debug) {
  return Put(sink, "own " + std::string(profile.name) + " " + std::to_string(debug));
}
int StartCpuProfileForCaller(int, bool) { return Start(&Fake().cpu); }
int StopCpuProfileForCaller(ByteSink* sink) { return Stop(&Fake().cpu, sink, "ticks"); }
int StartWallProfileForCaller(int) { return Start(&Fake().wall); }
int StopWallProfileForCaller(ByteSink* sink) { return Stop(&Fake().wall, sink, "looks"); }

bool HasDifference(ProfileKind kind) { return kind != ProfileKind::kMemory; }
void ProfileMoment::Free() {
  if (count_ != 0) --Fake().moments;
  count_ = 0;
}
int ProfileMoment::Take(const NamedProfile&, const OwnStack&) {
  if (Fake().error != 0) return Fake().error;
  if (count_ == 0) ++Fake().moments;
  count_ = 1;
  return 0;
}

bool PutLiveOption(const char* name, TextWriter* text) {
  if (const std::string* live = Live(name)) {
    text->Str(live->c_str());
    return true;
  }
  return PutOption(name, GetOptions(), text);
}
int CheckLiveOption(const char* name, const char* value) {
  Options read;
  const OptionVerdict verdict = ReadOption(name, value, &read);
  if (verdict == OptionVerdict::kUnknown) return -ENOENT;
  if (Live(name) == nullptr) return -EPERM;
  return verdict == OptionVerdict::kGood ? 0 : -EINVAL;
}
int SetLiveOption(const char* name, const char* value) {
  const int error = CheckLiveOption(name, value);
  if (error == 0) *Live(name) = value;
  return error;
}

namespace http {

FakeProfiles& Fake() {
  static FakeProfiles fake;
  return fake;
}

int TakeMoment(const NamedProfile& profile, ProfileMoment* moment) { return moment->Take(profile, {}); }
int WriteSince(const NamedProfile& profile, const ProfileMoment&, ByteSink* sink) {
  return Put(sink, "since " + std::string(profile.name));
}
const NamedProfile* ProfileOfDelta(const char* name) {
  return strcmp(name, "delta_heap") == 0 ? ProcessProfiles().Lookup("heap") : nullptr;
}
int WriteSinceLast(const NamedProfile& profile, ByteSink* sink) {
  return Put(sink, "since last " + std::string(profile.name));
}
void WriteMetrics(Answer* answer) {
  answer->Begin(kOk, "text/plain");
  answer->Str("metrics");
}

}  // namespace http
}  // namespace heapprof
