// SPDX-License-Identifier: Apache-2.0
#include "http/exchange.h"

#include <errno.h>
#include <string.h>

#include "base/options.h"
#include "base/system/process_copy.h"
#include "http/differences.h"
#include "http/pages.h"
#include "profiles/cpu_profile.h"
#include "profiles/dump.h"
#include "profiles/wall_profile.h"

namespace heapprof::http {

namespace {

constexpr char kPrefix[] = "/debug/pprof/";
constexpr char kBinary[] = "application/octet-stream";
constexpr int64_t kSecond = 1'000'000'000, kDefaultSeconds = 30, kMaxSeconds = 86400;
constexpr size_t kMaxPath = 512;

}  // namespace

int64_t Exchange::Begin(const Request& request) {
  AdoptIfCopy();
  found_ = true;
  const int64_t wait = Route(request);
  if (answer_.out_of_memory()) answer_.Fail(kServerError, "no memory for the answer");
  return wait;
}

int64_t Exchange::Route(const Request& request) {
  Text<kMaxPath> path;
  if (!Unescape(request.path, false, &path)) {
    answer_.FailPlainly(kBadRequest, "bad path");
    return 0;
  }
  const char* const at = path.data();
  Text<kMaxPath> clean;
  const bool fits = CleanPath(at, &clean);
  if (fits && strcmp(clean.data(), "/debug/pprof") == 0) {
    Redirect(request, kPrefix);
  } else if (fits && strcmp(at, clean.data()) != 0) {
    found_ = strncmp(clean.data(), kPrefix, strlen(kPrefix)) == 0;
    Redirect(request, clean.data());
  } else if (strcmp(at, "/metrics") == 0) {
    WriteMetrics(&answer_);
  } else if (strcmp(at, "/debug/heapprof/options") == 0) {
    WriteOptions(request, &answer_);
  } else if (strncmp(at, kPrefix, strlen(kPrefix)) == 0) {
    return BeginProfile(request, at + strlen(kPrefix));
  } else {
    found_ = false;
    answer_.FailPlainly(kNotFound, "404 page not found");
  }
  return 0;
}

// As Go's Redirect, which sends a page with it to GET alone.
void Exchange::Redirect(const Request& request, const char* path) {
  TextWriter to(location_, sizeof(location_));
  Escape(path, &to);
  if (request.query.size != 0) to.Str("?").Str(request.query.data, request.query.size);
  if (to.cut()) return answer_.FailPlainly(kNotFound, "404 page not found");
  const bool is_get = request.method.Is("GET");
  answer_.Begin(kMovedPermanently, is_get || request.IsHead() ? "text/html; charset=utf-8" : "");
  answer_.AddField("Location", location_);
  if (is_get) answer_.Str("<a href=\"").Escaped(location_).Str("\">Moved Permanently</a>.\n\n");
}

int64_t Exchange::BeginProfile(const Request& request, const char* name) {
  if (*name == '\0') {
    WriteIndex(&answer_);
  } else if (strcmp(name, "cmdline") == 0) {
    WriteCommandLine(&answer_);
  } else if (strcmp(name, "symbol") == 0) {
    WriteSymbols(request, &answer_);
  } else if (strcmp(name, "profile") == 0) {
    return BeginClock(request, Pending::kCpu);
  } else if (strcmp(name, "wall") == 0) {
    return BeginClock(request, Pending::kWall);
  } else if (const NamedProfile* since_last = ProfileOfDelta(name)) {
    WriteDelta(request, *since_last);
  } else if (const NamedProfile* profile = ProcessProfiles().Lookup(name)) {
    constexpr size_t kMaxNumber = 64;
    Text<kMaxNumber> seconds;
    FormValue(request, "seconds", &seconds);
    if (seconds.size() != 0) return BeginDifference(request, *profile, name, seconds.data());
    const int64_t debug = IntValue(request, "debug");
    const bool threads = profile->kind == ProfileKind::kThreads;
    WriteNow(*profile, name, debug == 0 ? 0 : threads && debug > 1 ? 2 : 1);
  } else {
    answer_.Fail(kNotFound, "Unknown profile");
  }
  return 0;
}

int64_t Exchange::BeginDifference(const Request& request, const NamedProfile& profile, const char* name,
                                  const char* seconds) {
  int64_t number = 0;
  if (!ParseInt(seconds, &number) || number <= 0 || number > kMaxSeconds) {
    answer_.Fail(kBadRequest, "invalid value for \"seconds\" - must be a positive integer");
    return 0;
  }
  if (!HasDifference(profile.kind)) {
    answer_.Fail(kBadRequest, "\"seconds\" parameter is not supported for this profile type");
    return 0;
  }
  if (IntValue(request, "debug") != 0) {
    answer_.Fail(kBadRequest, "seconds and debug params are incompatible");
    return 0;
  }
  if (TakeMoment(profile, &before_) != 0) {
    before_.Free();
    answer_.Fail(kServerError, "failed to collect profile");
    return 0;
  }
  pending_ = Pending::kDifference;
  profile_ = &profile;
  TextWriter(name_, sizeof(name_)).Str(name);
  return number * kSecond;
}

int64_t Exchange::BeginClock(const Request& request, Pending clock) {
  constexpr size_t kMaxNumber = 64;
  Text<kMaxNumber> seconds;
  FormValue(request, "seconds", &seconds);
  int64_t number = 0;
  if (!ParseInt(seconds.data(), &number) || number <= 0 || number > kMaxSeconds) number = kDefaultSeconds;
  const Options& options = GetOptions();
  const int error = clock == Pending::kCpu
                        ? StartCpuProfileForCaller(options.cpu_hz, caller_.kind == CallerKind::kOwnThread)
                        : StartWallProfileForCaller(options.wall_hz);
  if (error == 0) {
    pending_ = clock;
    return number * kSecond;
  }
  const char* const word = clock == Pending::kCpu ? "CPU" : "wall-clock";
  Text<160> line;
  line.Str("Could not enable ").Str(word).Str(" profiling: ");
  if (error == -EBUSY) {
    line.Str(clock == Pending::kCpu ? "cpu" : "wall-clock").Str(" profiling already in use");
  } else if (error == -EEXIST) {
    line.Str("the program uses SIGPROF or ITIMER_PROF itself");
  } else {
    line.Str(ErrnoText(-error));
  }
  answer_.Fail(kServerError, line.data());
  return 0;
}

void Exchange::BeginBinary(const char* name, const char* suffix) {
  answer_.Begin(kOk, kBinary);
  answer_.AddField("X-Content-Type-Options", "nosniff");
  answer_.SetFileName(name, suffix);
}

void Exchange::FinishBody(int error) {
  if (error == 0 && !answer_.out_of_memory()) return;
  Text<160> line;
  line.Str("Could not write the profile: ").Str(ErrnoText(error == 0 ? ENOMEM : -error));
  answer_.Fail(kServerError, line.data());
}

void Exchange::WriteNow(const NamedProfile& profile, const char* name, int debug) {
  if (debug != 0) {
    answer_.Begin(kOk, "text/plain; charset=utf-8");
    answer_.AddField("X-Content-Type-Options", "nosniff");
  } else {
    BeginBinary(name, "");
  }
  FinishBody(caller_.kind == CallerKind::kOwnThread
                 ? WriteProfileByOwnThread(profile, answer_.sink(), debug)
                 : WriteProfileTo(profile.name, answer_.sink(), debug, caller_.frame));
}

void Exchange::WriteDelta(const Request& request, const NamedProfile& profile) {
  constexpr size_t kMaxNumber = 64;
  Text<kMaxNumber> seconds;
  FormValue(request, "seconds", &seconds);
  if (seconds.size() != 0) {
    return answer_.Fail(kBadRequest, "\"seconds\" parameter is not supported for this profile type");
  }
  BeginBinary(profile.name, ".pprof.gz");
  FinishBody(WriteSinceLast(profile, answer_.sink()));
}

void Exchange::Finish() {
  AdoptIfCopy();
  const Pending pending = pending_;
  pending_ = Pending::kNothing;
  int error = 0;
  if (pending == Pending::kDifference) {
    BeginBinary(name_, "-delta");
    error = WriteSince(*profile_, before_, answer_.sink());
    before_.Free();
  } else if (pending == Pending::kCpu) {
    BeginBinary("profile", "");
    error = StopCpuProfileForCaller(answer_.sink());
  } else if (pending == Pending::kWall) {
    BeginBinary("wall", "");
    error = StopWallProfileForCaller(answer_.sink());
  }
  FinishBody(error);
}

void Exchange::Abandon() {
  const Pending pending = pending_;
  pending_ = Pending::kNothing;
  if (pending == Pending::kDifference) {
    before_.Free();
  } else if (pending == Pending::kCpu) {
    StopCpuProfileForCaller(nullptr);
  } else if (pending == Pending::kWall) {
    StopWallProfileForCaller(nullptr);
  }
}

}  // namespace heapprof::http
